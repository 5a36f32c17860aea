//! What the database says in the end.

use sqlx::PgPool;

use super::{Attempt, FencedEffect, Outcome, effects::read_effects};

/// A job, finished or not.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct FinalJob {
    /// Its id.
    pub job: i64,
    /// The number it was offered under, from its arguments.
    pub offer: Option<i64>,
    /// Its state in `jobs` or `job_history`.
    pub state: String,
    /// How often it was claimed.
    pub attempt: i32,
    /// How many of its attempts do not count against its tries.
    pub interruptions: i32,
    /// How many tries it has, the interrupted ones not counted.
    pub max_attempts: i32,
    /// How many errors it has.
    pub errors: i32,
}

/// How an attempt ended, as `claims` and `claim_history` have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The claim it was part of.
    pub claim: i64,
    /// The attempt and whose it was.
    pub attempt: Attempt,
    /// How it ended.
    pub outcome: Outcome,
    /// When, in microseconds since 1970 by the clock of the server.
    pub ended_at: i64,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct FinalState {
    /// One for every row of `jobs` and `job_history`.
    pub jobs: Vec<FinalJob>,
    /// One for every attempt that has ended.
    pub endings: Vec<Ending>,
    /// What workers did in the database, if they did it there.
    pub effects: Option<Vec<FencedEffect>>,
}

impl FinalState {
    /// Reads it in one snapshot.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or has an outcome that nobody knows.
    pub async fn read(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut transaction = pool.begin_with("begin isolation level repeatable read").await?;
        let jobs = sqlx::query_as(
            "select
               id as job, (args ->> 'offer')::bigint as offer, state, attempt, interruptions, max_attempts,
               jsonb_array_length(errors) as errors
             from (
               select id, args, state, attempt, interruptions, max_attempts, errors from botticelli.jobs
               union all
               select id, args, state, attempt, interruptions, max_attempts, errors from botticelli.job_history
             ) as job
             order by id",
        )
        .fetch_all(&mut *transaction)
        .await?;
        let endings: Vec<(i64, i64, i32, String, String, i64)> = sqlx::query_as(
            "select
               claim.id, job.id, job.attempt, claim.worker_id::text, ending.outcome,
               (extract(epoch from ending.ended_at) * 1000000)::bigint
             from (
               select id, worker_id, jobs, endings from botticelli.claims
               union all
               select id, worker_id, jobs, endings from botticelli.claim_history
             ) as claim,
               unnest(claim.endings) as ending,
               unnest(claim.jobs) with ordinality as job
             where get_bit(ending.places, job.ordinality::integer - 1) = 1",
        )
        .fetch_all(&mut *transaction)
        .await?;
        let effects = read_effects(&mut transaction).await?;
        transaction.commit().await?;
        let endings = endings
            .into_iter()
            .map(|(claim, job, attempt, worker, outcome, ended_at)| {
                let outcome =
                    serde_json::from_value(outcome.into()).map_err(|error| sqlx::Error::Decode(error.into()))?;
                Ok(Ending {
                    claim,
                    attempt: Attempt { job, attempt, worker },
                    outcome,
                    ended_at,
                })
            });
        Ok(Self {
            jobs,
            endings: endings.collect::<Result<_, sqlx::Error>>()?,
            effects,
        })
    }
}
