//! Where a worker stops, so that whoever started it can strike just there.

use std::sync::Arc;

use botticelli_testkit::freeze_this_process;
use tokio::sync::Notify;

/// A step of a worker's round, by what it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Claim,
    Begin,
    Renew,
    /// The question that ends a job, unless that is a commit.
    Settle,
    Commit,
    GoOn,
}

impl Step {
    const ALL: [(Self, &str); 6] = [
        (Self::Claim, "claim"),
        (Self::Begin, "begin"),
        (Self::Renew, "renew"),
        (Self::Settle, "settle"),
        (Self::Commit, "commit"),
        (Self::GoOn, "go on"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(step, _)| *step == self).unwrap().1
    }

    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.unwrap_or_else(|| panic!("no step is called {name}")).0
    }
}

/// What a worker does at one step, once.
#[derive(Debug)]
pub(crate) enum Stop {
    Never,
    /// Waits to be armed, so that the first job passes unhurt and every statement has been prepared.
    Freeze(Step),
    Armed(Step),
    /// Waits at a gate.
    At(Step, Arc<Gate>),
    /// Has been let through the gate.
    Behind(Arc<Gate>),
}

/// A gate that somebody else opens.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) reached: Notify,
    pub(crate) opened: Notify,
    /// The database has answered to what was asked behind the gate.
    pub(crate) answered: Notify,
}

impl Stop {
    pub(super) fn arm(&mut self) {
        if let Self::Freeze(step) = self {
            *self = Self::Armed(*step);
        }
    }

    pub(super) fn is_before(&self, step: Step) -> bool {
        matches!(self, Self::Armed(at) | Self::At(at, _) if *at == step)
    }

    pub(super) fn tell_answered(&self) {
        if let Self::Behind(gate) = self {
            gate.answered.notify_one();
        }
    }

    /// Stops, and stops nowhere again.
    pub(super) async fn take_place(&mut self, step: Step) {
        if let Self::At(_, gate) = std::mem::replace(self, Self::Never) {
            gate.reached.notify_one();
            gate.opened.notified().await;
            *self = Self::Behind(gate);
        } else {
            println!("stands before: {}", step.name());
            freeze_this_process();
        }
    }
}
