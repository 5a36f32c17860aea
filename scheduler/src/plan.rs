//! What becomes of the ticks of a schedule: pure, so that it can be tested with tables.

use std::time::Duration;

use botticelli_schedule::{Schedule, TickOffset, TimeWindow};
use chrono::{DateTime, TimeDelta, Utc};

/// How late a tick may be decided and still counts as punctual.
const PUNCTUAL: TimeDelta = TimeDelta::seconds(60);
/// Ticks that are decided at once, when many are to be caught up.
const MOST_AT_ONCE: usize = 1000;
/// Missed ticks of one stretch are counted up to this many.
const MOST_COUNTED: u32 = 100_000;
/// How soon a tick that waits for a job is looked at again.
const BUFFER_CHECK: TimeDelta = TimeDelta::seconds(1);

/// When a schedule is due, and what is to become of ticks that come at a bad time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The due times.
    pub schedule: Schedule,
    /// What shifts its intervals, and its jitter.
    pub offset: TickOffset,
    /// Jobs begin up to so much later than their ticks, each at a time of its own that never changes.
    pub jitter: Duration,
    /// What becomes of ticks that were due while no scheduler ran.
    pub catch_up: CatchUp,
    /// Ticks longer ago than this are missed, whatever `catch_up` says.
    pub catch_up_window: Duration,
    /// What becomes of a tick while the job of the one before waits or runs.
    pub overlap: Overlap,
    /// There are no ticks before.
    pub starts_at: Option<DateTime<Utc>>,
    /// There are no ticks after.
    pub ends_at: Option<DateTime<Utc>>,
    /// Ticks outside of all of these are skipped; none: everything is inside.
    pub windows: Vec<TimeWindow>,
    /// Ticks inside of one of these are skipped.
    pub blackouts: Vec<TimeWindow>,
    /// What `immediate` runs once for: a fingerprint of the configuration.
    pub revision: String,
}

/// What becomes of ticks that were due while no scheduler ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// They are missed, but for one that is at most a minute ago.
    None,
    /// The latest runs.
    Latest,
    /// All run.
    All,
}

/// What becomes of a tick while the job of the one before waits or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It is skipped.
    Skip,
    /// One waits for that job's end; those after it are skipped.
    BufferOne,
    /// It runs beside it.
    Allow,
    /// That job is cancelled.
    CancelOther,
}

/// How a schedule stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every tick up to here has been decided; `None` for a schedule that is new or was changed, of which none before now counts.
    pub decided_until: Option<DateTime<Utc>>,
    /// The revision that `immediate` has run for.
    pub ran_revision: Option<String>,
    /// Why nothing runs, if it is paused.
    pub paused: Option<String>,
    /// Whether its last job waits or runs.
    pub is_busy: bool,
    /// A tick that waits for the end of that job.
    pub buffered: Option<DateTime<Utc>>,
}

/// What is to be done about a schedule now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What becomes of each tick, in their order.
    pub decisions: Vec<Decision>,
    /// Whether its last job is to be cancelled.
    pub cancels_last: bool,
    /// Every tick up to here is decided then.
    pub decided_until: DateTime<Utc>,
    /// The tick that waits for a job then.
    pub buffered: Option<DateTime<Utc>>,
    /// The tick after that; `None` when there is none.
    pub next_tick: Option<DateTime<Utc>>,
    /// When there is something to decide again.
    pub next_look: Option<DateTime<Utc>>,
}

impl Plan {
    /// Of a schedule that has no ticks.
    pub(crate) fn idle(now: DateTime<Utc>) -> Self {
        Self {
            decisions: Vec::new(),
            cancels_last: false,
            decided_until: now,
            buffered: None,
            next_tick: None,
            next_look: None,
        }
    }
}

/// What becomes of a tick, or of a stretch of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The tick; the Unix epoch for `immediate`.
    pub at: DateTime<Utc>,
    /// The last of the stretch; the tick itself when it is one.
    pub through: DateTime<Utc>,
    /// How many they are, counted up to 100,000.
    pub ticks: u32,
    /// Empty, or the revision for `immediate`.
    pub revision: String,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// What becomes of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A job is enqueued that is due then.
    Enqueued {
        /// The tick and its jitter.
        run_at: DateTime<Utc>,
    },
    /// Nothing, and why.
    Skipped(String),
    /// It came and went while no scheduler ran.
    Missed(String),
    /// It waits for the end of a job.
    Buffered,
}

impl Outcome {
    /// As written in the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Enqueued { .. } => "enqueued",
            Self::Skipped(_) => "skipped",
            Self::Missed(_) => "missed",
            Self::Buffered => "buffered",
        }
    }
}

impl Timing {
    /// The earliest tick later than `after`.
    pub fn next_tick(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let before_start = self.starts_at.map(|start| start - TimeDelta::nanoseconds(1));
        let after = before_start.map_or(after, |start| start.max(after));
        let next = self.schedule.next_tick(after, self.offset)?;
        self.ends_at.is_none_or(|end| next <= end).then_some(next)
    }

    /// The latest tick at or before `at`.
    fn latest_tick(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = self.ends_at.map_or(at, |end| end.min(at));
        let latest = self.schedule.latest_tick(at, self.offset)?;
        self.starts_at.is_none_or(|start| latest >= start).then_some(latest)
    }

    /// Decides what becomes of every tick up to `now`.
    pub fn plan(&self, standing: &Standing, now: DateTime<Utc>) -> Plan {
        let decided_until = standing.decided_until.unwrap_or(now);
        let mut plan = Planning {
            timing: self,
            paused: standing.paused.as_deref(),
            is_busy: standing.is_busy,
            plan: Plan {
                decisions: Vec::new(),
                cancels_last: false,
                decided_until: decided_until.max(now),
                buffered: standing.buffered,
                next_tick: None,
                next_look: None,
            },
        };
        plan.release_buffered();
        if self.schedule.is_immediate() && standing.ran_revision.as_ref() != Some(&self.revision) {
            plan.decide(DateTime::UNIX_EPOCH, now, self.revision.clone());
        }
        plan.due_ticks(decided_until, now);
        plan.finish(now)
    }

    /// How much later than its tick a job is due: always the same for the same tick.
    fn jitter(&self, tick: DateTime<Utc>) -> TimeDelta {
        TimeDelta::from_std(self.offset.jitter(tick, self.jitter)).unwrap_or_default()
    }
}

/// A plan under way.
struct Planning<'a> {
    timing: &'a Timing,
    paused: Option<&'a str>,
    is_busy: bool,
    plan: Plan,
}

impl Planning<'_> {
    /// Lets the tick run that has waited for the last job, if that has ended.
    fn release_buffered(&mut self) {
        if self.is_busy || self.paused.is_some() {
            return;
        }
        if let Some(tick) = self.plan.buffered.take() {
            self.run(tick, tick, String::new());
        }
    }

    fn due_ticks(&mut self, decided_until: DateTime<Utc>, now: DateTime<Utc>) {
        let timing = self.timing;
        let Some(latest) = timing.latest_tick(now).filter(|latest| *latest > decided_until) else {
            return;
        };
        let window = TimeDelta::from_std(timing.catch_up_window).unwrap_or(TimeDelta::MAX);
        let oldest = now.checked_sub_signed(window).unwrap_or(DateTime::<Utc>::MIN_UTC);
        // What is due from here on runs.
        let from = match timing.catch_up {
            CatchUp::None => (now - PUNCTUAL).max(oldest),
            CatchUp::Latest => latest.max(oldest),
            CatchUp::All => oldest,
        };
        self.miss(decided_until, from.min(now + TimeDelta::nanoseconds(1)));
        let mut tick = timing.next_tick(decided_until.max(from - TimeDelta::nanoseconds(1)));
        let before = self.plan.decisions.len();
        while let Some(at) = tick.filter(|tick| *tick <= now) {
            if self.plan.decisions.len() - before == MOST_AT_ONCE {
                // The others in the next round.
                self.plan.decided_until = at - TimeDelta::nanoseconds(1);
                return;
            }
            self.decide(at, at, String::new());
            tick = timing.next_tick(at);
        }
    }

    /// Notes those after `after` and before `end`, if there are any.
    fn miss(&mut self, after: DateTime<Utc>, end: DateTime<Utc>) {
        let timing = self.timing;
        let first = timing.next_tick(after).filter(|tick| *tick < end);
        let last = timing
            .latest_tick(end - TimeDelta::nanoseconds(1))
            .filter(|tick| *tick > after);
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        let mut ticks = 1;
        let mut tick = first;
        while let Some(next) = timing
            .next_tick(tick)
            .filter(|next| *next <= last && ticks < MOST_COUNTED)
        {
            ticks += 1;
            tick = next;
        }
        let reason = match timing.catch_up {
            CatchUp::None => "no scheduler ran then, and nothing is caught up",
            CatchUp::Latest => "no scheduler ran then, and only the latest is caught up",
            CatchUp::All => "no scheduler ran then, and it is too long ago to be caught up",
        };
        self.plan.decisions.push(Decision {
            at: first,
            through: last,
            ticks,
            revision: String::new(),
            outcome: Outcome::Missed(reason.to_owned()),
        });
    }

    /// Decides one tick, which is `due` then.
    fn decide(&mut self, tick: DateTime<Utc>, due: DateTime<Utc>, revision: String) {
        let timing = self.timing;
        let zone = timing.schedule.zone();
        let skipped = if let Some(reason) = self.paused {
            Some(reason.to_owned())
        } else if !timing.windows.is_empty() && !timing.windows.iter().any(|window| window.includes(due, zone)) {
            let windows: Vec<&str> = timing.windows.iter().map(TimeWindow::as_str).collect();
            Some(format!("it is outside of its windows ({})", windows.join(", ")))
        } else if let Some(blackout) = timing.blackouts.iter().find(|window| window.includes(due, zone)) {
            Some(format!("it is in its blackout {blackout}"))
        } else {
            self.stands_in_the_way(tick, &revision)
        };
        match skipped {
            Some(reason) => self.push(tick, revision, Outcome::Skipped(reason)),
            None if self.plan.buffered == Some(tick) && revision.is_empty() => {
                self.push(tick, revision, Outcome::Buffered);
            }
            None => self.run(tick, due, revision),
        }
    }

    /// Why the last job keeps the tick from running, if it does.
    fn stands_in_the_way(&mut self, tick: DateTime<Utc>, revision: &str) -> Option<String> {
        if !self.is_busy {
            return None;
        }
        match self.timing.overlap {
            Overlap::Allow => None,
            Overlap::CancelOther => {
                self.plan.cancels_last = true;
                None
            }
            Overlap::BufferOne if self.plan.buffered.is_none() && revision.is_empty() => {
                self.plan.buffered = Some(tick);
                None
            }
            Overlap::BufferOne => Some("one waits already for the end of its last job".to_owned()),
            Overlap::Skip => Some("its last job waits or runs still".to_owned()),
        }
    }

    fn run(&mut self, tick: DateTime<Utc>, due: DateTime<Utc>, revision: String) {
        // Several that are caught up at once cannot cancel each other: each has its turn.
        self.is_busy = self.is_busy || matches!(self.timing.overlap, Overlap::Skip | Overlap::BufferOne);
        let run_at = due + self.timing.jitter(tick);
        self.push(tick, revision, Outcome::Enqueued { run_at });
    }

    fn push(&mut self, tick: DateTime<Utc>, revision: String, outcome: Outcome) {
        self.plan.decisions.push(Decision {
            at: tick,
            through: tick,
            ticks: 1,
            revision,
            outcome,
        });
    }

    fn finish(mut self, now: DateTime<Utc>) -> Plan {
        let plan = &mut self.plan;
        plan.next_tick = self.timing.next_tick(plan.decided_until);
        let check = plan.buffered.map(|_| now + BUFFER_CHECK);
        plan.next_look = [plan.next_tick, check].into_iter().flatten().min();
        self.plan
    }
}
