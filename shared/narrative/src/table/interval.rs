//! Lengths of time, written as PostgreSQL writes simple ones: `30 days`, `1 year 6 months`.

use std::fmt;

/// What [`Interval::parse`] accepts, for refusals.
pub(super) const FORM: &str = "an interval is whole numbers with units, such as `30 days` or `1 hour 30 minutes`; units are second, minute, \
     hour, day, week, month and year";

/// The longest interval that is accepted, so that no moment leaves what PostgreSQL can count.
const LONGEST_YEARS: u64 = 1000;

/// A length of time of at most 1000 years. Months and years are as long as those of the calendar that they are added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval(Vec<(u32, Unit)>);

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A second.
    Second,
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// A day of the calendar.
    Day,
    /// 7 days.
    Week,
    /// A month of the calendar.
    Month,
    /// 12 months.
    Year,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 7] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// How long it is at most.
    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 2_678_400,
            Self::Year => 31_622_400,
        }
    }

    /// The unit of one of its two names, in whatever case.
    fn named(name: &str) -> Option<Self> {
        let singular = name.strip_suffix(['s', 'S']).unwrap_or(name);
        Self::ALL
            .into_iter()
            .find(|unit| unit.name().eq_ignore_ascii_case(singular))
    }
}

impl Interval {
    /// An interval of these numbers of units; `None` when there is none, more than eight, or they are longer than 1000 years.
    pub fn of(parts: Vec<(u32, Unit)>) -> Option<Self> {
        let seconds: u64 = parts
            .iter()
            .map(|(number, unit)| u64::from(*number).saturating_mul(unit.seconds()))
            .fold(0, u64::saturating_add);
        let is_short = seconds <= LONGEST_YEARS * Unit::Year.seconds();
        ((1..=8).contains(&parts.len()) && is_short).then_some(Self(parts))
    }

    /// The numbers of units, in their order.
    pub fn parts(&self) -> &[(u32, Unit)] {
        &self.0
    }

    /// Reads `30 days`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let mut parts = Vec::new();
        while let Some(number) = words.next() {
            // A sign is not part of it: it stands before the interval.
            let number = number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)?;
            parts.push((number.parse().ok()?, Unit::named(words.next()?)?));
        }
        Self::of(parts)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (number, unit)) in self.0.iter().enumerate() {
            let blank = if place == 0 { "" } else { " " };
            let plural = if *number == 1 { "" } else { "s" };
            write!(formatter, "{blank}{number} {}{plural}", unit.name())?;
        }
        Ok(())
    }
}
