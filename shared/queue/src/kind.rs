//! Jobs as types: what the arguments of a kind are.

use serde::{Serialize, de::DeserializeOwned};

use crate::ClaimedJob;

/// The arguments of one kind of job. How they are written is a contract with jobs that wait: a change that older ones do not
/// fit needs a new [`VERSION`](Self::VERSION).
pub trait Job: Serialize + DeserializeOwned {
    /// The kind of the queues that it belongs in. Stored with each job: renaming it orphans those that wait.
    const KIND: &'static str;
    /// The newest form of the arguments that this type reads, from 1. It has to read the earlier ones too.
    const VERSION: i16 = 1;
}

/// Why a job cannot be read. Running it again with the same program does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableJob {
    /// It was enqueued for something else.
    #[error("the job is of kind `{found}`, and this handler takes jobs of kind `{expected}`")]
    Kind {
        /// The job's.
        found: String,
        /// The handler's.
        expected: &'static str,
    },
    /// It was enqueued by a newer program; a [`snooze`](crate::snooze()) lets it wait for one.
    #[error(
        "the job's arguments have version {found}, and this program reads `{kind}` up to version {newest}; it takes a newer one"
    )]
    Version {
        /// The kind.
        kind: &'static str,
        /// The job's.
        found: i16,
        /// The newest that can be read.
        newest: i16,
    },
    /// A field is missing, unknown, or not what it should be.
    #[error("the arguments of the job are not those of kind `{kind}`: field `{field}`: {detail}")]
    Field {
        /// The kind.
        kind: &'static str,
        /// The path to the field, such as `posts[2].title`; `.` for the whole.
        field: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl ClaimedJob {
    /// Reads the job as what it must be, after its kind and version.
    ///
    /// # Errors
    ///
    /// [`UnreadableJob`] with what is wrong: the kind, the version, or the field.
    pub fn read<J: Job>(&self) -> Result<J, UnreadableJob> {
        self.check(J::KIND, J::VERSION)?;
        let mut json = serde_json::Deserializer::from_str(&self.args);
        serde_path_to_error::deserialize(&mut json).map_err(|error| UnreadableJob::Field {
            kind: J::KIND,
            field: error.path().to_string(),
            detail: error.into_inner().to_string(),
        })
    }

    /// Makes sure that the job is of this kind, and of a version up to `newest`.
    ///
    /// # Errors
    ///
    /// [`UnreadableJob::Kind`] and [`UnreadableJob::Version`] when it is not.
    pub fn check(&self, kind: &'static str, newest: i16) -> Result<(), UnreadableJob> {
        if self.kind != kind {
            return Err(UnreadableJob::Kind {
                found: self.kind.clone(),
                expected: kind,
            });
        }
        if self.version > newest {
            return Err(UnreadableJob::Version {
                kind,
                found: self.version,
                newest,
            });
        }
        Ok(())
    }
}
