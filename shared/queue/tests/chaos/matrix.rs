//! A worker is killed or frozen at each step between a claim and the end of a job, in each way of ending it.
//!
//! `BOTTICELLI_CRASH_CELLS` set to `all` takes every combination instead of a choice.

mod broken_rules;
mod cell;

use std::{env, fmt, rc::Rc};

use botticelli_testkit::{
    Skew,
    history::{Outcome, Summary},
};
use tokio::{sync::Semaphore, task::LocalSet};

use crate::worker::{Step, Way};

pub(crate) use broken_rules::break_rules;

/// Cells at a time. Most of a cell is waiting for the end of a lease.
const WIDTH: usize = 10;

/// Where the worker is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// Before a question is sent.
    Before(Step),
    /// When what was asked has been done, and the answer has not been read.
    Unanswered(Step),
}

impl Point {
    /// In the order in which a worker passes them. A job that is completed in a transaction is settled by the commit.
    const ALL: [Self; 8] = [
        Self::Before(Step::Claim),
        Self::Unanswered(Step::Claim),
        Self::Before(Step::Begin),
        Self::Before(Step::Renew),
        Self::Unanswered(Step::Renew),
        Self::Before(Step::Settle),
        Self::Unanswered(Step::Settle),
        Self::Before(Step::GoOn),
    ];

    fn step(self) -> Step {
        match self {
            Self::Before(step) | Self::Unanswered(step) => step,
        }
    }

    /// Whether the database has ended the attempt by then, as the worker wanted it.
    fn is_settled(self) -> bool {
        matches!(self, Self::Unanswered(Step::Settle) | Self::Before(Step::GoOn))
    }
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    /// Frozen until another worker runs the job.
    FreezeWhileAnotherRuns,
    /// Frozen until another worker has brought the job to its end.
    FreezePastTheEnd,
}

/// One combination.
#[derive(Debug, Clone, Copy)]
struct Cell {
    point: Point,
    blow: Blow,
    way: Way,
    /// Of the clock of the worker that is struck.
    skew: Skew,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, blow, way, skew } = self;
        write!(f, "{blow:?} at {point:?}, {}, clock {skew:?}", way.name())
    }
}

impl Cell {
    fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for point in Point::ALL {
            for (way, _) in Way::ASKED_FOR {
                for blow in [Blow::Kill, Blow::FreezeWhileAnotherRuns, Blow::FreezePastTheEnd] {
                    let skew = [Skew::None, Skew::Fast, Skew::Slow][cells.len() % 3];
                    let cell = Self { point, blow, way, skew };
                    if blow != Blow::FreezeWhileAnotherRuns || cell.is_run_by_another() {
                        cells.push(cell);
                    }
                }
            }
        }
        cells
    }

    /// Every point and blow, and every way where the way makes a difference before the blow.
    fn chosen() -> Vec<Self> {
        let mut cells = Self::all();
        cells.retain(|cell| match cell.point {
            Point::Before(Step::Settle | Step::GoOn) | Point::Unanswered(Step::Settle) => {
                cell.way == Way::Complete || cell.blow != Blow::FreezePastTheEnd
            }
            _ => cell.way == Way::Complete,
        });
        cells
    }

    /// How the attempts end, if all goes by the rules.
    fn path(self) -> Vec<Outcome> {
        let is_struck_in_time = !self.point.is_settled() && self.point != Point::Before(Step::Claim);
        let first = match self.way {
            _ if is_struck_in_time => Outcome::Lost,
            Way::Complete | Way::CompleteInTransaction => return vec![Outcome::Completed],
            Way::Discard => return vec![Outcome::Discarded],
            Way::Retry => Outcome::Retried,
            Way::Snooze => Outcome::Snoozed,
            Way::HandBack => Outcome::HandedBack,
            Way::GiveUp => Outcome::Cancelled,
        };
        vec![first, Outcome::Completed]
    }

    fn is_run_by_another(self) -> bool {
        self.path().len() > 1 || !self.point.is_settled()
    }

    /// Whether the worker, when it goes on, has the job in its hands and not in its lease.
    fn is_stale(self) -> bool {
        self.blow != Blow::Kill && self.path()[0] == Outcome::Lost && self.point != Point::Before(Step::Renew)
    }

    /// Whether the worker ends by itself once it goes on.
    fn is_drained(self) -> bool {
        self.way == Way::HandBack && (self.is_stale() || self.point.is_settled())
    }
}

/// Strikes in all cells, or in a choice of them, and gives what is wrong.
pub(crate) async fn strike_everywhere() -> Result<String, Vec<String>> {
    let cells = if env::var("BOTTICELLI_CRASH_CELLS").is_ok_and(|cells| cells == "all") {
        Cell::all()
    } else {
        Cell::chosen()
    };
    let mut breaches = Vec::new();
    let (mut jobs, mut refused) = (0, 0);
    let number = cells.len();
    for (cell, struck) in strike(cells.into_iter().map(|cell| (cell, None))).await {
        match struck {
            Ok(summary) => {
                jobs += summary.accepted;
                refused += summary.refused;
            }
            Err(said) => breaches.extend(said.into_iter().map(|breach| format!("{cell}: {breach}"))),
        }
    }
    if breaches.is_empty() {
        Ok(format!(
            "{number} ways to die or freeze, {jobs} jobs: each ended once and by the rules; {refused} stale ends refused"
        ))
    } else {
        Err(breaches)
    }
}

type Struck = (Cell, Result<Summary, Vec<String>>);

/// In the order of the cells.
async fn strike(cells: impl Iterator<Item = (Cell, Option<cell::Spoil>)>) -> Vec<Struck> {
    let turns = Rc::new(Semaphore::new(WIDTH));
    let here = LocalSet::new();
    let striking: Vec<_> = cells
        .map(|(cell, spoil)| {
            let turns = Rc::clone(&turns);
            let striking = here.spawn_local(async move {
                let _turn = turns.acquire().await;
                cell::strike(cell, spoil).await
            });
            (cell, striking)
        })
        .collect();
    let all = async {
        let mut struck = Vec::new();
        for (cell, striking) in striking {
            let outcome = striking.await.unwrap_or_else(|panic| Err(vec![panic.to_string()]));
            struck.push((cell, outcome));
        }
        struck
    };
    here.run_until(all).await
}
