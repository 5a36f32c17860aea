//! Cron expressions with Unix meaning, on top of the `cron` crate, whose dialect is another one.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound, TimeDelta, Timelike, Utc};
use cron::TimeUnitSpec;

use crate::cron_field::{Field, Unit};
use crate::longest_gap;
use crate::schedule_error::Problem;
use crate::zone::{WallTime, Zone};

/// A cron expression.
///
/// It is evaluated on the timeline of a clock on the wall as if that had no gaps and repeats, and each time on it is then
/// taken to the zone. Where clocks are set back, an expression that leaves the hour or a smaller unit open (with `*`) is due
/// in both passes and any other in the first. Where they are set forward, the former is not due in the gap and the latter at the
/// first instant after it. The rules are those of Vixie cron, made exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CronExpression {
    fields: Fields,
    has_seconds: bool,
    times: Times,
}

/// Where the due times come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Times {
    /// Due when any of these is. Two when day of month and weekday are both restricted, because the `cron` crate
    /// requires both to match and Unix either.
    Any(Vec<cron::Schedule>),
    /// Days that the crate cannot say: due at these times of those days that the fields include.
    OnSomeDays(Box<cron::Schedule>),
}

/// The fields as sets of values, weekdays counted from Sunday = 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) second: Field,
    pub(crate) minute: Field,
    pub(crate) hour: Field,
    pub(crate) day_of_month: Field,
    pub(crate) month: Field,
    pub(crate) weekday: Field,
    pub(crate) year: Field,
}

impl Fields {
    fn parse(text: &str, start: usize) -> Result<Self, Problem> {
        let whole = start..start + text.len();
        let mut start = start;
        let mut parts = Vec::new();
        for part in text.split(' ') {
            parts.push((part, start));
            start += part.len() + 1;
        }
        let parse = |unit, (text, start): (&str, usize)| Field::parse(unit, text, start);
        let (second, five, year) = match parts.as_slice() {
            five if five.len() == 5 => (None, five, None),
            [second, five @ ..] if five.len() == 5 => (Some(*second), five, None),
            [second, five @ .., year] if five.len() == 5 => (Some(*second), five, Some(*year)),
            _ => {
                let problem = format!(
                    "{} fields; cron has 5 (minute, hour, day of month, month, weekday), 6 (a second in front) or 7 (a year behind)",
                    parts.len()
                );
                return Err(Problem::new(problem, whole));
            }
        };
        Ok(Self {
            second: second.map_or_else(|| Ok(Field::zero(Unit::Second)), |part| parse(Unit::Second, part))?,
            minute: parse(Unit::Minute, five[0])?,
            hour: parse(Unit::Hour, five[1])?,
            day_of_month: parse(Unit::DayOfMonth, five[2])?,
            month: parse(Unit::Month, five[3])?,
            weekday: parse(Unit::Weekday, five[4])?,
            year: year.map_or_else(|| Ok(Field::every(Unit::Year)), |part| parse(Unit::Year, part))?,
        })
    }

    /// Whether either day field matching is enough.
    pub(crate) fn either_day_field(&self) -> bool {
        self.day_of_month.is_restricted() && self.weekday.is_restricted()
    }

    /// Whether some time of `date` is due.
    pub(crate) fn includes(&self, date: NaiveDate) -> bool {
        let day_of_month = self.day_of_month.includes(date);
        let weekday = self.weekday.includes(date);
        let day = if self.either_day_field() {
            day_of_month || weekday
        } else {
            day_of_month && weekday
        };
        day && self.month.contains(date.month())
            && u32::try_from(date.year()).is_ok_and(|year| self.year.contains(year))
    }

    fn compile(&self, day_of_month: &Field, weekday: &Field) -> Result<cron::Schedule, cron::error::Error> {
        let fields = [
            &self.second,
            &self.minute,
            &self.hour,
            day_of_month,
            &self.month,
            weekday,
            &self.year,
        ];
        fields.map(Field::to_cron).join(" ").parse()
    }

    fn times(&self) -> Result<Times, cron::error::Error> {
        let (any_day, any_weekday) = (Field::every(Unit::DayOfMonth), Field::every(Unit::Weekday));
        let special = !self.day_of_month.special_days().is_empty() || !self.weekday.special_days().is_empty();
        Ok(if special {
            Times::OnSomeDays(Box::new(self.compile(&any_day, &any_weekday)?))
        } else if self.either_day_field() {
            let by_day = self.compile(&self.day_of_month, &any_weekday)?;
            let by_weekday = self.compile(&any_day, &self.weekday)?;
            Times::Any(vec![by_day, by_weekday])
        } else {
            Times::Any(vec![self.compile(&self.day_of_month, &self.weekday)?])
        })
    }

    /// Whether the hour or a smaller unit is left open.
    fn leaves_time_open(&self) -> bool {
        [&self.second, &self.minute, &self.hour]
            .into_iter()
            .any(Field::starts_with_star)
    }
}

impl CronExpression {
    /// Reads five, six or seven fields separated by one space each; `start` is where they begin in the schedule's text.
    pub(crate) fn parse(text: &str, start: usize) -> Result<Self, Problem> {
        let whole = start..start + text.len();
        let fields = Fields::parse(text, start)?;
        let times = fields
            .times()
            .map_err(|error| Problem::new(error.to_string(), whole.clone()))?;
        let expression = Self {
            fields,
            has_seconds: text.split(' ').count() > 5,
            times,
        };
        match expression.next_wall_time(NaiveDateTime::MIN) {
            Some(_) => Ok(expression),
            None => Err(Problem::new("no such date exists, so it is never due", whole)),
        }
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether it is due at an instant, or in the minute of it when the expression has no seconds.
    pub(crate) fn covers(&self, wall: NaiveDateTime) -> bool {
        let fields = &self.fields;
        (!self.has_seconds || fields.second.contains(wall.second()))
            && fields.minute.contains(wall.minute())
            && fields.hour.contains(wall.hour())
            && fields.includes(wall.date())
    }

    /// How long [`covers`](Self::covers) has the same answer at least.
    pub(crate) fn resolution(&self) -> TimeDelta {
        if self.has_seconds {
            TimeDelta::seconds(1)
        } else {
            TimeDelta::minutes(1)
        }
    }

    pub(crate) fn next_tick(&self, after: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let in_both_passes = self.fields.leaves_time_open();
        let local = zone.local(after);
        let mut wall = self.next_wall_time(local)?;
        let next = loop {
            match zone.resolve(wall) {
                WallTime::Once(at) => break at,
                WallTime::Twice(first, _) if first > after => break first,
                WallTime::Twice(_, second) if in_both_passes => break second,
                WallTime::Never { after: at } if !in_both_passes => break at,
                WallTime::Twice(..) | WallTime::Never { .. } => wall = self.next_wall_time(wall)?,
            }
        };
        if let WallTime::Twice(first, second) = zone.resolve(local)
            && in_both_passes
            && after < second
        {
            // In the first pass: the second may come before what the wall shows next.
            let (begin, end) = zone.repeated(first, second);
            let again = self
                .next_wall_time(begin - TimeDelta::nanoseconds(1))
                .filter(|wall| *wall < end);
            if let Some(WallTime::Twice(_, again)) = again.map(|wall| zone.resolve(wall)) {
                return Some(next.min(again));
            }
        }
        Some(next)
    }

    pub(crate) fn latest_tick(&self, at_or_before: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let in_both_passes = self.fields.leaves_time_open();
        let local = zone.local(at_or_before);
        let mut until = local;
        if let WallTime::Twice(first, second) = zone.resolve(local)
            && at_or_before >= second
        {
            let (begin, end) = zone.repeated(first, second);
            let again = self.latest_wall_time(local).filter(|wall| *wall >= begin);
            match again.map(|wall| zone.resolve(wall)) {
                Some(WallTime::Twice(_, again)) if in_both_passes => return Some(again),
                // All of the first pass has been.
                _ => until = end - TimeDelta::nanoseconds(1),
            }
            let wall = self.latest_wall_time(until)?;
            if let WallTime::Twice(first, _) = zone.resolve(wall) {
                return Some(first);
            }
        }
        let mut wall = self.latest_wall_time(until)?;
        loop {
            match zone.resolve(wall) {
                WallTime::Once(at) => return Some(at),
                WallTime::Twice(_, second) if in_both_passes && second <= at_or_before => return Some(second),
                WallTime::Twice(first, _) => return Some(first),
                WallTime::Never { after } if !in_both_passes => return Some(after),
                WallTime::Never { .. } => wall = self.latest_wall_time(wall - TimeDelta::seconds(1))?,
            }
        }
    }

    /// The earliest due time on the wall later than `after`.
    fn next_wall_time(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // The crate adds a second before it looks at the year, which overflows at the ends of chrono's calendar.
        let mut after = after.and_utc().max(first_second()? - TimeDelta::seconds(1));
        loop {
            if after >= last_second()? {
                return None;
            }
            match &self.times {
                Times::Any(schedules) => {
                    let next = schedules.iter().filter_map(|schedule| schedule.after(&after).next());
                    return next.min().map(|next| next.naive_utc());
                }
                Times::OnSomeDays(schedule) => {
                    let next = schedule.after(&after).next()?;
                    if self.fields.includes(next.date_naive()) {
                        return Some(next.naive_utc());
                    }
                    after = next.date_naive().and_hms_opt(23, 59, 59)?.and_utc();
                }
            }
        }
    }

    /// The latest due time on the wall at or before `at`.
    fn latest_wall_time(&self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut at = at.and_utc().min(last_second()?).trunc_subsecs(0);
        loop {
            if at < first_second()? {
                return None;
            }
            match &self.times {
                Times::Any(schedules) => {
                    let latest = schedules.iter().filter_map(|schedule| latest_of(schedule, at));
                    return latest.max().map(|latest| latest.naive_utc());
                }
                Times::OnSomeDays(schedule) => {
                    let latest = latest_of(schedule, at)?;
                    if self.fields.includes(latest.date_naive()) {
                        return Some(latest.naive_utc());
                    }
                    at = latest.date_naive().and_hms_opt(0, 0, 0)?.and_utc() - TimeDelta::seconds(1);
                }
            }
        }
    }

    pub(crate) fn longest_gap(&self) -> Option<Duration> {
        longest_gap::longest_gap(&self.fields)
    }
}

/// The latest tick of one schedule at or before `at`, a whole second.
fn latest_of(schedule: &cron::Schedule, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let year = u32::try_from(at.year()).ok()?;
    let latest_year = schedule.years().range(..=year).next_back()?;
    // Coming from a later year, the crate would keep searching only up to the month and day of `at` (0.17).
    let at = if latest_year < year {
        end_of_year(latest_year)?
    } else {
        at
    };
    // Its iterator looks strictly before.
    schedule.after(&(at + TimeDelta::seconds(1))).next_back()
}

fn first_second() -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(0, 0)
}

fn last_second() -> Option<DateTime<Utc>> {
    end_of_year(2100)
}

fn end_of_year(year: u32) -> Option<DateTime<Utc>> {
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, 12, 31)?;
    Some(date.and_hms_opt(23, 59, 59)?.and_utc())
}
