//! What happened to jobs, told by those who did it, to be compared with what the database says in the end.
//!
//! Every process appends to a log of its own, one line of JSON for each event, before and after it acts. A process that is
//! killed leaves what it had written. The logs say nothing about the order of events of different processes; the attempts
//! of a job do.

mod checker;
mod effects;
mod final_state;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use checker::{Summary, check};
pub use effects::{FencedEffect, make_effects, note_effects};
pub use final_state::{Ending, FinalJob, FinalState};

/// How an attempt ended. Also the word for it in `claims.endings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it was for.
    Completed,
    /// It never will.
    Discarded,
    /// It failed and is tried again.
    Retried,
    /// It asked to run later.
    Snoozed,
    /// Its worker gave it back.
    HandedBack,
    /// Its worker was lost.
    Lost,
    /// Somebody called it off while it ran.
    Cancelled,
}

impl Outcome {
    /// Whether the job is over.
    fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Discarded | Self::Cancelled)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Discarded => "discarded",
            Self::Retried => "retried",
            Self::Snoozed => "snoozed",
            Self::HandedBack => "handed_back",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attempt of a job and who has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// The job's id.
    pub job: i64,
    /// Which attempt, counted from 1.
    pub attempt: i32,
    /// The id of the worker's lease.
    pub worker: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A job is about to be enqueued; its arguments hold the number `offer`, which no other job has.
    Offered {
        /// The number.
        offer: i64,
    },
    /// The transaction that enqueued it was committed, and the answer came.
    Accepted {
        /// The number it was offered under.
        offer: i64,
        /// The id it was given.
        job: i64,
    },
    /// A worker was given the job.
    Claimed {
        /// The id of the claim.
        claim: i64,
        /// What it was given.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// The worker does what the job is for, outside of the database: nothing can keep it from that.
    Effect {
        /// For which attempt.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// The worker is about to end the attempt.
    Settling {
        /// How it is to end.
        outcome: Outcome,
        /// Which attempt.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// The database confirmed that the attempt has ended so.
    Settled {
        /// How it ended.
        outcome: Outcome,
        /// Which attempt.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// The worker does not know whether it ended the attempt: the answer was lost.
    Unanswered {
        /// How it was to end.
        outcome: Outcome,
        /// Which attempt.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// The database said that the worker does not hold the attempt any more.
    Refused {
        /// How it was to end.
        outcome: Outcome,
        /// Which attempt.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// Somebody is about to cancel the job.
    Cancelling {
        /// Its id.
        job: i64,
    },
    /// The database confirmed that the job is cancelled, or is to be when its attempt ends.
    Cancelled {
        /// Its id.
        job: i64,
        /// Its last attempt, which no other may follow.
        attempt: i32,
        /// Whether that was under way.
        was_running: bool,
    },
    /// A worker's process was ended by SIGKILL.
    Killed {
        /// Its process id.
        process: i32,
    },
    /// A worker's process was frozen by SIGSTOP.
    Stopped {
        /// Its process id.
        process: i32,
    },
    /// A frozen process goes on after SIGCONT.
    Continued {
        /// Its process id.
        process: i32,
    },
    /// The server or the network to it was hurt.
    Disturbed {
        /// What was done, in a few words.
        how: String,
    },
}

/// An event and where it is written, for messages.
#[derive(Debug, Clone)]
pub struct Entry {
    /// File and line.
    pub place: String,
    /// What happened.
    pub event: Event,
}

/// The log of one process.
#[derive(Debug)]
pub struct EventLog {
    file: File,
}

impl EventLog {
    /// Opens the log at `path`, which no other process writes to.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn append_to(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file })
    }

    /// Appends events, each in its line, by one write: a process killed now leaves all of them, or those before a torn line.
    /// What is written survives the process, though not the machine.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn record(&mut self, events: &[Event]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)
    }
}

/// Reads all logs (`*.jsonl`) in `directory`. A last line without an end is what a killed process was about to write, and
/// does not count.
///
/// # Errors
///
/// When a file cannot be read, or a line is no event; the message says which.
pub fn read_logs(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let mut entries = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let name = path.file_name().unwrap_or_default().display().to_string();
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let place = format!("{name}:{number}");
            if !line.ends_with('\n') {
                continue;
            }
            let event = serde_json::from_str(line)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{place} is no event: {error}")))?;
            entries.push(Entry { place, event });
        }
    }
    Ok(entries)
}
