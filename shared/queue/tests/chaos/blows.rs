//! What is done to workers, server and network, and in which order.

use std::time::Duration;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// SIGKILL to a worker; another takes its place.
    Kill,
    /// SIGSTOP to a worker for longer than its lease, then SIGCONT.
    Freeze,
    /// A reset of every connection.
    Cut,
    /// The same in the middle of the server's answers, after so many bytes.
    CutAnswers(usize),
    /// The server ends every session.
    TerminateSessions,
    /// Nothing reaches the server for so long.
    LoseQuestions(Duration),
    /// No answer reaches anybody for so long.
    LoseAnswers(Duration),
    /// Everything takes longer for a while.
    Delay(Duration),
    /// The server ends without a goodbye and recovers.
    RestartServer,
}

/// Kinds of blows beside kills.
const KINDS: usize = 8;
/// Blows until every kind has been struck.
pub(crate) const ROUND: usize = 2 * KINDS;

/// An endless, seeded order of blows: every kind once before any comes again, and a kill before each.
#[derive(Debug)]
pub(crate) struct Blows {
    state: u64,
    left: Vec<usize>,
    is_kill_next: bool,
}

impl Blows {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            left: Vec::new(),
            is_kill_next: false,
        }
    }

    /// A number below `end`, by `SplitMix64`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap_or(0)
    }

    pub(crate) fn next(&mut self) -> Blow {
        self.is_kill_next = !self.is_kill_next;
        if self.is_kill_next {
            return Blow::Kill;
        }
        if self.left.is_empty() {
            self.left = (0..KINDS).collect();
        }
        let place = self.below(self.left.len());
        match self.left.swap_remove(place) {
            0 => Blow::Freeze,
            1 => Blow::Cut,
            2 => Blow::CutAnswers(0),
            3 => Blow::CutAnswers(self.below(4_000)),
            4 => Blow::TerminateSessions,
            5 => self.either_way(),
            6 => Blow::Delay(Duration::from_millis(60)),
            _ => Blow::RestartServer,
        }
    }

    /// Shorter or longer than the lease.
    fn either_way(&mut self) -> Blow {
        let time = Duration::from_millis(500 + self.below(2_500) as u64);
        if self.below(2) == 0 {
            Blow::LoseQuestions(time)
        } else {
            Blow::LoseAnswers(time)
        }
    }
}
