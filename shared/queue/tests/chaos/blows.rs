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

/// Blows until every kind has been struck.
pub(crate) const KINDS: usize = 10;

/// An endless, seeded order of blows: every kind once before any comes again, kills twice.
#[derive(Debug)]
pub(crate) struct Blows {
    state: u64,
    left: Vec<usize>,
}

impl Blows {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            left: Vec::new(),
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
        if self.left.is_empty() {
            self.left = (0..KINDS).collect();
        }
        let place = self.below(self.left.len());
        match self.left.swap_remove(place) {
            0 | 1 => Blow::Kill,
            2 => Blow::Freeze,
            3 => Blow::Cut,
            4 => Blow::CutAnswers(0),
            5 => Blow::CutAnswers(self.below(4_000)),
            6 => Blow::TerminateSessions,
            7 => self.either_way(),
            8 => Blow::Delay(Duration::from_millis(60)),
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
