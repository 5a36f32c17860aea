//! Numbers and their ranges.

use std::{ops::RangeInclusive, time::Duration};

use toml::Spanned;

use super::page::Page;
use crate::{
    document::{BudgetEntry, CarouselEntry, SpendEntry},
    narrative::{Budget, Carousel, Spend},
};

/// The longest that one call of a model may be given.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(1);

impl Page<'_> {
    /// The whole number at `key`, if it is in `range`.
    pub(super) fn whole(&self, key: &str, number: Option<&Spanned<i64>>, range: RangeInclusive<u32>) -> Option<u32> {
        let number = number?;
        let written = *number.get_ref();
        let value = u32::try_from(written).ok().filter(|value| range.contains(value));
        if value.is_none() {
            let bounds = match (*range.start(), *range.end()) {
                (least, u32::MAX) => format!("at least {least}"),
                (least, most) => format!("from {least} to {most}"),
            };
            self.error(
                &number.span(),
                "out-of-range",
                format!("`{key}` is {written}; it must be {bounds}"),
            );
        }
        value
    }

    /// The fraction at `key`, if it is in `range`.
    pub(super) fn fraction(&self, key: &str, number: Option<&Spanned<f64>>, range: RangeInclusive<f64>) -> Option<f32> {
        let number = number?;
        let written = *number.get_ref();
        if !range.contains(&written) {
            let (least, most) = (range.start(), range.end());
            let message = format!("`{key}` is {written}; it must be from {least} to {most}");
            self.error(&number.span(), "out-of-range", message);
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no model tells temperatures apart at this precision"
        )]
        Some(written as f32)
    }

    pub(super) fn max_tokens(&self, number: Option<&Spanned<i64>>) -> Option<u32> {
        self.whole("max_tokens", number, 1..=u32::MAX)
    }

    pub(super) fn seed(&self, number: Option<&Spanned<i64>>) -> Option<u64> {
        self.whole("seed", number, 0..=i32::MAX.unsigned_abs()).map(u64::from)
    }

    pub(super) fn duration(&self, key: &str, written: Option<&Spanned<String>>) -> Option<Duration> {
        let written = written?;
        let parsed = Some(written.get_ref())
            .filter(|text| is_addable(text))
            .and_then(|text| humantime::parse_duration(text).ok())
            .filter(|duration| (Duration::from_millis(1)..=LONGEST_TIMEOUT).contains(duration));
        if parsed.is_none() {
            let message = format!("`{key}` is `{written}`; write a time of at most an hour, such as \"30s\" or \"2m\"");
            self.error(&written.span(), "out-of-range", message);
        }
        parsed
    }

    pub(super) fn carousel(&self, entry: &CarouselEntry) -> Carousel {
        let estimate = entry.estimated_tokens_per_iteration.as_ref();
        Carousel {
            iterations: self.whole("iterations", Some(&entry.iterations), 1..=1000).unwrap_or(1),
            estimated_tokens_per_iteration: self
                .whole("estimated_tokens_per_iteration", estimate, 1..=u32::MAX)
                .unwrap_or(1000),
            continue_on_error: entry.continue_on_error,
        }
    }

    /// The smallest of each share that the entries write.
    pub(super) fn budget<'e>(&self, entries: impl Iterator<Item = &'e BudgetEntry>) -> Budget {
        let shares = entries.map(|entry| Budget {
            requests_per_minute: self.share("rpm_multiplier", entry.requests_per_minute.as_ref()),
            tokens_per_minute: self.share("tpm_multiplier", entry.tokens_per_minute.as_ref()),
            requests_per_day: self.share("rpd_multiplier", entry.requests_per_day.as_ref()),
        });
        shares.fold(Budget::default(), Budget::smaller)
    }

    fn share(&self, key: &str, number: Option<&Spanned<f64>>) -> f64 {
        let Some(number) = number else { return 1.0 };
        let written = *number.get_ref();
        if written > 0.0 && written <= 1.0 {
            return written;
        }
        let message = format!("`{key}` is {written}; it must be over 0 and at most 1");
        self.error(&number.span(), "out-of-range", message);
        1.0
    }

    pub(super) fn spend(&self, entry: Option<&SpendEntry>) -> Spend {
        let Some(entry) = entry else { return Spend::default() };
        let count = |key, number: &Option<Spanned<i64>>| self.whole(key, number.as_ref(), 1..=u32::MAX).map(u64::from);
        Spend {
            tokens: count("tokens", &entry.tokens),
            calls: count("calls", &entry.calls),
            micro_usd: entry.usd.as_ref().and_then(|usd| self.micro_usd(usd)),
        }
    }

    fn micro_usd(&self, usd: &Spanned<f64>) -> Option<u64> {
        let written = *usd.get_ref();
        if !(0.000_001..=1_000_000.0).contains(&written) {
            let message = format!("`usd` is {written}; it must be from 0.000001 to 1000000");
            self.error(&usd.span(), "out-of-range", message);
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range above is a part of u64's, and less than a millionth of a dollar is nothing"
        )]
        Some((written * 1e6).round() as u64)
    }
}

/// Whether the parser of times can add up what stands in `text`: it panics at some sums beyond `u64` seconds, which fewer digits
/// cannot reach.
fn is_addable(text: &str) -> bool {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    text.len() <= 100 && numbers.all(|number| number.len() <= 9)
}
