//! Durations as people write them: `8s`, `90 minutes`, `1h 30m`.

use std::ops::Range;
use std::time::Duration;

use thiserror::Error;

/// The longest text read as a duration, in bytes. With [`MAX_DIGITS`] it keeps every sum far below `u64` seconds, where
/// the parser underneath would panic.
const MAX_LENGTH: usize = 100;
const MAX_DIGITS: usize = 9;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct DurationError {
    problem: String,
    span: Range<usize>,
}

impl DurationError {
    fn new(problem: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            problem: problem.into(),
            span,
        }
    }

    /// The bytes of the text that are wrong.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// Reads a duration such as `8s`, `2 hours` or `1h 30m`.
///
/// Units: ns, us, ms, s, m, h, d, w, months (30.44 days), years (365.25 days) and their usual spellings. The one-letter
/// `M` is refused, because most people who write it mean minutes.
///
/// # Errors
///
/// [`DurationError`] with the offending bytes when the text is no duration.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.len() > MAX_LENGTH {
        return Err(DurationError::new(
            "a duration this long is not readable",
            0..text.len(),
        ));
    }
    if let Some(span) = words(text).find(|span| &text[span.clone()] == "M") {
        return Err(DurationError::new(
            "`M` is ambiguous; write `m` for minutes or `months`",
            span,
        ));
    }
    if let Some(span) = digits(text).find(|span| span.len() > MAX_DIGITS) {
        return Err(DurationError::new("the number is too large", span));
    }
    humantime::parse_duration(text).map_err(|error| describe(text, error))
}

/// Writes a duration the way [`parse_duration`] reads it: `8s`, `1h 30m`.
pub fn format_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn describe(text: &str, error: humantime::DurationError) -> DurationError {
    use humantime::DurationError as Cause;
    match error {
        Cause::Empty => DurationError::new(
            "the duration is missing; write a number and a unit such as `2 hours`",
            0..text.len(),
        ),
        Cause::NumberExpected(at) => {
            let span = word_at(text, at);
            let problem = format!("a number is missing before `{}`", &text[span.clone()]);
            DurationError::new(problem, span)
        }
        Cause::InvalidCharacter(at) => {
            let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
            DurationError::new(format!("`{}` has no place in a duration", &text[at..end]), at..end)
        }
        Cause::UnknownUnit {
            start,
            end,
            unit,
            value,
        } if unit.is_empty() => DurationError::new(
            format!("`{value}` has no unit; write `{value}s`, `{value}m` or `{value}h`"),
            start..end,
        ),
        Cause::UnknownUnit { start, end, unit, .. } => {
            DurationError::new(format!("`{unit}` is not a unit; use s, m, h, d or w"), start..end)
        }
        Cause::NumberOverflow => DurationError::new("the number is too large or too fine", 0..text.len()),
    }
}

/// Runs of letters.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    runs(text, char::is_alphabetic)
}

/// Runs of digits.
fn digits(text: &str) -> impl Iterator<Item = Range<usize>> {
    runs(text, |c| c.is_ascii_digit())
}

fn runs(text: &str, belongs: impl Fn(char) -> bool + Copy) -> impl Iterator<Item = Range<usize>> {
    text.char_indices()
        .filter(move |&(at, c)| belongs(c) && !text[..at].ends_with(belongs))
        .map(move |(at, _)| {
            let length = text[at..].find(|c| !belongs(c)).unwrap_or(text.len() - at);
            at..at + length
        })
}

fn word_at(text: &str, at: usize) -> Range<usize> {
    let length = text[at..].find(char::is_whitespace).unwrap_or(text.len() - at);
    at..at + length
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{format_duration, parse_duration};

    fn problem(text: &str) -> (String, String) {
        match parse_duration(text) {
            Ok(duration) => (format!("no problem: {duration:?}"), String::new()),
            Err(error) => (error.to_string(), text[error.span()].to_owned()),
        }
    }

    #[test]
    fn durations_are_read_in_the_spellings_people_use() {
        for (text, seconds) in [
            ("8s", 8),
            ("2 hours", 7200),
            ("1h 30m", 5400),
            ("90 minutes", 5400),
            ("1 day", 86_400),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn a_formatted_duration_reads_back() {
        for seconds in [1, 59, 60, 90, 3600, 86_399, 604_800] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn each_problem_names_the_bytes_that_are_wrong() {
        for (text, says, at) in [
            (
                "2 fortnights",
                "`fortnights` is not a unit; use s, m, h, d or w",
                "fortnights",
            ),
            ("5", "`5` has no unit; write `5s`, `5m` or `5h`", ""),
            ("hour", "a number is missing before `hour`", "hour"),
            ("-5s", "a number is missing before `-5s`", "-5s"),
            ("5M", "`M` is ambiguous; write `m` for minutes or `months`", "M"),
            ("1h, 2m", "`,` has no place in a duration", ","),
            (
                "",
                "the duration is missing; write a number and a unit such as `2 hours`",
                "",
            ),
            (
                "18446744073709551615s 1000ms",
                "the number is too large",
                "18446744073709551615",
            ),
        ] {
            assert_eq!(problem(text), (says.to_owned(), at.to_owned()), "{text}");
        }
    }
}
