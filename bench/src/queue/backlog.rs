//! What a claim costs when very many jobs wait and very many are over, against a small queue in the same run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use botticelli_queue::{Lease, Room, WorkerId, claim, complete_all, enqueue_bulk, register_worker};
use clap::Args;
use serde_json::json;
use sqlx::PgPool;

use crate::{QUEUE, prepare, print, samples::Samples};

/// Claims before the measured ones; the first plan the statements.
const WARM_UP: u32 = 20;

#[derive(Args)]
pub(crate) struct Backlog {
    /// Jobs that wait in the small queue.
    #[arg(long, default_value_t = 10_000)]
    baseline: u64,
    /// Jobs that wait in the large one.
    #[arg(long, default_value_t = 5_000_000)]
    ready: u64,
    /// Jobs in the history beside the large one.
    #[arg(long, default_value_t = 10_000_000)]
    history: u64,
    /// Claims measured for each.
    #[arg(long, default_value_t = 500)]
    claims: u32,
    /// Jobs in a claim.
    #[arg(long, default_value_t = 10)]
    batch: u16,
}

pub(crate) async fn run(options: &Backlog, pool: &PgPool) -> anyhow::Result<()> {
    prepare(pool).await?;
    let mut baseline = 0.0;
    for (ready, history) in [(options.baseline, 0), (options.ready, options.history)] {
        fill(pool, ready, history).await?;
        let (mut claims, mut completions) = measure(pool, options).await?;
        let p99 = claims.quantile(0.99);
        if history == 0 {
            baseline = p99;
        }
        print(&json!({
            "bench": "backlog",
            "ready": ready,
            "history": history,
            "batch": options.batch,
            "claim": claims.summary(),
            "complete": completions.summary(),
            "claim_p99_ratio": p99 / baseline,
        }));
    }
    Ok(())
}

async fn fill(pool: &PgPool, ready: u64, history: u64) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql("set statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql("truncate botticelli.waiting_jobs, botticelli.claims, botticelli.claim_history")
        .execute(&mut *connection)
        .await?;
    enqueue_bulk(&mut connection, QUEUE, (0..ready).map(|number| json!({"t": number}))).await?;
    // As claims of 500 leave it.
    sqlx::query(
        "with done as materialized (
             select array_agg(jsonb_populate_record(null::botticelli.claimed_job, jsonb_build_object(
                      'id', job, 'kind', 'noop', 'args', '{}'::jsonb, 'priority', 0, 'run_at', now(), 'attempt', 1,
                      'interruptions', 0, 'max_attempts', 5, 'enqueued_at', now(), 'source', 'sql', 'is_suspect', false))) as jobs
             from generate_series(1, 500) as job
           )
           insert into botticelli.claim_history (id, queue, claimed_at, jobs, endings, first_job, last_job)
           select -claim, $1, now(), done.jobs, array[row('completed', now(), repeat('1', 500)::bit varying)::botticelli.ending],
                  -claim * 500, -claim * 500 + 499
           from generate_series(1, $2) as claim, done",
    )
    .bind(QUEUE)
    .bind(i64::try_from(history / 500)?)
    .execute(&mut *connection)
    .await?;
    for statement in [
        "vacuum analyze botticelli.waiting_jobs, botticelli.claims, botticelli.claim_history",
        "checkpoint",
    ] {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn measure(pool: &PgPool, options: &Backlog) -> anyhow::Result<(Samples, Samples)> {
    let worker = WorkerId::random();
    register_worker(pool, worker, "queue-bench", Duration::from_hours(1)).await?;
    let mut connection = pool.acquire().await?;
    let (mut claims, mut completions) = (Samples::default(), Samples::default());
    let room = Room {
        jobs: options.batch,
        takes_suspect: true,
    };
    for number in 0..options.claims + WARM_UP {
        let begun = Instant::now();
        let claimed = claim(&mut *connection, &Arc::from(QUEUE), room, worker).await?;
        let claiming = begun.elapsed();
        let leases: Vec<Lease> = claimed.jobs.iter().map(|job| job.lease).collect();
        let begun = Instant::now();
        complete_all(&mut connection, &leases).await?;
        if number >= WARM_UP {
            claims.push(claiming);
            completions.push(begun.elapsed());
        }
    }
    Ok((claims, completions))
}
