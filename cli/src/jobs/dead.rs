//! `botticelli jobs dead`, `redrive` and `purge`.

use std::time::Duration;

use anyhow::{Result, anyhow};
use botticelli_lifecycle::Ending;
use botticelli_queue::{DeadFilter, DeadView, count_dead, group_dead, list_dead, purge_dead, redrive_all};
use botticelli_schedule::{Clock, SystemClock};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::json;
use sqlx::PgPool;

use super::{Form, duration, with_more};
use crate::{
    Place,
    table::{short, table, time},
};

/// How a job can have been given up.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Discarded,
    Cancelled,
    Expired,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this actor
    #[arg(long, value_name = "ACTOR")]
    queue: Option<String>,
    /// Only those given up in this way
    #[arg(long)]
    state: Option<State>,
    /// Only those given up within this time, such as `2h`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
    /// One line for all that died of the same
    #[arg(long)]
    group: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    pub(super) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Many {
    /// Only those of this actor
    #[arg(long, value_name = "ACTOR")]
    queue: Option<String>,
    /// Only those that died of this; `jobs dead --group` shows it
    #[arg(long)]
    fingerprint: Option<String>,
    /// Only those given up in this way
    #[arg(long)]
    state: Option<State>,
    /// Only those given up longer ago than this, such as `7d`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Option<Duration>,
    /// Do it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Many {
    fn filter(&self) -> Result<DeadFilter<'_>> {
        Ok(DeadFilter {
            queue: self.queue.as_deref(),
            fingerprint: self.fingerprint.as_deref(),
            state: self.state.map(State::as_str),
            before: self.older_than.map(ago).transpose()?,
        })
    }
}

fn ago(duration: Duration) -> Result<DateTime<Utc>> {
    let duration = chrono::TimeDelta::from_std(duration)?;
    let then = SystemClock.now().checked_sub_signed(duration);
    then.ok_or_else(|| anyhow!("the calendar does not go back that far"))
}

pub(super) async fn list(pool: &PgPool, arguments: &List) -> Result<Ending> {
    let view = DeadView {
        queue: arguments.queue.as_deref(),
        state: arguments.state.map(State::as_str),
        since: arguments.since.map(ago).transpose()?,
    };
    if arguments.group {
        let groups = group_dead(pool, view, arguments.limit).await?;
        return arguments.form.write(&groups, |groups| {
            let rows: Vec<_> = groups
                .iter()
                .map(|group| {
                    [
                        group.jobs.to_string(),
                        group.state.clone(),
                        group.fingerprint.clone(),
                        time(group.first_at),
                        time(group.last_at),
                        group.queues.join(","),
                        short(&group.sample_reason),
                    ]
                })
                .collect();
            table(
                [
                    "JOBS",
                    "STATE",
                    "FINGERPRINT",
                    "FIRST (UTC)",
                    "LAST (UTC)",
                    "QUEUES",
                    "REASON OF THE LAST",
                ],
                &rows,
            )
        });
    }
    let jobs = list_dead(pool, view, arguments.limit).await?;
    arguments.form.write(&jobs, |jobs| {
        let rows: Vec<_> = jobs
            .iter()
            .map(|job| {
                [
                    job.id.to_string(),
                    job.queue.clone(),
                    job.state.clone(),
                    time(job.finished_at),
                    job.attempt.to_string(),
                    short(&job.reason),
                ]
            })
            .collect();
        let heading = ["ID", "QUEUE", "STATE", "GIVEN UP (UTC)", "ATTEMPT", "REASON"];
        with_more(table(heading, &rows), rows.len(), arguments.limit)
    })
}

pub(super) async fn redrive_many(pool: &PgPool, arguments: &Many) -> Result<Ending> {
    let filter = arguments.filter()?;
    if !arguments.yes {
        return count(pool, filter, arguments.form, "redrive").await;
    }
    let done = redrive_all(pool, filter).await?;
    arguments.form.write(&done, |done| match done.skipped {
        0 => format!("{} dead jobs wait again\n", done.redriven),
        skipped => format!(
            "{} dead jobs wait again; {skipped} do not: another job holds their key, or one that they wait for stays dead\n",
            done.redriven
        ),
    })
}

pub(super) async fn purge_many(pool: &PgPool, arguments: &Many) -> Result<Ending> {
    let filter = arguments.filter()?;
    if !arguments.yes {
        return count(pool, filter, arguments.form, "delete").await;
    }
    let purged = purge_dead(pool, filter).await?;
    let done = json!({ "purged": purged });
    arguments
        .form
        .write(&done, |_| format!("{purged} dead jobs are deleted\n"))
}

/// Says what `--yes` would be about.
async fn count(pool: &PgPool, filter: DeadFilter<'_>, form: Form, verb: &str) -> Result<Ending> {
    let matching = count_dead(pool, filter).await?;
    form.write(&json!({ "matching": matching }), |_| {
        format!("{matching} dead jobs match; add --yes to {verb} them\n")
    })
}
