//! Cron expressions with Unix meaning, on top of the `cron` crate, whose dialect is another one.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, TimeDelta, Utc};
use cron::TimeUnitSpec;

use crate::cron_field::{Field, Unit};
use crate::longest_gap;
use crate::schedule_error::Problem;

/// A cron expression, evaluated on one timeline without gaps or repeats.
///
/// That timeline is UTC. A time zone would keep this type as it is, feed it local time as if it were UTC, and map the
/// answers to the zone: into a spring gap the first instant after it, into an autumn overlap the first of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CronExpression {
    fields: Fields,
    /// Due when any of these is. Two when day of month and weekday are both restricted, because the `cron` crate
    /// requires both to match and Unix either.
    alternatives: Vec<cron::Schedule>,
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
    fn parse(text: &str) -> Result<Self, Problem> {
        let mut start = 0;
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
                return Err(Problem::new(problem, 0..text.len()));
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
    fn either_day_field(&self) -> bool {
        self.day_of_month.is_restricted() && self.weekday.is_restricted()
    }

    /// Whether some time of `date` is due.
    pub(crate) fn includes(&self, date: NaiveDate) -> bool {
        let day_of_month = self.day_of_month.contains(date.day());
        let weekday = self.weekday.contains(date.weekday().num_days_from_sunday());
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

    fn alternatives(&self) -> Result<Vec<cron::Schedule>, cron::error::Error> {
        if self.either_day_field() {
            let by_day = self.compile(&self.day_of_month, &Field::every(Unit::Weekday))?;
            let by_weekday = self.compile(&Field::every(Unit::DayOfMonth), &self.weekday)?;
            Ok(vec![by_day, by_weekday])
        } else {
            Ok(vec![self.compile(&self.day_of_month, &self.weekday)?])
        }
    }
}

impl CronExpression {
    /// Reads five, six or seven fields separated by one space each.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let fields = Fields::parse(text)?;
        let alternatives = fields
            .alternatives()
            .map_err(|error| Problem::new(error.to_string(), 0..text.len()))?;
        let expression = Self { fields, alternatives };
        match expression.next_tick(DateTime::<Utc>::MIN_UTC) {
            Some(_) => Ok(expression),
            None => Err(Problem::new("no such date exists, so it is never due", 0..text.len())),
        }
    }

    pub(crate) fn next_tick(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // The crate adds a second before it looks at the year, which overflows at the ends of chrono's calendar.
        let after = after.max(first_second()? - TimeDelta::seconds(1));
        if after >= last_second()? {
            return None;
        }
        self.alternatives
            .iter()
            .filter_map(|schedule| schedule.after(&after).next())
            .min()
    }

    pub(crate) fn latest_tick(&self, at_or_before: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = at_or_before.min(last_second()?).trunc_subsecs(0);
        if at < first_second()? {
            return None;
        }
        self.alternatives
            .iter()
            .filter_map(|schedule| latest_of(schedule, at))
            .max()
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
