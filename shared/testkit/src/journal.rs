//! A list that grows while tests wait on it.

use std::fmt::Debug;
use std::time::Duration;

use tokio::sync::watch;

/// How long a test waits for an event before it fails. Far above any honest wait, so that a slow machine fails no test.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// An append-only list of what happened.
#[derive(Debug)]
pub(crate) struct Journal<T> {
    entries: watch::Sender<Vec<T>>,
}

impl<T: Clone + Debug> Journal<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: watch::Sender::new(Vec::new()),
        }
    }

    /// Gives the entry's number, counted from 1.
    pub(crate) fn push(&self, entry: T) -> usize {
        let mut number = 0;
        self.entries.send_modify(|entries| {
            entries.push(entry);
            number = entries.len();
        });
        number
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.entries.borrow().clone()
    }

    /// Waits for entry `n`, counted from 1; `noun` names an entry in the panic.
    #[track_caller]
    pub(crate) fn nth(&self, n: usize, noun: &'static str) -> impl Future<Output = T> + use<T> {
        assert!(n > 0, "{noun}s are counted from 1");
        let mut entries = self.entries.subscribe();
        async move {
            let wait = tokio::time::timeout(PATIENCE, entries.wait_for(|entries| entries.len() >= n));
            // Cloned out, because what it returns is a lock on the list.
            let arrived = wait
                .await
                .ok()
                .and_then(Result::ok)
                .map(|entries| entries[n - 1].clone());
            if let Some(entry) = arrived {
                return entry;
            }
            let seen = entries.borrow().clone();
            panic!("{noun} {n} did not arrive within {PATIENCE:?}; seen so far: {seen:#?}");
        }
    }
}
