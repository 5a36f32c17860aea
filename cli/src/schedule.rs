//! `botticelli schedule`: when what runs, and holding it up or making up for it.

mod explain;

use std::{
    collections::{BTreeSet, HashMap},
    io::{Write, stdout},
    iter::successors,
};

use anyhow::{Result, bail};
use botticelli_actors::list_actors;
use botticelli_lifecycle::Ending;
use botticelli_queue::Source;
use botticelli_schedule::{Clock, SystemClock};
use botticelli_timetable::{
    Backfill, MOST_BACKFILLED, backfill, find_schedule, find_timing, list_schedules, list_ticks, pause_schedule,
    resume_schedule, trigger_schedule,
};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use sqlx::PgPool;

use crate::{
    Place,
    jobs::Form,
    table::{short, table, time, time_if_any},
    target,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All schedules: when each is due, and what became of its last tick
    List(List),
    /// The next ticks of one
    Next(Next),
    /// What became of its last ticks, and why
    Ticks(Next),
    /// Enqueue its job now, beside its ticks
    Trigger(One),
    /// Skip its ticks until it is resumed
    Pause(Pause),
    /// End that
    Resume(One),
    /// Run ticks of the past that did not run; without --yes, only say which
    Backfill(Range),
    /// Say in words what a schedule means, and when it is due next; needs no database
    Explain(explain::Explain),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    /// The schedule; an actor's has its name
    name: String,
    /// So many
    #[arg(short = 'n', long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The schedule; an actor's has its name
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The schedule; an actor's has its name
    name: String,
    /// Why, for whoever looks at it later
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Range {
    /// The schedule; an actor's has its name
    name: String,
    /// The first moment, such as 2026-12-24T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: DateTime<Utc>,
    /// The last moment; now, unless it is said
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<DateTime<Utc>>,
    /// Do it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(command: Command, environment: HashMap<String, String>) -> Result<Ending> {
    let place = match &command {
        Command::Explain(_) => None,
        Command::List(List { place, .. })
        | Command::Next(Next { place, .. })
        | Command::Ticks(Next { place, .. })
        | Command::Pause(Pause { place, .. })
        | Command::Trigger(One { place, .. })
        | Command::Resume(One { place, .. })
        | Command::Backfill(Range { place, .. }) => Some(place.arguments()),
    };
    let by = environment.get("USER").cloned().unwrap_or_else(|| "cli".to_owned());
    let pool = match place {
        Some(place) => Some(target::migrated_pool(&place, environment).await?),
        None => None,
    };
    match (command, pool) {
        (Command::Explain(arguments), _) => explain::run(arguments),
        (Command::List(arguments), Some(pool)) => list(&pool, arguments.form).await,
        (Command::Next(arguments), Some(pool)) => next(&pool, &arguments).await,
        (Command::Ticks(arguments), Some(pool)) => ticks(&pool, &arguments).await,
        (Command::Trigger(One { name, .. }), Some(pool)) => {
            let job = trigger_schedule(&pool, &name, &by, Source::Cli).await?;
            say(&format!("enqueued job {job} of schedule {name}"))
        }
        (Command::Pause(Pause { name, reason, .. }), Some(pool)) => {
            pause_schedule(&pool, &name, reason.as_deref(), &by).await?;
            say(&format!(
                "schedule {name} is paused: its ticks are skipped until it is resumed"
            ))
        }
        (Command::Resume(One { name, .. }), Some(pool)) => {
            resume_schedule(&pool, &name).await?;
            say(&format!("schedule {name} runs again"))
        }
        (Command::Backfill(range), Some(pool)) => make_up_for(&pool, &range).await,
        (_, None) => bail!("there is no database to work on"),
    }
}

/// Reads a moment, or says how one is written.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    moment
        .map_err(|_| "it is no moment; write one such as 2026-12-24T18:00:00+01:00 or 2026-12-24T17:00:00Z".to_owned())
}

fn rfc3339(tick: DateTime<Utc>) -> String {
    tick.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn say(text: &str) -> Result<Ending> {
    writeln!(stdout(), "{text}")?;
    Ok(Ending::Clean)
}

async fn list(pool: &PgPool, form: Form) -> Result<Ending> {
    let schedules = list_schedules(pool, i64::MAX, 0).await?;
    let actors = list_actors(pool).await?;
    let paused: BTreeSet<&str> = actors
        .iter()
        .filter(|actor| actor.is_paused)
        .map(|actor| actor.name.as_str())
        .collect();
    form.write(&schedules, |schedules| {
        let rows: Vec<_> = schedules
            .iter()
            .map(|schedule| {
                let state = match schedule {
                    schedule if !schedule.enabled => "disabled".to_owned(),
                    schedule if schedule.problem.is_some() => "faulty".to_owned(),
                    schedule if schedule.is_paused => match &schedule.pause_reason {
                        Some(reason) => format!("paused: {}", short(reason)),
                        None => "paused".to_owned(),
                    },
                    schedule if paused.contains(schedule.queue.as_str()) => "actor is paused".to_owned(),
                    _ => "runs".to_owned(),
                };
                let lateness = schedule.last_lateness_seconds;
                [
                    short(&schedule.name),
                    state,
                    time_if_any(schedule.next_tick),
                    time_if_any(schedule.last_tick),
                    schedule.last_outcome.clone().unwrap_or_default(),
                    lateness.map(|late| format!("{late:.3}s")).unwrap_or_default(),
                    format!("{}/{}/{}", schedule.enqueued, schedule.skipped, schedule.missed),
                    short(schedule.problem.as_ref().unwrap_or(&schedule.schedule)),
                    schedule.timezone.clone(),
                ]
            })
            .collect();
        let heading = [
            "NAME",
            "STATE",
            "NEXT (UTC)",
            "LAST (UTC)",
            "OUTCOME",
            "LATE",
            "RUN/SKIPPED/MISSED",
            "SCHEDULE",
            "ZONE",
        ];
        table(heading, &rows)
    })
}

async fn next(pool: &PgPool, arguments: &Next) -> Result<Ending> {
    let timing = match find_timing(pool, &arguments.name).await? {
        None => return unknown(pool, &arguments.name).await,
        Some(Err(problem)) => bail!("schedule {} cannot be read: {problem}", arguments.name),
        Some(Ok(timing)) => timing,
    };
    let ticks = successors(timing.next_tick(SystemClock.now()), |&tick| timing.next_tick(tick));
    let ticks: Vec<DateTime<Utc>> = ticks.take(arguments.count.into()).collect();
    if let Some(standing) = find_schedule(pool, &arguments.name)
        .await?
        .filter(|_| !arguments.form.is_json())
    {
        if !standing.enabled {
            writeln!(stdout(), "(disabled: nothing is enqueued)")?;
        } else if standing.is_paused {
            writeln!(stdout(), "(paused: ticks are skipped until it is resumed)")?;
        }
    }
    let wanted = ticks
        .into_iter()
        .map(|tick| (tick, timing.shut_out(tick)))
        .collect::<Vec<_>>();
    explain::write_ticks(&timing.schedule, &wanted, arguments.form.is_json())
}

async fn ticks(pool: &PgPool, arguments: &Next) -> Result<Ending> {
    let ticks = list_ticks(pool, &arguments.name, arguments.count.into(), 0).await?;
    if ticks.is_empty() && find_timing(pool, &arguments.name).await?.is_none() {
        return unknown(pool, &arguments.name).await;
    }
    arguments.form.write(&ticks, |ticks| {
        let rows: Vec<_> = ticks
            .iter()
            .map(|tick| {
                [
                    // `immediate` has no time but that of its being decided.
                    time(if tick.tick_at == DateTime::UNIX_EPOCH {
                        tick.recorded_at
                    } else {
                        tick.tick_at
                    }),
                    time_if_any(tick.through),
                    tick.ticks.to_string(),
                    tick.outcome.clone(),
                    tick.job_id.map(|job| job.to_string()).unwrap_or_default(),
                    short(tick.reason.as_deref().unwrap_or_default()),
                ]
            })
            .collect();
        table(["TICK (UTC)", "THROUGH", "TICKS", "OUTCOME", "JOB", "REASON"], &rows)
    })
}

async fn make_up_for(pool: &PgPool, range: &Range) -> Result<Ending> {
    let now = SystemClock.now();
    let to = range.to.unwrap_or(now);
    if to > now || range.from > to {
        bail!("a backfill is of the past: --from is before --to, and --to not later than now");
    }
    match backfill(pool, &range.name, range.from, to, range.yes).await? {
        Backfill::Unknown => unknown(pool, &range.name).await,
        Backfill::Unreadable(problem) => bail!("schedule {} cannot be read: {problem}", range.name),
        Backfill::TooMany(last) => bail!(
            "there are more than {MOST_BACKFILLED} ticks in that time; the first {MOST_BACKFILLED} end with `--to {}`",
            rfc3339(last)
        ),
        Backfill::Forgotten(last) => bail!(
            "ticks up to {} are not on record any more (`[queue] history_retention`), so that nobody knows whether they ran; begin later",
            rfc3339(last)
        ),
        Backfill::Ticks(ticks) => {
            let mut out = stdout().lock();
            for tick in &ticks {
                writeln!(out, "  {}", rfc3339(*tick))?;
            }
            let count = ticks.len();
            if range.yes {
                writeln!(out, "enqueued {count} jobs for ticks that did not run")?;
            } else {
                writeln!(out, "{count} ticks did not run; add --yes to enqueue their jobs")?;
            }
            Ok(Ending::Clean)
        }
    }
}

async fn unknown(pool: &PgPool, name: &str) -> Result<Ending> {
    let known = list_schedules(pool, 20, 0).await?;
    let known: Vec<String> = known.into_iter().map(|schedule| schedule.name).collect();
    bail!("there is no schedule `{name}`; the schedules are {}", known.join(", "))
}
