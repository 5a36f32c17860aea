//! Answers of commands that may be used in place of asking again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use botticelli_narrative::CommandCall;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// How many answers are kept. The oldest goes first.
const MOST: usize = 1_000;

/// What commands answered that narratives let be remembered (`cache_duration`), for all jobs of this process.
#[derive(Default)]
pub struct RecentAnswers(Mutex<HashMap<Asked, (DateTime<Utc>, Value)>>);

/// Platform, command and arguments.
type Asked = (String, String, String);

fn asked(call: &CommandCall) -> Asked {
    let args = Value::Object(call.args.clone()).to_string();
    (call.platform.clone(), call.command.clone(), args)
}

impl RecentAnswers {
    /// The answer to the same command, if it is no older than `call` allows.
    pub(crate) fn find(&self, call: &CommandCall, now: DateTime<Utc>) -> Option<Value> {
        let oldest = call.cache?;
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.get(&asked(call))?;
        // Of a clock that went back nobody knows how old it is.
        let age = (now - at).to_std().unwrap_or(Duration::MAX);
        (age <= oldest).then(|| answer.clone())
    }

    /// Keeps an answer that a later call may use.
    pub(crate) fn keep(&self, call: &CommandCall, answer: &Value, now: DateTime<Utc>) {
        if call.cache.is_none() {
            return;
        }
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(asked(call), (now, answer.clone()));
        if answers.len() > MOST {
            let oldest = answers.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(asked, _)| asked.clone()) {
                answers.remove(&oldest);
            }
        }
    }
}
