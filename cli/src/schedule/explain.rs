//! `botticelli schedule explain`.

use std::{
    fmt::Write as _,
    io::{Write as _, stdout},
    iter::successors,
};

use anyhow::Result;
use botticelli_lifecycle::Ending;
use botticelli_schedule::{Clock, Schedule, SystemClock, TickOffset, Zone};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;

use super::rfc3339;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The schedule, such as "every 2 hours" or "0 9 * * MON-FRI; except 2026-12-24"
    #[arg(value_parser = schedule)]
    schedule: Schedule,
    /// The time zone of its cron expressions and days
    #[arg(long, default_value = "UTC", value_parser = zone)]
    zone: Zone,
    /// Only what is due after this; now, unless it is said
    #[arg(long, value_name = "TIME", value_parser = super::moment)]
    from: Option<DateTime<Utc>>,
    /// So many times
    #[arg(short = 'n', long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// The actor whose schedule it is: its name shifts intervals, so that actors do not wake together
    #[arg(long)]
    actor: Option<String>,
    /// Answer with the times alone, as a JSON array
    #[arg(long)]
    json: bool,
}

fn schedule(text: &str) -> Result<Schedule, String> {
    text.parse::<Schedule>().map_err(|error| error.to_string())
}

fn zone(name: &str) -> Result<Zone, String> {
    name.parse::<Zone>().map_err(|error| error.to_string())
}

pub(super) fn run(arguments: Explain) -> Result<Ending> {
    let zone = arguments.zone;
    let schedule = arguments.schedule.in_zone(zone);
    let offset = arguments.actor.as_deref().map_or(TickOffset::NONE, TickOffset::of);
    let from = arguments.from.unwrap_or_else(|| SystemClock.now());
    let ticks = successors(schedule.next_tick(from, offset), |&tick| {
        schedule.next_tick(tick, offset)
    });
    let ticks: Vec<_> = ticks.take(arguments.count.into()).map(|tick| (tick, None)).collect();
    write_ticks(&schedule, &ticks, arguments.json)
}

/// Writes what a schedule means, and the ticks as its clocks show them, with why one will be skipped; in JSON those alone that will not.
pub(super) fn write_ticks(
    schedule: &Schedule,
    ticks: &[(DateTime<Utc>, Option<String>)],
    json: bool,
) -> Result<Ending> {
    let mut text = String::new();
    if json {
        let times = ticks.iter().filter(|(_, skipped)| skipped.is_none());
        let times: Vec<Value> = times.map(|(tick, _)| rfc3339(*tick).into()).collect();
        writeln!(text, "{:#}", Value::from(times))?;
    } else {
        writeln!(text, "{}", schedule.describe())?;
        if ticks.is_empty() {
            writeln!(text, "  never by itself")?;
        }
        for (tick, skipped) in ticks {
            let wall = schedule.zone().wall_clock(*tick).format("%a %F %T %:z");
            write!(text, "  {}  {wall}", rfc3339(*tick))?;
            match skipped {
                Some(reason) => writeln!(text, "  skipped: {reason}")?,
                None => writeln!(text)?,
            }
        }
    }
    stdout().lock().write_all(text.as_bytes())?;
    Ok(Ending::Clean)
}
