use std::{sync::Arc, time::Duration};

use botticelli_queue::{
    Cancelled, JobId, PutBack, QueueError, Retried, Wakeup, Wakeups, cancel, cancelled_of, complete, discard,
    hand_back, put_back_strays, release_worker, rescue, retry, settle_cancelled, snooze,
};

use crate::{Bench, room};

/// A job that is unique by its queue as long as it has not ended.
const ENQUEUE_UNIQUE: &str = "select botticelli.enqueue('posting', unique_by => '{}')";

async fn cancel_as_tester(bench: &Bench, job: JobId) -> Result<Cancelled, QueueError> {
    cancel(&bench.database.pool, job, Some("not needed"), "a tester").await
}

impl Bench {
    /// What is known of the only dead job: state, reason, and the errors of its tries.
    async fn grave(&self) -> String {
        let errors = "array(select error ->> 'error' from jsonb_array_elements(errors) as error)";
        let query = format!("select state, reason, array_to_string({errors}, ',') from botticelli.dead_jobs");
        self.database.row(&query).await
    }

    async fn unfinished(&self) -> String {
        self.database.row("select count(*) from botticelli.jobs").await
    }
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once_and_its_key_is_free() {
    let bench = Bench::new().await;
    bench.execute(ENQUEUE_UNIQUE).await;
    assert_eq!(cancel_as_tester(&bench, JobId(1)).await.unwrap(), Cancelled::AtOnce);
    assert_eq!(bench.grave().await, "cancelled|cancelled by a tester: not needed|");
    assert!(bench.claim().await.is_empty());
    assert_eq!(bench.database.row(ENQUEUE_UNIQUE).await, "2");
    // Who asks again because the answer was lost gets the same one.
    assert_eq!(cancel_as_tester(&bench, JobId(1)).await.unwrap(), Cancelled::AtOnce);
}

#[tokio::test]
async fn sql_names_who_cancelled_a_job_if_nobody_else_is_named() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    assert_eq!(bench.database.row("select botticelli.cancel(1)").await, "cancelled");
    let named = "select reason = 'cancelled by ' || session_user from botticelli.dead_jobs";
    assert_eq!(bench.database.row(named).await, "t");
}

#[tokio::test]
async fn a_running_job_that_was_cancelled_never_waits_again_however_its_try_ends() {
    for end in ["hand back", "snooze", "retry", "stray", "rescue"] {
        let bench = Bench::new().await;
        bench.execute(ENQUEUE_UNIQUE).await;
        let job = bench.claim().await.pop().unwrap();
        assert_eq!(
            cancel_as_tester(&bench, job.lease.job).await.unwrap(),
            Cancelled::Requested
        );
        assert_eq!(bench.state(job.lease.job).await, "running");
        let pool = &bench.database.pool;
        assert_eq!(cancelled_of(pool, bench.worker).await.unwrap(), [job.lease.job]);

        let mut connection = pool.acquire().await.unwrap();
        let reason = "cancelled by a tester: not needed".to_owned();
        let error = match end {
            "hand back" => {
                let put_back = hand_back(&mut connection, job.lease).await.unwrap();
                assert_eq!(put_back, PutBack::Cancelled { reason });
                ""
            }
            "snooze" => {
                let put_back = snooze(&mut connection, job.lease, Duration::from_mins(1))
                    .await
                    .unwrap();
                assert_eq!(put_back, PutBack::Cancelled { reason });
                ""
            }
            "retry" => {
                let retried = retry(&mut connection, &job, Duration::ZERO, "no luck").await.unwrap();
                assert_eq!(retried, Retried::Cancelled);
                "no luck"
            }
            "stray" => {
                assert_eq!(put_back_strays(pool, "posting", bench.worker, &[]).await.unwrap(), 0);
                ""
            }
            _ => {
                release_worker(pool, bench.worker).await.unwrap();
                let rescued = rescue(&mut connection, 10).await.unwrap();
                assert_eq!((rescued[0].cancelled, rescued[0].discarded), (true, false));
                "the worker was lost while it ran this job"
            }
        };
        assert_eq!(
            bench.grave().await,
            format!("cancelled|cancelled by a tester: not needed|{error}"),
            "{end}"
        );
        assert_eq!(bench.unfinished().await, "0", "{end}");
        let left = "select count(*) from botticelli.cancellations";
        assert_eq!(bench.database.row(left).await, "0", "{end}");
        assert_eq!(bench.database.row(ENQUEUE_UNIQUE).await, "2", "{end}");
    }
}

#[tokio::test]
async fn only_the_cancelled_ones_of_a_lost_claim_end() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[3]))")
        .await;
    let jobs = bench.claim().await;
    assert_eq!(jobs.len(), 3);
    cancel_as_tester(&bench, JobId(2)).await.unwrap();
    release_worker(&bench.database.pool, bench.worker).await.unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert_eq!(rescue(&mut connection, 10).await.unwrap().len(), 3);
    let states =
        "select id, state from botticelli.jobs union all select id, state from botticelli.dead_jobs order by id";
    assert_eq!(
        bench.database.rows(states).await,
        ["1|available", "2|cancelled", "3|available"]
    );
}

#[tokio::test]
async fn a_completion_or_a_discard_that_comes_before_the_worker_hears_of_it_stands() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let completed = bench.claim_one().await.lease;
    cancel_as_tester(&bench, completed.job).await.unwrap();
    complete(&mut connection, completed).await.unwrap();
    assert_eq!(bench.state(completed.job).await, "completed");
    let discarded = bench.claim_one().await.lease;
    cancel_as_tester(&bench, discarded.job).await.unwrap();
    discard(&mut connection, discarded, "no").await.unwrap();
    assert_eq!(bench.state(discarded.job).await, "discarded");
    assert!(
        cancelled_of(&bench.database.pool, bench.worker)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_job_can_give_itself_up() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    settle_cancelled(&mut connection, job.lease, "there is nothing to post")
        .await
        .unwrap();
    assert_eq!(
        bench.grave().await,
        "cancelled|there is nothing to post|there is nothing to post"
    );
}

#[tokio::test]
async fn a_job_that_is_unknown_or_has_ended_is_refused_with_what_can_be_cancelled() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let completed = bench.claim_one().await.lease;
    complete(&mut connection, completed).await.unwrap();
    let discarded = bench.claim_one().await.lease;
    discard(&mut connection, discarded, "no").await.unwrap();
    for (job, expected) in [
        (1, "job 1 has ended; Only a job that waits or runs can be cancelled."),
        (
            2,
            "job 2 has ended (discarded); Only a job that waits or runs can be cancelled.",
        ),
        (
            3,
            "unknown job 3; enqueue gives a job's id; botticelli.jobs lists those that wait or run.",
        ),
        (
            0,
            "unknown job 0; enqueue gives a job's id; botticelli.jobs lists those that wait or run.",
        ),
    ] {
        let refusal = cancel_as_tester(&bench, JobId(job)).await;
        assert!(
            matches!(&refusal, Err(QueueError::Invalid(text)) if text == expected),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn a_cancellation_waits_for_the_claim_that_has_the_job_in_hand() {
    let bench = Bench::new().await;
    let job = bench.enqueue().await;
    let pool = bench.database.pool.clone();
    let mut claiming = pool.begin().await.unwrap();
    let claimed = sqlx::query("select from botticelli.claim('posting', 10, $1, 1)")
        .bind(bench.worker)
        .fetch_all(&mut *claiming)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
    let cancelling = tokio::spawn({
        let pool = pool.clone();
        async move { cancel(&pool, job, None, "a tester").await }
    });
    bench.database.until_waiting_for_locks(1).await;
    claiming.commit().await.unwrap();
    assert_eq!(cancelling.await.unwrap().unwrap(), Cancelled::Requested);
    assert_eq!(cancelled_of(&pool, bench.worker).await.unwrap(), [job]);
}

#[tokio::test]
async fn a_cancellation_finds_a_job_that_is_being_put_back() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let pool = bench.database.pool.clone();
    let mut returning = pool.begin().await.unwrap();
    assert_eq!(hand_back(&mut returning, job.lease).await.unwrap(), PutBack::Waits);
    let cancelling = tokio::spawn({
        let pool = pool.clone();
        async move { cancel(&pool, job.lease.job, None, "a tester").await }
    });
    bench.database.until_waiting_for_locks(1).await;
    returning.commit().await.unwrap();
    assert_eq!(cancelling.await.unwrap().unwrap(), Cancelled::AtOnce);
    assert_eq!(bench.unfinished().await, "0");
}

#[tokio::test]
async fn a_job_that_is_put_back_while_it_is_being_cancelled_ends() {
    for rescued in [false, true] {
        let bench = Bench::new().await;
        let job = bench.claim_one().await;
        let pool = bench.database.pool.clone();
        let mut cancelling = pool.begin().await.unwrap();
        sqlx::query("select botticelli.cancel($1)")
            .bind(job.lease.job)
            .execute(&mut *cancelling)
            .await
            .unwrap();
        if rescued {
            // It passes over what somebody has in hand, and comes again.
            release_worker(&pool, bench.worker).await.unwrap();
            let mut connection = pool.acquire().await.unwrap();
            assert!(rescue(&mut connection, 10).await.unwrap().is_empty());
            cancelling.commit().await.unwrap();
            assert!(rescue(&mut connection, 10).await.unwrap()[0].cancelled);
        } else {
            // Its statement began before the cancellation was there to be seen.
            let returning = tokio::spawn({
                let pool = pool.clone();
                async move { hand_back(&mut pool.acquire().await.unwrap(), job.lease).await }
            });
            bench.database.until_waiting_for_locks(1).await;
            cancelling.commit().await.unwrap();
            let put_back = returning.await.unwrap().unwrap();
            assert!(matches!(put_back, PutBack::Cancelled { .. }), "{put_back:?}");
        }
        assert_eq!(bench.unfinished().await, "0");
    }
}

#[tokio::test]
async fn a_job_that_nobody_cancelled_after_all_goes_on() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut cancelling = bench.database.pool.begin().await.unwrap();
    sqlx::query("select botticelli.cancel($1)")
        .bind(job.lease.job)
        .execute(&mut *cancelling)
        .await
        .unwrap();
    cancelling.rollback().await.unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert_eq!(hand_back(&mut connection, job.lease).await.unwrap(), PutBack::Waits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cancelled_job_ends_while_workers_claim_and_put_back_the_same_jobs() {
    const JOBS: i64 = 40;
    let bench = Arc::new(Bench::new().await);
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[40]))")
        .await;
    let workers = [(); 3].map(|()| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let pool = &bench.database.pool;
            while bench.unfinished().await != "0" {
                let claimed = botticelli_queue::claim(pool, &bench.queue, room(7), bench.worker)
                    .await
                    .unwrap();
                for job in claimed.jobs {
                    let mut connection = pool.acquire().await.unwrap();
                    hand_back(&mut connection, job.lease).await.unwrap();
                }
            }
        })
    });
    for job in 1..=JOBS {
        cancel_as_tester(&bench, JobId(job)).await.unwrap();
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let dead = "select count(*), count(distinct id) from botticelli.dead_jobs where state = 'cancelled'";
    assert_eq!(bench.database.row(dead).await, "40|40");
    assert_eq!(
        bench
            .database
            .row("select count(*) from botticelli.cancellations")
            .await,
        "0"
    );
}

#[tokio::test]
async fn a_cancelled_job_is_announced_by_its_id_and_other_announcements_tell_nothing() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await.lease.job;
    let mut wakeups = Wakeups::listen(&bench.database.pool).await.unwrap();
    bench.execute("notify botticelli_cancel, 'everything'").await;
    cancel_as_tester(&bench, job).await.unwrap();
    assert_eq!(wakeups.next().await.unwrap(), Some(Wakeup::Cancelled(job)));
}
