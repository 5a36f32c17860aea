//! Time zones: what a clock on the wall shows, and which instants a time on it stands for.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

/// A time zone of the IANA database (in the release that the `chrono-tz` crate carries), such as `Europe/Berlin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

/// A text that names no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no time zone{}", suggestion(*.near))]
pub struct ZoneError {
    name: String,
    /// The zone that was probably meant.
    near: Option<&'static str>,
}

fn suggestion(near: Option<&'static str>) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => "; write a name of the IANA database such as `Europe/Berlin`".to_owned(),
    }
}

/// What a time on the wall stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WallTime {
    Once(DateTime<Utc>),
    /// Clocks were set back and show it a second time.
    Twice(DateTime<Utc>, DateTime<Utc>),
    /// Clocks were set forward over it; the first instant after that.
    Never {
        after: DateTime<Utc>,
    },
}

impl Zone {
    /// The zone without changes of its clocks.
    pub const UTC: Self = Self(Tz::UTC);

    /// The name in the IANA database.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What clocks in the zone show at an instant, with the zone's distance to UTC.
    pub fn wall_clock(self, at: DateTime<Utc>) -> DateTime<Tz> {
        at.with_timezone(&self.0)
    }

    pub(crate) fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        if self == Self::UTC {
            at.naive_utc()
        } else {
            at.with_timezone(&self.0).naive_local()
        }
    }

    pub(crate) fn resolve(self, wall: NaiveDateTime) -> WallTime {
        if self == Self::UTC {
            return WallTime::Once(wall.and_utc());
        }
        match self.0.from_local_datetime(&wall) {
            LocalResult::Single(at) => WallTime::Once(at.to_utc()),
            LocalResult::Ambiguous(one, other) => {
                let (one, other) = (one.to_utc(), other.to_utc());
                WallTime::Twice(one.min(other), one.max(other))
            }
            LocalResult::None => {
                let after = GapInfo::new(&wall, &self.0).and_then(|gap| gap.end);
                WallTime::Never {
                    // Every gap has an end; without one the clocks would stand still.
                    after: after.map_or_else(|| wall.and_utc(), |after| after.to_utc()),
                }
            }
        }
    }

    /// The times that clocks show twice, around one of them that an instant in the `first` and one in the `second` pass stand
    /// for: from the first of them to the first behind them.
    pub(crate) fn repeated(self, first: DateTime<Utc>, second: DateTime<Utc>) -> (NaiveDateTime, NaiveDateTime) {
        let offset = |at: DateTime<Utc>| {
            let seconds = self.0.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
            TimeDelta::seconds(seconds.into())
        };
        let (before, after) = (offset(first), offset(second));
        // The clocks were set back at a whole second after `first` and not after `second`.
        let (mut early, mut late) = (first.timestamp(), second.timestamp());
        while early + 1 < late {
            let middle = early + (late - early) / 2;
            let at = DateTime::from_timestamp(middle, 0).unwrap_or(first);
            if offset(at) == before {
                early = middle;
            } else {
                late = middle;
            }
        }
        let change = DateTime::from_timestamp(late, 0).unwrap_or(second).naive_utc();
        (change + after, change + before)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        name.parse().map(Self).map_err(|_| ZoneError {
            name: name.chars().take(60).collect(),
            near: nearest(name),
        })
    }
}

/// The zone whose name differs least, or ends with the city that was written.
fn nearest(name: &str) -> Option<&'static str> {
    let plain = |text: &str| text.replace([' ', '-'], "_").to_lowercase();
    let wanted = plain(name);
    let same = TZ_VARIANTS.iter().map(|zone| zone.name()).find(|zone| {
        let zone = plain(zone);
        zone == wanted || zone.rsplit('/').next() == Some(&wanted)
    });
    same.or_else(|| {
        let (zone, distance) = TZ_VARIANTS
            .iter()
            .map(|zone| (zone.name(), strsim::damerau_levenshtein(&plain(zone.name()), &wanted)))
            .min_by_key(|(_, distance)| *distance)?;
        ((4..=60).contains(&name.len()) && distance <= 2).then_some(zone)
    })
}
