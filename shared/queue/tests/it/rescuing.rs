use std::time::Duration;

use botticelli_queue::{
    QueueError, Room, WorkerId, claim, complete, forget_dead_workers, hold, register_worker, release_worker,
    renew_lease, rescue, retry,
};

use crate::Bench;

const END_ALL_LEASES: &str = "update botticelli.workers set lease_until = now() - interval '1 second'";
/// Unlike a lease that has ended, one that was given up counts for nothing even if the server has only just started.
const GIVE_UP_ALL_LEASES: &str = "delete from botticelli.workers";

#[tokio::test]
async fn a_job_of_a_dead_worker_goes_back_and_the_dead_worker_cannot_finish_it() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert!(rescue(&mut connection, 10).await.unwrap().is_empty());

    bench.execute(GIVE_UP_ALL_LEASES).await;
    let rescued = rescue(&mut connection, 10).await.unwrap();
    assert_eq!(rescued.len(), 1);
    assert_eq!(
        (rescued[0].id, rescued[0].attempt, rescued[0].discarded),
        (job.lease.job, 1, false)
    );
    assert!(matches!(
        complete(&mut connection, job.lease).await,
        Err(QueueError::LeaseLost(_))
    ));

    let heir = WorkerId::random();
    register_worker(&bench.database.pool, heir, "heir", Duration::from_mins(1))
        .await
        .unwrap();
    let again = bench.claim_as(heir).await.pop().unwrap();
    assert_eq!(
        (again.lease.job, again.lease.attempt, again.tries),
        (job.lease.job, 2, 2)
    );
}

#[tokio::test]
async fn a_released_worker_loses_its_jobs_at_once() {
    let bench = Bench::new().await;
    bench.claim_one().await;
    release_worker(&bench.database.pool, bench.worker).await.unwrap();
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert_eq!(rescue(&mut connection, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_ended_lease_cannot_be_renewed() {
    let bench = Bench::new().await;
    assert!(
        renew_lease(&bench.database.pool, bench.worker, Duration::from_mins(1))
            .await
            .unwrap()
    );
    bench.execute(END_ALL_LEASES).await;
    assert!(
        !renew_lease(&bench.database.pool, bench.worker, Duration::from_mins(1))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_job_that_loses_its_worker_on_every_try_is_discarded() {
    let bench = Bench::new().await;
    let id = bench.enqueue().await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    for tries in 1..=3 {
        let worker = WorkerId::random();
        register_worker(&bench.database.pool, worker, "doomed", Duration::from_mins(1))
            .await
            .unwrap();
        assert_eq!(bench.claim_as(worker).await.len(), 1);
        release_worker(&bench.database.pool, worker).await.unwrap();
        assert_eq!(rescue(&mut connection, 10).await.unwrap()[0].discarded, tries == 3);
    }
    assert_eq!(bench.state(id).await, "discarded");
}

#[tokio::test]
async fn a_rescue_does_not_take_a_job_that_is_being_settled() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let mut settling = bench.database.pool.begin().await.unwrap();
    hold(&mut settling, job.lease).await.unwrap();
    bench.execute(GIVE_UP_ALL_LEASES).await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert!(rescue(&mut connection, 10).await.unwrap().is_empty());
    complete(&mut settling, job.lease).await.unwrap();
    settling.commit().await.unwrap();
    assert!(rescue(&mut connection, 10).await.unwrap().is_empty());
    assert_eq!(bench.state(job.lease.job).await, "completed");
}

#[tokio::test]
async fn many_rescuers_give_a_job_back_once() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue('posting') from generate_series(1, 50)")
        .await;
    assert_eq!(bench.claim().await.len(), 50);
    bench.execute(GIVE_UP_ALL_LEASES).await;
    let rescuers = (0..5).map(|_| async {
        let mut connection = bench.database.pool.acquire().await.unwrap();
        rescue(&mut connection, 100).await.unwrap().len()
    });
    let rescued: usize = futures_util::future::join_all(rescuers).await.into_iter().sum();
    assert_eq!(rescued, 50);
}

#[tokio::test]
async fn a_dead_worker_is_forgotten_only_when_it_holds_nothing() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    bench.execute(END_ALL_LEASES).await;
    assert_eq!(
        forget_dead_workers(&bench.database.pool, Duration::ZERO).await.unwrap(),
        0
    );
    let mut connection = bench.database.pool.acquire().await.unwrap();
    complete(&mut connection, job.lease).await.unwrap();
    assert_eq!(
        forget_dead_workers(&bench.database.pool, Duration::ZERO).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn suspects_are_claimed_one_at_a_time_so_that_one_poison_job_does_not_wear_out_the_others() {
    let bench = Bench::new().await;
    bench
        .execute("select botticelli.enqueue_many('posting', array_fill('{}'::jsonb, array[5]))")
        .await;
    assert_eq!(bench.claim().await.len(), 5);
    bench.execute(GIVE_UP_ALL_LEASES).await;
    let mut connection = bench.database.pool.acquire().await.unwrap();
    assert_eq!(rescue(&mut connection, 10).await.unwrap().len(), 5);

    let worker = WorkerId::random();
    register_worker(&bench.database.pool, worker, "heir", Duration::from_mins(1))
        .await
        .unwrap();
    bench.enqueue().await;
    let claimed = bench.claim_as(worker).await;
    let suspects: Vec<_> = claimed.iter().map(|job| (job.lease.job.0, job.is_suspect)).collect();
    assert_eq!(suspects, [(1, true), (6, false)]);
    let none = Room {
        jobs: 100,
        takes_suspect: false,
    };
    let more = claim(&bench.database.pool, &bench.queue, none, worker)
        .await
        .unwrap()
        .jobs;
    assert!(more.is_empty());
    // A try that the worker survives clears the suspicion.
    retry(&mut connection, &claimed[0], Duration::ZERO, "no").await.unwrap();
    let again = claim(&bench.database.pool, &bench.queue, none, worker)
        .await
        .unwrap()
        .jobs;
    assert_eq!((again.len(), again[0].lease.job.0), (1, 1));
}

#[tokio::test]
async fn of_a_renewal_and_a_rescue_at_the_same_moment_one_takes_place() {
    let bench = Bench::new().await;
    let job = bench.claim_one().await;
    let pool = bench.database.pool.clone();
    // A renewal that has passed its check and is not committed yet.
    bench
        .execute("update botticelli.workers set lease_until = clock_timestamp() + interval '300 milliseconds'")
        .await;
    let mut renewing = pool.begin().await.unwrap();
    let renewed = sqlx::query(
        "update botticelli.workers set lease_until = clock_timestamp() + interval '1 minute' where lease_until > clock_timestamp()",
    );
    assert_eq!(renewed.execute(&mut *renewing).await.unwrap().rows_affected(), 1);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(rescue(&mut connection, 10).await.unwrap(), []);
    renewing.commit().await.unwrap();
    assert_eq!(rescue(&mut connection, 10).await.unwrap(), []);
    bench.finish(&job).await;

    // The server's first moments are over, in which no lease counts as ended.
    bench
        .database
        .until("pg_postmaster_start_time() < clock_timestamp() - interval '11 seconds'")
        .await;
    // The other way round: who renews after the rescue has begun finds its lease ended.
    bench.claim_one().await;
    bench
        .execute("update botticelli.workers set lease_until = clock_timestamp() - interval '1 second'")
        .await;
    let mut rescuing = pool.begin().await.unwrap();
    assert_eq!(rescue(&mut rescuing, 10).await.unwrap().len(), 1);
    let renewing = tokio::spawn({
        let (pool, worker) = (pool.clone(), bench.worker);
        async move { renew_lease(&pool, worker, Duration::from_mins(1)).await }
    });
    rescuing.commit().await.unwrap();
    assert!(!renewing.await.unwrap().unwrap());
}
