use botticelli_queue::{
    DeadFilter, DeadView, JobId, PutBack, QueueError, Redriven, cancel, complete, count_dead, discard, group_dead,
    hand_back, list_dead, purge_dead, redrive, redrive_all, retry,
};
use chrono::DateTime;

use crate::Bench;

/// A job that is unique by its queue as long as it has not ended.
const ENQUEUE_UNIQUE: &str = "select botticelli.enqueue('posting', unique_by => '{}')";

impl Bench {
    /// Enqueues a job, claims it and discards it.
    async fn discarded(&self, reason: &str) -> JobId {
        let job = self.claim_one().await.lease;
        discard(&mut self.database.pool.acquire().await.unwrap(), job, reason)
            .await
            .unwrap();
        job.job
    }

    /// Discards the one unique job there is.
    async fn discarded_unique(&self) {
        self.execute(ENQUEUE_UNIQUE).await;
        let job = self.claim().await.pop().unwrap();
        discard(&mut self.database.pool.acquire().await.unwrap(), job.lease, "no")
            .await
            .unwrap();
    }
}

fn of_queue(queue: &str) -> DeadFilter<'_> {
    DeadFilter {
        queue: Some(queue),
        ..DeadFilter::default()
    }
}

#[tokio::test]
async fn dead_jobs_are_listed_last_first_by_queue_state_and_time() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    for reason in ["first", "second", "third"] {
        bench.discarded(reason).await;
    }
    bench.enqueue().await;
    cancel(pool, JobId(4), None, "a tester").await.unwrap();
    let reasons = async |view, at_most| {
        let dead = list_dead(pool, view, at_most).await.unwrap();
        dead.into_iter().map(|job| job.reason).collect::<Vec<_>>()
    };
    let discarded = DeadView {
        state: Some("discarded"),
        ..DeadView::default()
    };
    assert_eq!(reasons(discarded, 2).await, ["third", "second"]);
    let all = DeadView {
        queue: Some("posting"),
        ..DeadView::default()
    };
    assert_eq!(
        reasons(all, 10).await,
        ["cancelled by a tester", "third", "second", "first"]
    );
    let second = list_dead(pool, all, 10).await.unwrap()[2].finished_at;
    let since = DeadView {
        since: Some(second),
        ..discarded
    };
    assert_eq!(reasons(since, 10).await, ["third", "second"]);
    let elsewhere = DeadView {
        queue: Some("elsewhere"),
        ..DeadView::default()
    };
    let refusal = list_dead(pool, elsewhere, 10).await;
    assert!(
        matches!(&refusal, Err(QueueError::Invalid(text)) if text == "unknown queue \"elsewhere\"; Known queues: posting."),
        "{refusal:?}"
    );

    let unknown = DeadView {
        state: Some("gone"),
        ..DeadView::default()
    };
    let refusal = list_dead(pool, unknown, 10).await;
    assert!(
        matches!(&refusal, Err(QueueError::Invalid(text)) if text.contains("discarded, cancelled, expired")),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn jobs_that_died_of_the_same_are_one_group_whatever_the_numbers_in_their_errors() {
    let bench = Bench::new().await;
    for reason in ["post 17 is too long", "the model is away", "post 4711 is too long"] {
        bench.discarded(reason).await;
    }
    let groups = group_dead(&bench.database.pool, DeadView::default(), 10).await.unwrap();
    let shown: Vec<_> = groups
        .iter()
        .map(|group| (group.jobs, group.sample_job, group.sample_reason.as_str()))
        .collect();
    assert_eq!(shown, [(2, 3, "post 4711 is too long"), (1, 2, "the model is away")]);
    assert_eq!(groups[0].queues, ["posting"]);
    assert!(groups[0].first_at < groups[0].last_at);
}

#[tokio::test]
async fn a_redriven_job_keeps_its_id_and_errors_and_has_all_of_its_tries_again() {
    let bench = Bench::new().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    bench.enqueue().await;
    for _ in 0..3 {
        let job = bench.claim().await.pop().unwrap();
        retry(&mut connection, &job, std::time::Duration::ZERO, "no luck")
            .await
            .unwrap();
    }
    assert_eq!(bench.state(JobId(1)).await, "discarded");
    redrive(&bench.database.pool, JobId(1)).await.unwrap();
    let kept = "select state, jsonb_array_length(errors), attempt, interruptions from botticelli.jobs";
    assert_eq!(bench.database.row(kept).await, "available|3|3|3");
    for tries in 1..=3 {
        let job = bench.claim().await.pop().unwrap();
        assert_eq!((job.tries, job.lease.attempt), (tries, tries + 3));
        retry(&mut connection, &job, std::time::Duration::ZERO, "no luck")
            .await
            .unwrap();
    }
    assert_eq!(bench.state(JobId(1)).await, "discarded");
}

#[tokio::test]
async fn a_job_that_is_not_dead_cannot_be_redriven() {
    let bench = Bench::new().await;
    bench.enqueue().await;
    for job in [1, 2] {
        let refusal = redrive(&bench.database.pool, JobId(job)).await;
        let expected = format!("job {job} is not among the dead ones; botticelli.list_dead() lists them.");
        assert!(
            matches!(&refusal, Err(QueueError::Invalid(text)) if *text == expected),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn a_unique_job_is_redriven_only_while_no_other_has_taken_its_place() {
    let bench = Bench::new().await;
    bench.discarded_unique().await;
    assert_eq!(bench.database.row(ENQUEUE_UNIQUE).await, "2");
    let refusal = redrive(&bench.database.pool, JobId(1)).await;
    assert!(
        matches!(&refusal, Err(QueueError::Invalid(text)) if text.starts_with("job 1 is unique, and job 2 has taken its place; ")),
        "{refusal:?}"
    );
    let redriven = redrive_all(&bench.database.pool, DeadFilter::default()).await.unwrap();
    assert_eq!(
        redriven,
        Redriven {
            redriven: 0,
            skipped: 1
        }
    );

    let other = bench.claim().await.pop().unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, other.lease).await.unwrap();
    redrive(&bench.database.pool, JobId(1)).await.unwrap();
    // It has its key again, and gives it back at its end.
    assert_eq!(bench.database.row(ENQUEUE_UNIQUE).await, "1");
    let again = bench.claim().await.pop().unwrap();
    complete(&mut connection, again.lease).await.unwrap();
    assert_eq!(bench.database.row(ENQUEUE_UNIQUE).await, "4");
}

#[tokio::test]
async fn of_dead_jobs_with_one_key_the_first_is_redriven() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.discarded_unique().await;
    }
    bench.discarded("another").await;
    let redriven = redrive_all(&bench.database.pool, of_queue("posting")).await.unwrap();
    assert_eq!(
        redriven,
        Redriven {
            redriven: 2,
            skipped: 2
        }
    );
    let waiting = "select id from botticelli.jobs order by id";
    assert_eq!(bench.database.rows(waiting).await, ["1", "4"]);
}

#[tokio::test]
async fn what_is_counted_is_what_is_redriven_and_purged() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    for reason in ["post 1 is too long", "the model is away", "post 2 is too long"] {
        bench.discarded(reason).await;
    }
    let groups = group_dead(pool, DeadView::default(), 10).await.unwrap();
    let too_long = DeadFilter {
        fingerprint: Some(&groups[0].fingerprint),
        ..DeadFilter::default()
    };
    assert_eq!(count_dead(pool, DeadFilter::default()).await.unwrap(), 3);
    assert_eq!(count_dead(pool, too_long).await.unwrap(), 2);
    let before_all = DeadFilter {
        before: Some(DateTime::UNIX_EPOCH),
        ..DeadFilter::default()
    };
    assert_eq!(purge_dead(pool, before_all).await.unwrap(), 0);
    let redriven = redrive_all(pool, too_long).await.unwrap();
    assert_eq!(
        redriven,
        Redriven {
            redriven: 2,
            skipped: 0
        }
    );
    assert_eq!(purge_dead(pool, of_queue("posting")).await.unwrap(), 1);
    assert_eq!(count_dead(pool, DeadFilter::default()).await.unwrap(), 0);
    assert_eq!(bench.claim().await.len(), 2);
}

#[tokio::test]
async fn a_job_that_many_redrive_at_once_waits_once() {
    let bench = Bench::new().await;
    bench.discarded("no").await;
    let attempts = (0..4).map(|_| redrive(&bench.database.pool, JobId(1)));
    let redriven = futures_util::future::join_all(attempts).await;
    assert_eq!(redriven.iter().filter(|redriven| redriven.is_ok()).count(), 1);
    assert_eq!(bench.claim().await.len(), 1);
}

#[tokio::test]
async fn a_cancellation_of_the_life_before_does_not_end_a_redriven_job() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    let job = bench.claim_one().await.lease;
    cancel(pool, job.job, None, "a tester").await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    // It ended by itself before its worker heard of it.
    discard(&mut connection, job, "no").await.unwrap();
    redrive(pool, job.job).await.unwrap();
    let again = bench.claim().await.pop().unwrap();
    assert_eq!(hand_back(&mut connection, again.lease).await.unwrap(), PutBack::Waits);
}

#[tokio::test]
async fn an_expired_job_that_is_redriven_does_not_expire_again() {
    let bench = Bench::new().await;
    bench
        .execute(
            "select botticelli.enqueue('posting', not_after => now() + interval '1 hour');
             update botticelli.waiting_jobs set not_after = now()",
        )
        .await;
    assert!(bench.claim().await.is_empty());
    assert_eq!(bench.state(JobId(1)).await, "expired");
    redrive(&bench.database.pool, JobId(1)).await.unwrap();
    assert_eq!(bench.claim().await.len(), 1);
}
