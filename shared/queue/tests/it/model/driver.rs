//! Does every operation twice, to the database through the queue's own functions and to the model, and compares.

mod settling;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use botticelli_queue::{
    ClaimId, ClaimedJob, JobOptions, NewJob, Room, Source, WorkerId, claim, enqueue_unless_waiting,
    forget_dead_workers, promote, put_back_strays, register_queue, register_worker, release_worker, renew_lease,
};
use botticelli_testkit::TestDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    operation::{NewJobs, Operation, Pick, QUEUES, WORKERS},
    state::{MINUTE, Model, args},
};

/// Longer than any sequence takes.
const LONG: Duration = Duration::from_hours(1);
pub(super) const CLAIMED: &str = "jobs claimed";
pub(super) const ENDED: &str = "ends accepted";
pub(super) const REFUSED: &str = "ends refused";
pub(super) const RESCUED: &str = "jobs rescued";
pub(super) const HELD: &str = "unique jobs that were there";
const ERROR: &str = "it did not work";
/// What there was before a sequence goes, numbers included.
const CLEAR: &str =
    "truncate botticelli.waiting_jobs, botticelli.claims, botticelli.claim_history, botticelli.dead_jobs,
    botticelli.job_keys, botticelli.workers restart identity; update botticelli.queues set is_paused = false";

/// The default partition takes everything then; looking through one instead of nine makes every step quicker.
const ONE_PARTITION: &str = "do $$
    declare
      partition text;
    begin
      for partition in select tablename from pg_tables where tablename ~ '^claim_history_[0-9]+$' loop
        execute format('drop table botticelli.%I', partition);
      end loop;
    end $$";

/// What went wrong, for the message of the failing test.
type Outcome<T = ()> = Result<T, String>;

pub(super) struct Driver {
    database: TestDatabase,
    queues: Vec<Arc<str>>,
    tally: RefCell<BTreeMap<&'static str, u64>>,
}

/// One sequence.
struct Sequence<'a> {
    pool: &'a PgPool,
    queues: &'a [Arc<str>],
    tally: &'a RefCell<BTreeMap<&'static str, u64>>,
    began: DateTime<Utc>,
    model: Model,
    /// All that were ever claimed and whose claim was answered.
    claimed: Vec<ClaimedJob>,
    last_id: i64,
}

impl Driver {
    pub(super) async fn new() -> Self {
        let database = botticelli_testkit::database().await;
        let mut connection = database.pool.acquire().await.unwrap();
        let queues: Vec<Arc<str>> = (0..QUEUES).map(|queue| Arc::from(format!("q{queue}"))).collect();
        for queue in &queues {
            register_queue(&mut connection, queue, "posting", 3).await.unwrap();
        }
        drop(connection);
        database.execute(ONE_PARTITION).await;
        Self {
            database,
            queues,
            tally: RefCell::default(),
        }
    }

    /// How often what matters has come about in all sequences.
    pub(super) fn tally(&self, what: &str) -> u64 {
        self.tally.borrow().get(what).copied().unwrap_or(0)
    }

    /// Runs a sequence from an empty queue and workers that have leases, up to the first step after which database and model differ.
    pub(super) async fn run(&self, operations: &[Operation]) -> Outcome {
        self.database.execute(CLEAR).await;
        let began = sqlx::query_scalar("select now()").fetch_one(&self.database.pool).await;
        let mut sequence = Sequence {
            pool: &self.database.pool,
            queues: &self.queues,
            tally: &self.tally,
            began: began.map_err(said)?,
            model: Model::default(),
            claimed: Vec::new(),
            last_id: 0,
        };
        for worker in 0..WORKERS {
            sequence.apply(&Operation::Register(worker)).await?;
        }
        for (step, operation) in operations.iter().enumerate() {
            let done = sequence.apply(operation).await;
            let compared = match done {
                Ok(()) => sequence.compare().await,
                Err(difference) => Err(difference),
            };
            compared.map_err(|difference| format!("step {} ({operation:?}): {difference}", step + 1))?;
        }
        Ok(())
    }
}

impl Sequence<'_> {
    async fn apply(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Register(worker) => {
                register_worker(self.pool, id_of(*worker), "model", LONG)
                    .await
                    .map_err(said)?;
                self.model.workers.insert(*worker, true);
                Ok(())
            }
            Operation::EndLease(worker) => {
                let end = sqlx::query(
                    "update botticelli.workers set lease_until = now() - interval '1 minute' where id = $1",
                );
                end.bind(id_of(*worker)).execute(self.pool).await.map_err(said)?;
                if let Some(lease_runs) = self.model.workers.get_mut(worker) {
                    *lease_runs = false;
                }
                Ok(())
            }
            Operation::Renew(worker) => {
                let renewed = renew_lease(self.pool, id_of(*worker), LONG).await.map_err(said)?;
                same("renewed", renewed, self.model.workers.get(worker) == Some(&true))
            }
            Operation::Release(worker) => {
                release_worker(self.pool, id_of(*worker)).await.map_err(said)?;
                self.model.workers.remove(worker);
                Ok(())
            }
            Operation::ForgetDeadWorkers => {
                let forgotten = forget_dead_workers(self.pool, Duration::ZERO).await.map_err(said)?;
                same("forgotten workers", forgotten, self.model.forget_dead_workers() as u64)
            }
            Operation::Enqueue(new) => self.enqueue(new).await,
            Operation::EnqueueUnlessWaiting(queue) => self.enqueue_unless_waiting(*queue).await,
            Operation::Claim {
                worker,
                queue,
                jobs,
                takes_suspect,
                answer_is_lost,
            } => {
                let room = Room {
                    jobs: *jobs,
                    takes_suspect: *takes_suspect,
                };
                self.claim(*worker, *queue, room, *answer_is_lost).await
            }
            Operation::Promote(queue) => {
                let promoted = promote(self.pool, &self.queues[*queue]).await.map_err(said)?;
                same("promoted jobs", promoted, self.model.promote(*queue))
            }
            Operation::BecomeDue(pick) => self.become_due(*pick).await,
            Operation::PassNotAfter(pick) => self.pass_not_after(*pick).await,
            Operation::PassUniqueFor(pick) => {
                let Some(key) = pick.of(&self.model.keys()).cloned() else {
                    return Ok(());
                };
                let pass = "update botticelli.job_keys set expires_at = now() - interval '1 minute'
                            where key = $1 and expires_at is not null";
                sqlx::query(pass).bind(&key).execute(self.pool).await.map_err(said)?;
                self.model.pass_unique_for(&key);
                Ok(())
            }
            Operation::Settle {
                how,
                lease,
                is_forged,
                is_committed,
            } => match lease.of(&self.claimed).cloned() {
                Some(job) => self.settle(*how, job, *is_forged, *is_committed).await,
                None => Ok(()),
            },
            Operation::CompleteAll { leases, is_committed } => self.complete_all(leases, *is_committed).await,
            Operation::PutBackStrays { worker, queue } => {
                let in_hand: Vec<ClaimId> = self.claimed.iter().map(|job| job.lease.claim).collect();
                let strays = put_back_strays(self.pool, &self.queues[*queue], id_of(*worker), &in_hand).await;
                let in_hand: Vec<i64> = in_hand.iter().map(|claim| claim.0).collect();
                same(
                    "strays",
                    strays.map_err(said)?,
                    self.model.put_back_strays(*worker, *queue, &in_hand),
                )
            }
            Operation::Pause { queue, is_paused } => {
                let pause = sqlx::query("update botticelli.queues set is_paused = $2 where name = $1");
                let pause = pause.bind(&*self.queues[*queue]).bind(is_paused);
                pause.execute(self.pool).await.map_err(said)?;
                if *is_paused {
                    self.model.paused.insert(*queue);
                } else {
                    self.model.paused.remove(queue);
                }
                Ok(())
            }
            Operation::Rescue { claims, just_restarted } => self.rescue(*claims, *just_restarted).await,
        }
    }

    async fn enqueue(&mut self, new: &NewJobs) -> Outcome {
        let queue = &*self.queues[new.queue];
        let args: Vec<String> = new.limits.iter().map(|limit| args(*limit)).collect();
        let keys = self.keys(new, &args).await?;
        // Both functions must do the same to a single job; the one for many says more.
        let statement = if args.len() == 1 {
            "select job.id, null::boolean from botticelli.enqueue($1, ($2::text[])[1]::jsonb, $3, $4, $5, not_after => $6,
                unique_by => $7::text[], unique_while => $8, unique_for => $9 * interval '1 hour') as job (id)"
        } else {
            "select job.id, job.is_new from botticelli.enqueue_many($1, $2::text[]::jsonb[], $3, $4, $5, not_after => $6,
                unique_by => $7::text[], unique_while => $8, unique_for => $9 * interval '1 hour') as job"
        };
        let not_after = new.has_not_after.then(|| self.at(120 * MINUTE));
        let mut transaction = self.pool.begin().await.map_err(said)?;
        let rows: Vec<(i64, Option<bool>)> = sqlx::query_as(statement)
            .bind(queue)
            .bind(&args)
            .bind(self.at(new.run_in * MINUTE))
            .bind(i32::from(new.priority))
            .bind(new.max_attempts)
            .bind(not_after)
            .bind(new.unique.map(|unique| unique.by))
            .bind(new.unique.and_then(|unique| unique.while_))
            .bind(new.unique.and_then(|unique| unique.for_an_hour.then_some(1)))
            .fetch_all(&mut *transaction)
            .await
            .map_err(said)?;
        let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
        let mut model = self.model.clone();
        let expected = model.enqueue(new, &keys, &ids);
        let answered = rows
            .iter()
            .zip(&expected)
            .map(|((id, is_new), (_, expected))| (*id, is_new.unwrap_or(*expected)));
        same("enqueued jobs", answered.collect(), expected.clone())?;
        for (id, _) in expected.into_iter().filter(|(_, is_new)| *is_new) {
            if id <= self.last_id {
                return Err(format!(
                    "job {id} was enqueued after job {} and has the lower number",
                    self.last_id
                ));
            }
            self.last_id = id;
        }
        self.count(HELD, rows.iter().filter(|(_, is_new)| *is_new == Some(false)).count());
        if new.is_committed {
            transaction.commit().await.map_err(said)?;
            self.model = model;
        } else {
            transaction.rollback().await.map_err(said)?;
        }
        Ok(())
    }

    /// The keys as the database writes them: equal for jobs that are equal in what they are compared by, and only for these.
    async fn keys(&self, new: &NewJobs, args: &[String]) -> Outcome<Vec<Option<String>>> {
        let Some(unique) = new.unique else {
            return Ok(vec![None; args.len()]);
        };
        let keys: Vec<String> = sqlx::query_scalar(
            "select botticelli.unique_key($1, given.args::jsonb, $3::text[])
             from unnest($2::text[]) with ordinality as given (args, place) order by place",
        )
        .bind(&*self.queues[new.queue])
        .bind(args)
        .bind(unique.by)
        .fetch_all(self.pool)
        .await
        .map_err(said)?;
        let compared: BTreeSet<(&String, &String)> = keys.iter().zip(args).collect();
        let expected = if unique.by == "{}" {
            1
        } else {
            args.iter().collect::<BTreeSet<_>>().len()
        };
        same("different keys", keys.iter().collect::<BTreeSet<_>>().len(), expected)?;
        same("arguments", compared.len(), args.iter().collect::<BTreeSet<_>>().len())?;
        Ok(keys.into_iter().map(Some).collect())
    }

    async fn enqueue_unless_waiting(&mut self, queue: usize) -> Outcome {
        let job = NewJob {
            queue: &self.queues[queue],
            args: serde_json::json!({}),
            source: Source::After,
            traceparent: None,
            options: JobOptions::default(),
        };
        let mut connection = self.pool.acquire().await.map_err(said)?;
        let enqueued = enqueue_unless_waiting(&mut connection, &job).await.map_err(said)?;
        same("enqueued", enqueued.is_some(), !self.model.has_waiting(queue))?;
        if let Some(id) = enqueued {
            self.last_id = id.0;
            // It is due at the instant of its transaction, which the model cannot know.
            let run_at = self.run_at(id.0).await?;
            self.model.enqueue_now(queue, id.0, run_at);
        }
        Ok(())
    }

    async fn claim(&mut self, worker: usize, queue: usize, room: Room, answer_is_lost: bool) -> Outcome {
        let claimed = claim(self.pool, &self.queues[queue], room, id_of(worker))
            .await
            .map_err(said)?
            .jobs;
        let expected = self.model.take(worker, queue, room.jobs, room.takes_suspect);
        let answers = claimed.iter().zip(0..).map(|(job, place)| {
            let lease = job.lease;
            let is_placed = lease.place == place && usize::from(lease.claim_size) == claimed.len();
            let run_at = (job.run_at - self.began).num_microseconds();
            (
                lease.job.0,
                lease.attempt,
                job.tries,
                job.max_attempts,
                job.is_suspect,
                run_at,
                is_placed,
            )
        });
        let expectations = expected.iter().map(|job| {
            let tries = job.attempt - job.interruptions;
            (
                job.id,
                job.attempt,
                tries,
                job.max_attempts,
                job.is_suspect,
                Some(job.run_at),
                true,
            )
        });
        same("claimed jobs", answers.collect::<Vec<_>>(), expectations.collect())?;
        self.count(CLAIMED, claimed.len());
        if let Some(first) = claimed.first() {
            self.model.keep(first.lease.claim.0, worker, queue, expected);
        }
        if !answer_is_lost {
            self.claimed.extend(claimed);
        }
        Ok(())
    }

    async fn become_due(&mut self, pick: Pick) -> Outcome {
        let later: Vec<i64> = self
            .model
            .waiting
            .values()
            .filter(|job| job.run_at > 20 * MINUTE)
            .map(|job| job.id)
            .collect();
        let Some(id) = pick.of(&later) else { return Ok(()) };
        let run_at = -5 * MINUTE;
        let become_due =
            "update botticelli.waiting_jobs set run_at = $2, rank = $2 - make_interval(mins => priority) where id = $1";
        let become_due = sqlx::query(become_due).bind(id).bind(self.at(run_at));
        become_due.execute(self.pool).await.map_err(said)?;
        if let Some(job) = self.model.waiting.get_mut(id) {
            job.run_at = run_at;
        }
        Ok(())
    }

    async fn pass_not_after(&mut self, pick: Pick) -> Outcome {
        let limited: Vec<i64> = self
            .model
            .waiting
            .values()
            .filter(|job| job.not_after.is_some())
            .map(|job| job.id)
            .collect();
        let Some(id) = pick.of(&limited) else { return Ok(()) };
        let pass = sqlx::query("update botticelli.waiting_jobs set not_after = $2 where id = $1");
        pass.bind(id)
            .bind(self.at(-MINUTE))
            .execute(self.pool)
            .await
            .map_err(said)?;
        if let Some(job) = self.model.waiting.get_mut(id) {
            job.not_after = Some(-MINUTE);
        }
        Ok(())
    }

    fn count(&self, what: &'static str, number: usize) {
        *self.tally.borrow_mut().entry(what).or_default() += number as u64;
    }

    async fn compare(&self) -> Outcome {
        let lines: Vec<String> = sqlx::query_scalar(include_str!("snapshot.sql"))
            .bind(self.began)
            .fetch_all(self.pool)
            .await
            .map_err(said)?;
        let number = lines.len();
        let found: BTreeSet<String> = lines.into_iter().collect();
        same("different lines", found.len(), number)?;
        let expected = self.model.lines();
        if found != expected {
            let only = |these: &BTreeSet<String>, those| {
                let lines: Vec<&str> = these.difference(those).map(String::as_str).collect();
                lines.join("\n    ")
            };
            return Err(format!(
                "the database has\n    {}\n  where the model has\n    {}",
                only(&found, &expected),
                only(&expected, &found)
            ));
        }
        self.model.misplaced().map_or(Ok(()), Err)
    }

    fn at(&self, microseconds: i64) -> DateTime<Utc> {
        self.began + TimeDelta::microseconds(microseconds)
    }

    async fn run_at(&self, id: i64) -> Outcome<i64> {
        let run_at: DateTime<Utc> = sqlx::query_scalar("select run_at from botticelli.waiting_jobs where id = $1")
            .bind(id)
            .fetch_one(self.pool)
            .await
            .map_err(said)?;
        Ok((run_at - self.began).num_microseconds().unwrap_or(i64::MAX))
    }
}

/// The last digit says which it is.
fn id_of(worker: usize) -> WorkerId {
    WorkerId(Uuid::from_u128(worker as u128))
}

fn index_of(worker: WorkerId) -> usize {
    usize::from(worker.0.as_bytes()[15])
}

#[expect(clippy::needless_pass_by_value, reason = "both are made for the comparison")]
fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: the database says {found:?}, the model {expected:?}"))
    }
}

/// An error with its cause, which is what says why.
fn said<E: std::error::Error>(error: E) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
