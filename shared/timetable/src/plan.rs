//! What becomes of the ticks of a schedule: pure, so that it can be tested with tables.

use std::{collections::BTreeSet, ops::Bound};

use botticelli_schedule::{CatchUp, Overlap, Timing};
use chrono::{DateTime, TimeDelta, Utc};

/// The shortest time that the database tells apart.
const INSTANT: TimeDelta = TimeDelta::microseconds(1);
/// How late a tick may be decided and still counts as punctual.
const PUNCTUAL: TimeDelta = TimeDelta::seconds(60);
/// Ticks that are decided at once, when many are to be caught up.
const MOST_AT_ONCE: usize = 100;
/// How soon a tick that waits for a job is looked at again.
const BUFFER_CHECK: TimeDelta = TimeDelta::seconds(1);
/// The same while the schedule is paused.
const PAUSED_BUFFER_CHECK: TimeDelta = TimeDelta::seconds(60);

/// How a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Ticks after `decided_until` that are on record already, as those are that were backfilled.
    pub recorded: BTreeSet<DateTime<Utc>>,
    /// Missed ticks of one stretch are counted up to this many.
    pub most_counted: u32,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            decided_until: None,
            ran_revision: None,
            paused: None,
            is_busy: false,
            buffered: None,
            recorded: BTreeSet::new(),
            most_counted: Self::MOST_COUNTED,
        }
    }
}

impl Standing {
    /// Missed ticks of one stretch are counted up to this many, unless many schedules are behind.
    pub const MOST_COUNTED: u32 = 10_000;
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
    /// The revision that `immediate` has run for then.
    pub ran_revision: Option<String>,
    /// The tick that waits for a job then.
    pub buffered: Option<DateTime<Utc>>,
    /// The tick after that; `None` when there is none.
    pub next_tick: Option<DateTime<Utc>>,
    /// When there is something to decide again.
    pub next_look: Option<DateTime<Utc>>,
}

impl Plan {
    /// What becomes of every tick up to `now`.
    pub fn of(timing: &Timing, standing: &Standing, now: DateTime<Utc>) -> Self {
        let decided_until = standing.decided_until.unwrap_or(now);
        let mut plan = Planning {
            timing,
            standing,
            is_busy: standing.is_busy,
            plan: Self {
                decided_until: decided_until.max(now),
                buffered: standing.buffered,
                ran_revision: standing.ran_revision.clone(),
                ..Self::idle(now)
            },
        };
        plan.release_buffered();
        plan.immediate(now);
        plan.due_ticks(decided_until, now);
        plan.finish(now)
    }

    /// Of a schedule that has no ticks.
    pub fn idle(now: DateTime<Utc>) -> Self {
        Self {
            decisions: Vec::new(),
            cancels_last: false,
            decided_until: now,
            ran_revision: None,
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
    /// How many they are, counted up to [`Standing::most_counted`].
    pub ticks: u32,
    /// Empty, or the revision for `immediate`, which may be empty too.
    pub revision: String,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Its job, once that is enqueued.
    pub job: Option<i64>,
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

impl Decision {
    /// Whether it is about `immediate`, and not about a time.
    pub fn is_immediate(&self) -> bool {
        self.at == DateTime::UNIX_EPOCH
    }
}

impl Outcome {
    /// Whether the tick leads to a job.
    pub fn runs(&self) -> bool {
        matches!(self, Self::Enqueued { .. })
    }

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

/// A plan under way.
struct Planning<'a> {
    timing: &'a Timing,
    standing: &'a Standing,
    is_busy: bool,
    plan: Plan,
}

impl Planning<'_> {
    /// Lets the tick run that has waited for the last job, if that has ended.
    fn release_buffered(&mut self) {
        if self.is_busy || self.standing.paused.is_some() {
            return;
        }
        if let Some(tick) = self.plan.buffered.take() {
            self.run(tick, tick, String::new());
        }
    }

    /// What is due once for each revision.
    fn immediate(&mut self, now: DateTime<Utc>) {
        let Timing {
            schedule,
            revision,
            starts_at,
            ends_at,
            ..
        } = self.timing;
        let is_over = ends_at.is_some_and(|end| end < now);
        if !schedule.is_immediate() || is_over || self.plan.ran_revision.as_ref() == Some(revision) {
            return;
        }
        if let Some(start) = starts_at.filter(|start| *start > now) {
            self.plan.next_look = Some(start);
            return;
        }
        self.plan.ran_revision = Some(revision.clone());
        self.decide(DateTime::UNIX_EPOCH, now, revision.clone());
    }

    fn due_ticks(&mut self, decided_until: DateTime<Utc>, now: DateTime<Utc>) {
        let timing = self.timing;
        let Some(latest) = timing.latest_tick(now).filter(|latest| *latest > decided_until) else {
            return;
        };
        let window = TimeDelta::from_std(timing.catch_up_window).unwrap_or(TimeDelta::MAX);
        let window = window.max(PUNCTUAL);
        let oldest = now.checked_sub_signed(window).unwrap_or(DateTime::UNIX_EPOCH);
        // What is due from here on runs.
        let from = match timing.catch_up {
            CatchUp::None => latest.max(now - PUNCTUAL),
            CatchUp::Latest => latest.max(oldest),
            CatchUp::All => oldest,
        };
        self.missed(decided_until, from.min(now + INSTANT));
        let mut tick = timing.next_tick(decided_until.max(from - INSTANT));
        let before = self.plan.decisions.len();
        while let Some(at) = tick.filter(|tick| *tick <= now) {
            if self.plan.decisions.len() - before == MOST_AT_ONCE {
                // The others in the next round.
                self.plan.decided_until = at - INSTANT;
                return;
            }
            if !self.standing.recorded.contains(&at) {
                self.decide(at, at, String::new());
            }
            tick = timing.next_tick(at);
        }
    }

    /// Notes those after `after` and before `end` that are not on record.
    fn missed(&mut self, after: DateTime<Utc>, end: DateTime<Utc>) {
        let mut after = after;
        if after < end {
            let recorded = &self.standing.recorded;
            for &tick in recorded.range((Bound::Excluded(after), Bound::Excluded(end))) {
                self.miss(after, tick);
                after = tick;
            }
        }
        self.miss(after, end);
    }

    /// Notes those after `after` and before `end`, if there are any.
    fn miss(&mut self, after: DateTime<Utc>, end: DateTime<Utc>) {
        let timing = self.timing;
        let first = timing.next_tick(after).filter(|tick| *tick < end);
        let last = timing.latest_tick(end - INSTANT).filter(|tick| *tick > after);
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        let mut ticks = 1;
        let mut tick = first;
        while let Some(next) = timing
            .next_tick(tick)
            .filter(|next| *next <= last && ticks < self.standing.most_counted)
        {
            ticks += 1;
            tick = next;
        }
        let reason = match timing.catch_up {
            CatchUp::None => "no scheduler came to it in time, and nothing is caught up",
            CatchUp::Latest => "no scheduler came to it in time, and only the latest is caught up",
            CatchUp::All => "no scheduler came to it in time, and it is too long ago to be caught up",
        };
        self.plan.decisions.push(Decision {
            at: first,
            through: last,
            ticks,
            revision: String::new(),
            outcome: Outcome::Missed(reason.to_owned()),
            job: None,
        });
    }

    /// Decides one tick, which is `due` then.
    fn decide(&mut self, tick: DateTime<Utc>, due: DateTime<Utc>, revision: String) {
        let paused = self.standing.paused.clone();
        let skipped = paused
            .or_else(|| self.timing.shut_out(due))
            .or_else(|| self.stands_in_the_way(tick));
        match skipped {
            Some(reason) => self.push(tick, revision, Outcome::Skipped(reason)),
            None if self.plan.buffered == Some(tick) => {
                self.push(tick, revision, Outcome::Buffered);
            }
            None => self.run(tick, due, revision),
        }
    }

    /// Why the last job keeps the tick from running, if it does.
    fn stands_in_the_way(&mut self, tick: DateTime<Utc>) -> Option<String> {
        if !self.is_busy {
            return None;
        }
        match self.timing.overlap {
            Overlap::Allow => None,
            Overlap::CancelOther => {
                self.plan.cancels_last = true;
                None
            }
            Overlap::BufferOne if self.plan.buffered.is_none() && tick != DateTime::UNIX_EPOCH => {
                self.plan.buffered = Some(tick);
                None
            }
            Overlap::BufferOne if tick != DateTime::UNIX_EPOCH => {
                Some("one waits already for the end of its last job".to_owned())
            }
            Overlap::BufferOne | Overlap::Skip => Some("its last job waits or runs still".to_owned()),
        }
    }

    fn run(&mut self, tick: DateTime<Utc>, due: DateTime<Utc>, revision: String) {
        match self.timing.overlap {
            Overlap::Allow => {}
            Overlap::Skip | Overlap::BufferOne => self.is_busy = true,
            // Of several that are caught up at once, each would cancel the one before.
            Overlap::CancelOther => {
                for earlier in self.plan.decisions.iter_mut().filter(|tick| tick.outcome.runs()) {
                    earlier.outcome = Outcome::Skipped("a later tick, due by then too, runs in its place".to_owned());
                }
            }
        }
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
            job: None,
        });
    }

    fn finish(mut self, now: DateTime<Utc>) -> Plan {
        let plan = &mut self.plan;
        plan.next_tick = self.timing.next_tick(plan.decided_until);
        let check = match self.standing.paused {
            None => BUFFER_CHECK,
            Some(_) => PAUSED_BUFFER_CHECK,
        };
        let check = plan.buffered.map(|_| now + check);
        plan.next_look = [plan.next_look, plan.next_tick, check].into_iter().flatten().min();
        self.plan
    }
}
