//! What can happen to a queue, chosen at random.

use proptest::{collection::vec, option, prelude::*};

/// Queues that take part.
pub(super) const QUEUES: usize = 2;
/// Workers that take part.
pub(super) const WORKERS: usize = 3;

/// One of the things there are at the time: counted from the newest, or any.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pick {
    Newest(usize),
    Any(usize),
}

impl Pick {
    /// `None` when there is nothing to pick from.
    pub(super) fn of<T>(self, things: &[T]) -> Option<&T> {
        let last = things.len().checked_sub(1)?;
        match self {
            Self::Newest(back) => things.get(last - back % things.len()),
            Self::Any(place) => things.get(place % things.len()),
        }
    }
}

/// How the key of a unique job is made and how long it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unique {
    pub(super) by: &'static str,
    pub(super) while_: Option<&'static str>,
    pub(super) for_an_hour: bool,
}

/// Jobs that are enqueued together.
#[derive(Debug, Clone)]
pub(super) struct NewJobs {
    pub(super) queue: usize,
    /// The argument `limit` of each job, if it has one.
    pub(super) limits: Vec<Option<u8>>,
    /// Minutes from now; far from zero, so that the duration of the test does not matter.
    pub(super) run_in: i64,
    pub(super) priority: i16,
    pub(super) max_attempts: Option<i32>,
    pub(super) has_not_after: bool,
    pub(super) unique: Option<Unique>,
    pub(super) is_committed: bool,
}

/// How a worker ends a job.
#[derive(Debug, Clone, Copy)]
pub(super) enum Settling {
    Complete,
    Discard,
    Retry { later: bool },
    Snooze { later: bool },
    HandBack,
    Hold,
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Register(usize),
    EndLease(usize),
    Renew(usize),
    Release(usize),
    ForgetDeadWorkers,
    Enqueue(NewJobs),
    EnqueueUnlessWaiting(usize),
    Claim {
        worker: usize,
        queue: usize,
        jobs: u16,
        takes_suspect: bool,
        answer_is_lost: bool,
    },
    Promote(usize),
    /// The time of a job that waits for it comes.
    BecomeDue(Pick),
    /// The time until which a waiting job may start passes.
    PassNotAfter(Pick),
    /// The period in which a unique job is the only one passes.
    PassUniqueFor(Pick),
    Settle {
        how: Settling,
        /// Of all jobs ever claimed, most of them no longer held.
        lease: Pick,
        /// By a worker that it was not claimed for.
        is_forged: bool,
        is_committed: bool,
    },
    CompleteAll {
        leases: Vec<Pick>,
        is_committed: bool,
    },
    PutBackStrays {
        worker: usize,
        queue: usize,
    },
    Pause {
        queue: usize,
        is_paused: bool,
    },
    Rescue {
        claims: u16,
        just_restarted: bool,
    },
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![3 => (0..6_usize).prop_map(Pick::Newest), 1 => (0..200_usize).prop_map(Pick::Any)]
}

fn unique() -> impl Strategy<Value = Unique> {
    (
        prop_oneof![Just("{}"), Just("{limit}"), Just("{*}")],
        option::of(prop_oneof![Just("waiting"), Just("unfinished")]),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(by, while_, for_an_hour)| Unique {
            by,
            while_,
            for_an_hour,
        })
}

fn new_jobs() -> impl Strategy<Value = NewJobs> {
    (
        0..QUEUES,
        vec(option::of(1..=3_u8), 1..=6),
        prop_oneof![4 => -30..=-2_i64, 1 => 60..=90_i64],
        -3..=3_i16,
        option::weighted(0.3, 1..=3_i32),
        prop::bool::weighted(0.2),
        option::weighted(0.4, unique()),
        prop::bool::weighted(0.9),
    )
        .prop_map(
            |(queue, limits, run_in, priority, max_attempts, has_not_after, unique, is_committed)| NewJobs {
                queue,
                limits,
                run_in,
                priority,
                max_attempts,
                has_not_after,
                unique,
                is_committed,
            },
        )
}

fn settling() -> impl Strategy<Value = Settling> {
    prop_oneof![
        3 => Just(Settling::Complete),
        1 => Just(Settling::Discard),
        3 => any::<bool>().prop_map(|later| Settling::Retry { later }),
        1 => any::<bool>().prop_map(|later| Settling::Snooze { later }),
        1 => Just(Settling::HandBack),
        1 => Just(Settling::Hold),
    ]
}

/// Any one of them, the usual ones more often.
pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let rarely_false = || prop::bool::weighted(0.9);
    prop_oneof![
        3 => (0..WORKERS).prop_map(Operation::Register),
        2 => (0..WORKERS).prop_map(Operation::EndLease),
        1 => (0..WORKERS).prop_map(Operation::Renew),
        2 => (0..WORKERS).prop_map(Operation::Release),
        1 => Just(Operation::ForgetDeadWorkers),
        12 => new_jobs().prop_map(Operation::Enqueue),
        1 => (0..QUEUES).prop_map(Operation::EnqueueUnlessWaiting),
        14 => (0..WORKERS, 0..QUEUES, prop_oneof![1 => Just(0), 9 => 1..=8_u16], any::<bool>(), prop::bool::weighted(0.15)).prop_map(
            |(worker, queue, jobs, takes_suspect, answer_is_lost)| {
                Operation::Claim { worker, queue, jobs, takes_suspect, answer_is_lost }
            }
        ),
        2 => (0..QUEUES).prop_map(Operation::Promote),
        3 => pick().prop_map(Operation::BecomeDue),
        1 => pick().prop_map(Operation::PassNotAfter),
        1 => pick().prop_map(Operation::PassUniqueFor),
        14 => (settling(), pick(), prop::bool::weighted(0.1), rarely_false()).prop_map(
            |(how, lease, is_forged, is_committed)| Operation::Settle { how, lease, is_forged, is_committed }
        ),
        4 => (vec(pick(), 0..=8), rarely_false())
            .prop_map(|(leases, is_committed)| Operation::CompleteAll { leases, is_committed }),
        2 => (0..WORKERS, 0..QUEUES).prop_map(|(worker, queue)| Operation::PutBackStrays { worker, queue }),
        1 => (0..QUEUES, prop::bool::weighted(0.3)).prop_map(|(queue, is_paused)| Operation::Pause { queue, is_paused }),
        5 => (1..=3_u16, any::<bool>())
            .prop_map(|(claims, just_restarted)| Operation::Rescue { claims, just_restarted }),
    ]
}
