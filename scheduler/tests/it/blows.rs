//! Real schedulers that are killed, frozen and given wrong clocks, and a server that is stopped without a goodbye.

use std::{collections::BTreeMap, path::Path, time::Duration};

use botticelli_testkit::{FaultProxy, PrivateCluster, Process, Skew, skew_clock};
use botticelli_timetable::find_timing;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::{process::Command, time::sleep};

const SCHEDULERS: usize = 5;
/// Longer than the ticks are apart.
const FREEZE: Duration = Duration::from_secs(4);
const OUTAGE: Duration = Duration::from_secs(5);
const SCHEDULES: [&str; 4] = [
    "every 1s",
    "*/2 * * * * *",
    "every 3 seconds",
    "*/5 * * * * *; every 7s",
];
const CATCH_UPS: [&str; 3] = ["all", "latest", "none"];
const OVERLAPS: [&str; 4] = ["allow", "skip", "buffer_one", "cancel_other"];

const SETTINGS: &str = r#"
[server]
metrics_port = 0
health_port = 0
api_port = 0
[actors.generation]
narrative = "narratives/discord/generation_carousel.toml"
narrative_name = "batch_generate"
"#;

/// Schedulers, and the server that they reach through a proxy: its port changes with every restart.
struct Fleet {
    cluster: PrivateCluster,
    proxy: FaultProxy,
    home: tempfile::TempDir,
    running: Vec<Process>,
    started: usize,
    killed: usize,
}

impl Fleet {
    async fn new() -> Self {
        let cluster = PrivateCluster::start().await;
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("botticelli.toml"), SETTINGS).unwrap();
        Self {
            proxy: FaultProxy::before(cluster.url()).await,
            cluster,
            home,
            running: Vec::new(),
            started: 0,
            killed: 0,
        }
    }

    fn start_one(&mut self) {
        self.started += 1;
        let mut command = Command::new(env!("CARGO_BIN_EXE_botticelli-scheduler"));
        skew_clock(&mut command, [Skew::None, Skew::Fast, Skew::Slow][self.started % 3]);
        let config = self.home.path().join("botticelli.toml");
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env("DATABASE_URL", self.proxy.url())
            .env("RUST_BACKTRACE", "0")
            .arg("--config")
            .arg(config)
            .arg("--data-dir")
            .arg(self.home.path());
        self.running.push(Process::spawn(command));
    }

    fn start_all(&mut self) {
        while self.running.len() < SCHEDULERS {
            self.start_one();
        }
    }

    /// The one that has run longest.
    async fn kill_one(&mut self) {
        let mut victim = self.running.remove(0);
        victim.kill();
        // A frozen one may be dead only when it is thawed.
        victim.resume();
        victim.exit().await;
        self.killed += 1;
    }

    async fn restart_server(&mut self) {
        self.cluster.restart_immediately().await;
        self.proxy.lead_to(self.cluster.url()).await;
    }

    async fn pool(&self) -> PgPool {
        PgPool::connect(self.cluster.url()).await.unwrap()
    }
}

/// A row of `schedule_ticks`.
#[derive(sqlx::FromRow)]
struct TickRow {
    tick_at: DateTime<Utc>,
    through: Option<DateTime<Utc>>,
    ticks: i32,
    outcome: String,
    job_id: Option<i64>,
}

#[tokio::test]
async fn every_tick_has_one_outcome_whatever_happens_to_schedulers_and_server() {
    let seconds: u32 = std::env::var("BOTTICELLI_TEST_SCHEDULER_BLOWS").map_or(24, |text| text.parse().unwrap());
    let mut fleet = Fleet::new().await;
    // The queue is there before the schedules that name it are.
    fleet.start_one();
    fleet.running[0].line("runs").await;
    let pool = fleet.pool().await;
    let mut begun = BTreeMap::<String, DateTime<Utc>>::new();
    for (n, schedule) in SCHEDULES.iter().enumerate() {
        for catch_up in CATCH_UPS {
            for overlap in OVERLAPS {
                let name = format!("{n} {catch_up} {overlap}");
                let since = sqlx::query_scalar(
                    "insert into botticelli.schedules (name, queue, schedule, catch_up, overlap, decided_until)
                     values ($1, 'generation', $2, $3, $4, now()) returning decided_until",
                )
                .bind(&name)
                .bind(schedule)
                .bind(catch_up)
                .bind(overlap)
                .fetch_one(&pool)
                .await
                .unwrap();
                begun.insert(name, since);
            }
        }
    }
    pool.close().await;
    fleet.start_all();
    let mut freezes = 0;
    for second in 1..=seconds {
        sleep(Duration::from_secs(1)).await;
        if second == seconds / 3 || second == seconds * 2 / 3 {
            fleet.restart_server().await;
        }
        if second % 4 == 2 {
            // Its turn to be killed comes before it has thawed, or after: five seconds from its start.
            let frozen = &fleet.running[SCHEDULERS - 1];
            frozen.pause();
            freezes += 1;
            sleep(FREEZE / 2).await;
        }
        if second == seconds * 5 / 6 {
            while !fleet.running.is_empty() {
                fleet.kill_one().await;
            }
            sleep(OUTAGE).await;
            fleet.start_all();
            continue;
        }
        if second % 4 == 0 {
            fleet.running.iter().for_each(Process::resume);
        }
        fleet.kill_one().await;
        fleet.start_one();
    }
    fleet.running.iter().for_each(Process::resume);
    let pool = fleet.pool().await;
    let caught_up = "select bool_and(decided_until > now() - interval '8 seconds' and problem is null)
                     from botticelli.schedules where not is_configured";
    for attempt in 0.. {
        if sqlx::query_scalar::<_, bool>(caught_up).fetch_one(&pool).await.unwrap() {
            break;
        }
        let said = || fleet.running.iter().map(Process::output).collect::<Vec<_>>().join("\n");
        assert!(attempt < 300, "the schedules are not caught up with:\n{}", said());
        sleep(Duration::from_millis(100)).await;
    }
    for mut scheduler in std::mem::take(&mut fleet.running) {
        scheduler.terminate();
        assert!(scheduler.exit().await.success(), "{}", scheduler.output());
    }
    let mut counts = BTreeMap::<String, i64>::new();
    for (name, begun) in &begun {
        for (outcome, count) in reckon(&pool, name, *begun).await {
            *counts.entry(outcome).or_default() += count;
        }
    }
    let orphans = "select count(*) from botticelli.waiting_jobs job
                   where not exists (select from botticelli.schedule_ticks tick where tick.job_id = job.id)";
    assert_eq!(sqlx::query_scalar::<_, i64>(orphans).fetch_one(&pool).await.unwrap(), 0);
    assert!(
        counts["enqueued"] > 0 && counts["skipped"] > 0 && counts["missed"] > 0,
        "{counts:?}"
    );
    println!(
        "{} schedules, {counts:?}; {} schedulers killed, {freezes} frozen, the server stopped twice",
        begun.len(),
        fleet.killed
    );
    pool.close().await;
    fleet.cluster.stop().await;
}

/// Compares what is on record of a schedule with its ticks since `begun`, and gives how many had each outcome.
async fn reckon(pool: &PgPool, name: &str, begun: DateTime<Utc>) -> BTreeMap<String, i64> {
    let timing = find_timing(pool, name).await.unwrap().unwrap().unwrap();
    let until: DateTime<Utc> = sqlx::query_scalar("select decided_until from botticelli.schedules where name = $1")
        .bind(name)
        .fetch_one(pool)
        .await
        .unwrap();
    let due = std::iter::successors(timing.next_tick(begun), |&tick| timing.next_tick(tick));
    let due: Vec<_> = due.take_while(|tick| *tick <= until).collect();
    let rows: Vec<TickRow> = sqlx::query_as(
        "select tick_at, through, ticks, outcome, job_id from botticelli.schedule_ticks where actor = $1 order by tick_at",
    )
    .bind(name)
    .fetch_all(pool)
    .await
    .unwrap();
    let mut decided = Vec::new();
    let mut counts = BTreeMap::new();
    for row in &rows {
        let stretch = std::iter::successors(Some(row.tick_at), |&tick| timing.next_tick(tick));
        let stretch: Vec<_> = stretch.take(row.ticks.try_into().unwrap()).collect();
        assert_eq!(stretch.last(), row.through.as_ref().or(Some(&row.tick_at)), "{name}");
        decided.extend(stretch);
        *counts.entry(row.outcome.clone()).or_default() += i64::from(row.ticks);
        assert_eq!(
            row.job_id.is_some(),
            row.outcome == "enqueued",
            "{name} at {}",
            row.tick_at
        );
    }
    assert_eq!(decided, due, "{name}: every tick once, none missing, none too many");

    let of_row: (i64, i64, i64) =
        sqlx::query_as("select enqueued, skipped, missed from botticelli.schedules where name = $1")
            .bind(name)
            .fetch_one(pool)
            .await
            .unwrap();
    let count = |outcome: &str| counts.get(outcome).copied().unwrap_or(0);
    assert_eq!(of_row, (count("enqueued"), count("skipped"), count("missed")), "{name}");
    let policies: Vec<&str> = name.split(' ').collect();
    if policies.contains(&"all") {
        assert_eq!(count("missed"), 0, "{name}: all are caught up");
    } else if policies.contains(&"latest") {
        for missed in rows.iter().filter(|row| row.outcome == "missed") {
            let next = timing.next_tick(missed.through.unwrap_or(missed.tick_at)).unwrap();
            assert!(
                rows.iter().any(|row| row.tick_at == next && row.outcome != "missed"),
                "{name}: the latest is caught up"
            );
        }
    }
    // No worker runs: every job is there, unless the next tick has cancelled it.
    let jobs: i64 = sqlx::query_scalar(
        "select count(*) from botticelli.schedule_ticks tick
           join botticelli.waiting_jobs job on job.id = tick.job_id and job.run_at = tick.tick_at
         where actor = $1",
    )
    .bind(name)
    .fetch_one(pool)
    .await
    .unwrap();
    let expected = match count("enqueued") {
        enqueued if policies.contains(&"cancel_other") => enqueued.min(1),
        enqueued => enqueued,
    };
    assert_eq!(jobs, expected, "{name}: jobs");
    if policies.contains(&"skip") || policies.contains(&"buffer_one") {
        assert_eq!(count("enqueued"), 1, "{name}: its first job never ends");
    }
    counts
}
