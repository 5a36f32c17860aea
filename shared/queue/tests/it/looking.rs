use std::time::Duration;

use botticelli_queue::{
    JobId, complete, discard, find_job, hand_back, list_unfinished, make_partitions, retry, standing, tries,
};

use crate::Bench;

impl Bench {
    async fn found(&self, job: JobId) -> (String, String) {
        let found = find_job(&self.database.pool, job).await.unwrap().unwrap();
        (found.state, found.errors)
    }

    async fn outcomes(&self, job: JobId) -> Vec<(i32, String)> {
        let tries = tries(&self.database.pool, job).await.unwrap();
        let shown = tries.into_iter();
        shown
            .map(|one| (one.attempt, one.outcome.unwrap_or_else(|| "runs".to_owned())))
            .collect()
    }
}

#[tokio::test]
async fn a_job_is_found_with_its_tries_wherever_it_is() {
    let bench = Bench::new().await;
    let pool = &bench.database.pool;
    let mut connection = pool.acquire().await.unwrap();
    let id = bench.enqueue().await;
    assert_eq!(bench.found(id).await, ("available".to_owned(), "[]".to_owned()));
    assert!(bench.outcomes(id).await.is_empty());

    let first = bench.claim().await.pop().unwrap();
    let running = find_job(pool, id).await.unwrap().unwrap();
    assert_eq!(
        (running.state.as_str(), running.worker_name.as_deref()),
        ("running", Some("test"))
    );
    retry(&mut connection, &first, Duration::ZERO, "no luck").await.unwrap();
    let (state, errors) = bench.found(id).await;
    assert_eq!(state, "available");
    assert!(errors.contains("no luck"), "{errors}");

    let second = bench.claim().await.pop().unwrap();
    hand_back(&mut connection, second.lease).await.unwrap();
    let third = bench.claim().await.pop().unwrap();
    complete(&mut connection, third.lease).await.unwrap();
    assert_eq!(bench.found(id).await.0, "completed");
    let outcomes = ["retried", "handed_back", "completed"].map(str::to_owned);
    assert_eq!(bench.outcomes(id).await, (1..).zip(outcomes).collect::<Vec<_>>());

    let dead = bench.claim_one().await;
    discard(&mut connection, dead.lease, "never").await.unwrap();
    let found = find_job(pool, dead.lease.job).await.unwrap().unwrap();
    assert_eq!(
        (found.state.as_str(), found.reason.as_deref()),
        ("discarded", Some("never"))
    );
    assert_eq!(find_job(pool, JobId(99)).await.unwrap(), None);
}

#[tokio::test]
async fn a_completed_job_whose_claim_still_runs_is_found_and_so_are_the_others_of_it() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[3]))")
        .await;
    let jobs = bench.claim().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, jobs[1].lease).await.unwrap();
    for (job, state) in [(1, "running"), (2, "completed"), (3, "running")] {
        assert_eq!(bench.found(JobId(job)).await.0, state);
    }
}

#[tokio::test]
async fn the_lookup_reads_the_history_by_its_ranges_of_ids() {
    let bench = Bench::new().await;
    make_partitions(&bench.database.pool).await.unwrap();
    bench
        .execute(
            "insert into botticelli.claim_history (id, queue, claimed_at, jobs, endings, first_job, last_job)
             select n, 'posting', now(), '{}', '{}', n * 10, n * 10 + 9 from generate_series(1, 50000) as n;
             analyze botticelli.claim_history",
        )
        .await;
    let plan = bench
        .database
        .rows("explain select from botticelli.claim_history where first_job <= 7000 and last_job >= 7000")
        .await
        .join("\n");
    assert!(plan.contains("Bitmap Index Scan"), "{plan}");
}

#[tokio::test]
async fn unfinished_jobs_are_listed_by_queue_and_state_and_those_that_run_come_first() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting', run_at => now() + interval '1 hour')")
        .await;
    bench.claim_one().await;
    bench.enqueue().await;
    let listed = async |queue, state, at_most| {
        let jobs = list_unfinished(&bench.database.pool, queue, state, at_most)
            .await
            .unwrap();
        jobs.into_iter().map(|job| (job.id, job.state)).collect::<Vec<_>>()
    };
    let all = [(2, "running"), (1, "scheduled"), (3, "available")].map(|(id, state)| (id, state.to_owned()));
    assert_eq!(listed(None, None, 10).await, all);
    assert_eq!(listed(Some("posting"), None, 2).await, all[..2]);
    for one in &all {
        assert_eq!(listed(None, Some(one.1.as_str()), 10).await, std::slice::from_ref(one));
    }
    assert!(listed(Some("elsewhere"), None, 10).await.is_empty());
}

#[tokio::test]
async fn a_queue_tells_how_it_stands() {
    let bench = Bench::new().await;
    assert_eq!(
        standing(&bench.database.pool).await.unwrap()[0].oldest_ready_seconds,
        None
    );
    let mut connection = bench.database.pool.acquire().await.unwrap();
    let done = bench.claim_one().await;
    complete(&mut connection, done.lease).await.unwrap();
    let dead = bench.claim_one().await;
    discard(&mut connection, dead.lease, "no").await.unwrap();
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[3]))")
        .await;
    let running = bench.claim().await;
    complete(&mut connection, running[0].lease).await.unwrap();
    bench
        .execute(
            "select botticelli.enqueue('posting', run_at => now() - interval '1 minute');
             select botticelli.enqueue('posting', run_at => now() + interval '1 hour')",
        )
        .await;
    let standing = standing(&bench.database.pool).await.unwrap();
    let [queue] = standing.as_slice() else {
        panic!("{standing:?}");
    };
    assert_eq!((queue.ready, queue.later, queue.running), (1, 1, 2));
    assert_eq!((queue.completed_last_hour, queue.dead, queue.is_paused), (2, 1, false));
    assert!(queue.oldest_ready_seconds.unwrap() >= 60.0);

    let running = "select count(*), min(worker_name) from botticelli.running_jobs where running_for >= interval '0'";
    assert_eq!(bench.database.row(running).await, "2|test");
    let dead = "select queue, state, jobs, sample_reason from botticelli.dead_by_reason";
    assert_eq!(bench.database.row(dead).await, "posting|discarded|1|no");
}
