//! The parent: server, proxy and workers; the blows; and the reckoning.

use std::{env, path::Path, time::Duration};

use botticelli_queue::{RescuedJob, make_partitions, register_queue};
use botticelli_testkit::{
    FaultProxy, PrivateCluster, Process, Skew, Way,
    history::{Event, EventLog, FinalState, Summary, check, make_effects, read_logs},
    skew_clock,
};
use sqlx::{Connection, PgConnection, PgPool};
use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use crate::{
    LEASE, PATIENCE, QUEUE,
    blows::{Blow, Blows, ROUND},
    cancelling, enqueuing, worker,
};

const WORKERS: usize = 4;
/// Between two blows.
const BREATH: Duration = Duration::from_millis(350);
/// How often lost jobs are looked for.
const RESCUE_EVERY: Duration = Duration::from_millis(300);
/// How long everything may take to come to an end once nobody is hurt any more.
const AFTERMATH: Duration = Duration::from_mins(2);

struct Siege {
    cluster: PrivateCluster,
    proxy: FaultProxy,
    workers: Vec<Process>,
    started_workers: usize,
    logs: TempDir,
    log: EventLog,
    blows: Blows,
}

/// Has `jobs` worked off under blows and gives the checker's summary, or what is wrong.
pub(crate) async fn lay(jobs: u64, seed: u64) -> Result<Summary, Vec<String>> {
    let cluster = PrivateCluster::start().await;
    let mut connection = PgConnection::connect(cluster.url()).await.unwrap();
    register_queue(&mut connection, QUEUE, "chaos", 6).await.unwrap();
    connection.close().await.unwrap();
    let pool = PgPool::connect(cluster.url()).await.unwrap();
    make_partitions(&pool).await.unwrap();
    make_effects(&pool).await.unwrap();
    pool.close().await;

    let logs = tempfile::tempdir().unwrap();
    let mut siege = Siege {
        proxy: FaultProxy::before(cluster.url()).await,
        cluster,
        workers: Vec::new(),
        started_workers: 0,
        log: EventLog::append_to(&logs.path().join("siege.jsonl")).unwrap(),
        logs,
        blows: Blows::new(seed),
    };
    for _ in 0..WORKERS {
        siege.start_worker();
    }
    let enqueuing = tokio::spawn(enqueuing::enqueue(
        siege.proxy.url().to_owned(),
        siege.logs.path().join("enqueuing.jsonl"),
        i64::try_from(jobs).unwrap(),
    ));
    let cancelling = tokio::spawn(cancelling::cancel(
        siege.proxy.url().to_owned(),
        siege.logs.path().join("cancelling.jsonl"),
    ));
    let mut struck = 0;
    while !enqueuing.is_finished() || struck < ROUND {
        siege.wait(BREATH).await;
        let blow = siege.blows.next();
        siege.strike(blow).await;
        struck += 1;
    }
    enqueuing.await.unwrap();
    cancelling.abort();
    let unfinished = siege.aftermath().await;
    siege.reckon(unfinished).await
}

impl Siege {
    fn start_worker(&mut self) {
        self.started_workers += 1;
        let log = self.logs.path().join(format!("worker-{}.jsonl", self.started_workers));
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(worker::URL, self.proxy.url()).env(worker::LOG, log);
        // Whose lease has ended is for the database's clock to say.
        skew_clock(
            &mut command,
            [Skew::None, Skew::Fast, Skew::Slow][self.started_workers % 3],
        );
        // The server gives up some of what such a worker asks for; it then asks again.
        if self.started_workers.is_multiple_of(4) {
            command.env(worker::ISOLATION, "repeatable read");
        }
        self.workers.push(Process::spawn(command));
    }

    fn record(&mut self, event: Event) {
        self.log.record(&[event]).unwrap();
    }

    async fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::Kill => {
                let victim = self.blows.below(self.workers.len());
                let mut victim = self.workers.swap_remove(victim);
                self.record(Event::Killed { process: victim.pid() });
                victim.kill();
                victim.exit().await;
                self.start_worker();
                return;
            }
            Blow::Freeze => {
                let victim = self.blows.below(self.workers.len());
                let process = self.workers[victim].pid();
                self.record(Event::Stopped { process });
                self.workers[victim].pause();
                self.wait(LEASE + Duration::from_secs(1)).await;
                self.record(Event::Continued { process });
                self.workers[victim].resume();
                return;
            }
            _ => self.record(Event::Disturbed {
                how: format!("{blow:?}"),
            }),
        }
        match blow {
            Blow::Kill | Blow::Freeze => {}
            Blow::Cut => self.proxy.cut(),
            Blow::CutAnswers(bytes) => self.proxy.cut_after(bytes),
            Blow::TerminateSessions => {
                let mut connection = PgConnection::connect(self.cluster.url()).await.unwrap();
                let terminate = "select pg_terminate_backend(pid) from pg_stat_activity
                                 where datname = current_database() and pid <> pg_backend_pid()";
                sqlx::raw_sql(terminate).execute(&mut connection).await.unwrap();
            }
            Blow::LoseQuestions(time) => {
                self.proxy.blackhole(Way::ToServer);
                self.wait(time).await;
                self.proxy.forward();
            }
            Blow::LoseAnswers(time) => {
                self.proxy.blackhole(Way::FromServer);
                self.wait(time).await;
                self.proxy.forward();
            }
            Blow::Delay(delay) => {
                self.proxy.delay(delay);
                self.wait(Duration::from_secs(1)).await;
                self.proxy.forward();
            }
            Blow::RestartServer => {
                self.cluster.restart_immediately().await;
                self.proxy.lead_to(self.cluster.url()).await;
            }
        }
    }

    /// Lets time pass, and does meanwhile what the scheduler of the fleet does: lost jobs are rescued.
    async fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            // On a slow machine one may fail; were they all to fail, lost jobs would never come to an end.
            timeout(PATIENCE, rescue_in(self.cluster.url())).await.ok();
            sleep(RESCUE_EVERY.min(until - Instant::now())).await;
        }
    }

    /// Heals everything and waits until all jobs are over. Gives those that are not.
    async fn aftermath(&mut self) -> Vec<String> {
        self.proxy.forward();
        let until = Instant::now() + AFTERMATH;
        let mut connection = PgConnection::connect(self.cluster.url()).await.unwrap();
        loop {
            let unfinished: Vec<String> = sqlx::query_scalar(
                "select format('job %s never came to an end: it is %s, attempt %s, worker %s', id, state, attempt, worker_id)
                 from botticelli.jobs",
            )
            .fetch_all(&mut connection)
            .await
            .unwrap();
            if unfinished.is_empty() || Instant::now() > until {
                connection.close().await.unwrap();
                return unfinished;
            }
            self.wait(RESCUE_EVERY).await;
        }
    }

    async fn reckon(self, mut breaches: Vec<String>) -> Result<Summary, Vec<String>> {
        for mut worker in self.workers {
            worker.kill();
            worker.exit().await;
            breaches.extend(worker.output().lines().map(|line| format!("a worker said: {line}")));
        }
        let pool = PgPool::connect(self.cluster.url()).await.unwrap();
        let state = FinalState::read(&pool).await.unwrap();
        pool.close().await;
        self.cluster.stop().await;
        let log = read_logs(self.logs.path()).unwrap();
        let checked = check(&log, &state);
        match checked {
            Ok(summary) if breaches.is_empty() => Ok(summary),
            Ok(_) => Err(breaches),
            Err(more) => {
                breaches.extend(more);
                keep(self.logs.path());
                Err(breaches)
            }
        }
    }
}

async fn rescue_in(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    rescue(&mut connection, LEASE).await?;
    connection.close().await
}

/// `rescue` itself, with a time of grace after a restart that fits the short leases.
pub(crate) async fn rescue(connection: &mut PgConnection, grace: Duration) -> Result<Vec<RescuedJob>, sqlx::Error> {
    sqlx::query_as(include_str!("../../src/sql/rescue.sql"))
        .bind(100_i64)
        .bind(grace.as_secs_f64())
        .fetch_all(connection)
        .await
}

/// The logs of a siege that went wrong stay, for whoever wants to know why.
fn keep(logs: &Path) {
    let kept = env::temp_dir().join(format!("botticelli-chaos-{}", std::process::id()));
    let copied = std::fs::create_dir_all(&kept).and_then(|()| {
        for entry in std::fs::read_dir(logs)? {
            let entry = entry?;
            std::fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
        Ok(())
    });
    if copied.is_ok() {
        println!("the logs are in {}", kept.display());
    }
}
