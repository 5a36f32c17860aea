//! One of the side-by-side driver's peers: it says on standard output what it did, and when.

use std::{
    io::{BufRead, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use botticelli_queue::{ClaimedJob, ConsumerOptions, JobOptions, NewJob, Source, enqueue, enqueue_bulk};
use clap::Subcommand;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{QUEUE, consumer::consume, micros, prepare};

#[derive(Subcommand)]
pub(crate) enum Peer {
    /// Makes the schema and the queue.
    Setup,
    /// Enqueues so many jobs in bulk and prints `E jobs microseconds`.
    Enqueue { jobs: u64 },
    /// The same by the SQL function, 5,000 in a statement.
    EnqueueSql { jobs: u64 },
    /// Prints `READY`, waits for a line, then works and prints `C handled first_microsecond` until standard input ends.
    Work,
    /// Enqueues one job after the other, `LOW` to `HIGH` milliseconds apart, and prints `L microseconds` for each.
    Latency { jobs: u64, low: u64, high: u64 },
    /// Has so many schedules be due each minute, so many minutes long, and prints `L microseconds` from each tick to its job.
    Cron { schedules: i64, minutes: u64 },
}

pub(crate) async fn run(peer: &Peer, pool: &PgPool) -> anyhow::Result<()> {
    match *peer {
        Peer::Setup => prepare(pool).await,
        Peer::Enqueue { jobs } => {
            let mut connection = pool.acquire().await?;
            let begun = std::time::Instant::now();
            let enqueued = enqueue_bulk(&mut connection, QUEUE, (0..jobs).map(|_| json!({"t": 0}))).await?;
            println!("E {enqueued} {}", begun.elapsed().as_micros());
            Ok(())
        }
        Peer::EnqueueSql { jobs } => {
            let mut connection = pool.acquire().await?;
            let begun = std::time::Instant::now();
            let mut left = jobs;
            while left > 0 {
                let chunk = left.min(5000);
                let args = vec![json!({"t": 0}); usize::try_from(chunk)?];
                sqlx::query("select count(*) from botticelli.enqueue_many($1, $2)")
                    .bind(QUEUE)
                    .bind(args)
                    .execute(&mut *connection)
                    .await?;
                left -= chunk;
            }
            println!("E {jobs} {}", begun.elapsed().as_micros());
            Ok(())
        }
        Peer::Work => work(pool).await,
        Peer::Latency { jobs, low, high } => latency(pool, jobs, low, high).await,
        Peer::Cron { schedules, minutes } => cron(pool, schedules, minutes).await,
    }
}

#[derive(Default)]
struct Seen {
    handled: AtomicU64,
    first: AtomicU64,
    changed: tokio::sync::Notify,
}

async fn work(pool: &PgPool) -> anyhow::Result<()> {
    let seen = Arc::new(Seen::default());
    println!("READY");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_line(&mut String::new())).await??;
    let reported = Arc::clone(&seen);
    std::thread::spawn(move || report(&reported));
    let stop = CancellationToken::new();
    let ended = stop.clone();
    std::thread::spawn(move || {
        let mut rest = String::new();
        while std::io::stdin().lock().read_line(&mut rest).is_ok_and(|read| read > 0) {}
        ended.cancel();
    });
    count_handled(pool, seen, stop).await
}

/// Prints what has been handled, every 20 ms while it changes.
fn report(seen: &Seen) {
    let mut last = u64::MAX;
    loop {
        let handled = seen.handled.load(Ordering::Relaxed);
        if handled != last {
            println!("C {handled} {}", seen.first.load(Ordering::Relaxed));
            std::io::stdout().flush().ok();
            last = handled;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A scheduler and a worker in one process.
async fn cron(pool: &PgPool, count: i64, minutes: u64) -> anyhow::Result<()> {
    prepare(pool).await?;
    sqlx::query(
        "insert into botticelli.schedules (name, queue, schedule) select 's' || n, $2, '* * * * *' from generate_series(1, $1) as n",
    )
    .bind(count)
    .bind(QUEUE)
    .execute(pool)
    .await?;
    let stop = CancellationToken::new();
    let ticking = tokio::spawn(crate::schedules::ticker(pool)?.run(stop.clone()));
    tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
            stop.cancel();
        }
    });
    consume(pool, ConsumerOptions::default(), stop, |job: ClaimedJob| {
        let late = std::time::SystemTime::from(job.run_at).elapsed().unwrap_or_default();
        println!("L {}", late.as_micros());
    })
    .await?;
    Ok(ticking.await?)
}

/// Works off the queue until `stop`, with `SLOTS` slots if that is set.
async fn count_handled(pool: &PgPool, seen: Arc<Seen>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut options = ConsumerOptions::default();
    if let Some(slots) = std::env::var("SLOTS").ok().and_then(|slots| slots.parse().ok()) {
        options.slots = slots;
    }
    consume(pool, options, stop, move |_: ClaimedJob| {
        if seen.first.load(Ordering::Relaxed) == 0 {
            let first = seen
                .first
                .compare_exchange(0, micros(), Ordering::Relaxed, Ordering::Relaxed);
            first.ok();
        }
        seen.handled.fetch_add(1, Ordering::Relaxed);
        seen.changed.notify_one();
    })
    .await
}

async fn latency(pool: &PgPool, jobs: u64, low: u64, high: u64) -> anyhow::Result<()> {
    let seen = Arc::new(Seen::default());
    let stop = CancellationToken::new();
    let consuming = tokio::spawn({
        let (pool, seen, stop) = (pool.clone(), Arc::clone(&seen), stop.clone());
        async move { count_handled(&pool, seen, stop).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut connection = pool.acquire().await?;
    let mut random = 88_172_645_463_325_252_u64;
    for number in 1..=jobs {
        let begun = std::time::Instant::now();
        let job = NewJob {
            queue: QUEUE,
            args: json!({"t": number}),
            source: Source::Cli,
            traceparent: None,
            options: JobOptions::default(),
        };
        enqueue(&mut connection, &job).await?;
        while seen.handled.load(Ordering::Relaxed) < number {
            seen.changed.notified().await;
        }
        println!("L {}", begun.elapsed().as_micros());
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(low + random % (high - low + 1))).await;
    }
    stop.cancel();
    consuming.await??;
    Ok(())
}
