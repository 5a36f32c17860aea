//! One combination, in a database of its own.

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use botticelli_queue::register_queue;
use botticelli_testkit::{
    FaultProxy, PATIENCE, Process, TestDatabase, Way as Direction, database,
    history::{Event, EventLog, FinalState, Outcome, Summary, check, make_effects, read_logs},
    skew_clock,
};
use sqlx::PgPool;
use tokio::{
    process::Command,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Blow, Cell, Point};
use crate::{
    QUEUE, siege,
    worker::{self, Gate, STEP_BY_STEP, Step, Stop, Way, Worker},
};

/// How the rules of a database are changed before the blow.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spoil {
    /// In the text of a function, some things for others.
    Function(&'static str, &'static [(&'static str, &'static str)]),
    /// By any statement.
    Statement(&'static str),
}

/// Passes unhurt, so that the worker is ready for the next.
const FIRST: i64 = 1;
/// Is in the worker's hands when it is struck.
const STRUCK: i64 = 2;
/// Shows that a worker that was frozen works on.
const LAST: i64 = 3;

/// How often lost jobs are looked for.
const RESCUE_EVERY: Duration = Duration::from_millis(100);

struct Scene {
    database: TestDatabase,
    logs: tempfile::TempDir,
    log: EventLog,
}

/// Strikes as the cell says, in a database whose rules are spoilt if they are to be. Gives what is wrong.
pub(super) async fn strike(cell: Cell, spoil: Option<Spoil>) -> Result<Summary, Vec<String>> {
    let mut scene = Scene::new().await;
    let proxy = FaultProxy::before(&scene.database.url).await;
    let mut victim = scene.victim(cell, &proxy);
    scene.offer(FIRST, cell.way).await;
    scene.ended(FIRST).await;
    if let Some(spoil) = spoil {
        scene.spoil(spoil).await;
    }
    scene.offer(STRUCK, cell.way).await;
    let step = cell.step();
    victim.line(&format!("stands before: {}", step.name())).await;
    victim.frozen().await;
    if matches!(cell.point, Point::Unanswered(_)) {
        proxy.blackhole(Direction::FromServer);
        victim.resume();
        // The server answers when it has done what it was asked for.
        proxy.until_held(Direction::FromServer).await;
    }
    let process = victim.pid();
    if cell.blow == Blow::Kill {
        scene.record(Event::Killed { process });
        victim.kill();
        victim.exit().await;
        proxy.forward();
    } else {
        scene.record(Event::Stopped { process });
        victim.pause();
        victim.frozen().await;
    }

    let rescuing = Task(tokio::spawn(rescue(scene.database.pool.clone())));
    let gate = Arc::new(Gate::default());
    let mut heir = Some(scene.heir(cell, &gate));
    if cell.blow == Blow::FreezeWhileAnotherRuns {
        let reached = timeout(PATIENCE, gate.reached.notified()).await;
        reached.expect("another worker runs the job");
    } else {
        scene.ended(STRUCK).await;
        heir = None;
    }
    if cell.blow != Blow::Kill {
        proxy.forward();
        scene.record(Event::Continued { process });
        victim.resume();
        if cell.is_drained() {
            assert!(victim.exit().await.success(), "{}", victim.output());
        } else {
            scene.offer(LAST, Way::Complete).await;
            scene.ended(LAST).await;
        }
        if cell.blow == Blow::FreezeWhileAnotherRuns {
            gate.opened.notify_one();
            let answered = timeout(PATIENCE, gate.answered.notified()).await;
            answered.expect("the other worker is answered");
            scene.ended(STRUCK).await;
        }
    }
    victim.kill();
    victim.exit().await;
    drop((heir, rescuing));
    scene.reckon(cell).await
}

impl Cell {
    fn step(self) -> Step {
        match self.point.step() {
            Step::Settle if self.way == Way::CompleteInTransaction => Step::Commit,
            step => step,
        }
    }
}

/// A task that ends when nobody wants it any more.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn rescue(pool: PgPool) {
    loop {
        if let Ok(mut connection) = pool.acquire().await {
            // One may meet another statement; the next will do.
            siege::rescue(&mut connection, Duration::ZERO).await.ok();
        }
        sleep(RESCUE_EVERY).await;
    }
}

impl Scene {
    async fn new() -> Self {
        let database = database().await;
        make_effects(&database.pool).await.unwrap();
        let mut connection = database.pool.acquire().await.unwrap();
        register_queue(&mut connection, QUEUE, "chaos", 6).await.unwrap();
        drop(connection);
        // The first wait prepares every table for it, and must not meet a worker.
        database.until("true").await;
        let logs = tempfile::tempdir().unwrap();
        let log = EventLog::append_to(&logs.path().join("cell.jsonl")).unwrap();
        Self { database, logs, log }
    }

    fn record(&mut self, event: Event) {
        self.log.record(&[event]).unwrap();
    }

    fn victim(&self, cell: Cell, proxy: &FaultProxy) -> Process {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .env(worker::URL, proxy.url())
            .env(worker::LOG, self.log_of("victim"))
            .env(worker::STEP, cell.step().name());
        skew_clock(&mut command, cell.skew);
        Process::spawn(command)
    }

    /// Takes over what the victim leaves. It holds the struck job at the gate if another is to run it.
    fn heir(&self, cell: Cell, gate: &Arc<Gate>) -> Task {
        let before_its_end = if cell.way == Way::CompleteInTransaction {
            Step::Commit
        } else {
            Step::Settle
        };
        let stop = match cell.blow {
            Blow::FreezeWhileAnotherRuns => Stop::At(before_its_end, Arc::clone(gate)),
            Blow::Kill | Blow::FreezePastTheEnd => Stop::Never,
        };
        let manner = worker::Manner {
            lease: PATIENCE * 2,
            drains: false,
            ..STEP_BY_STEP
        };
        let log = self.log_of("heir");
        Task(tokio::spawn(Worker::new(&self.database.url, &log, manner, stop).work()))
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.logs.path().join(format!("{name}.jsonl"))
    }

    async fn offer(&mut self, offer: i64, way: Way) {
        self.record(Event::Offered { offer });
        let job: i64 = sqlx::query_scalar(
            "select botticelli.enqueue($1, jsonb_build_object('offer', $2::bigint, 'way', $3::text))",
        )
        .bind(QUEUE)
        .bind(offer)
        .bind(way.name())
        .fetch_one(&self.database.pool)
        .await
        .unwrap();
        self.record(Event::Accepted { offer, job });
    }

    /// Waits until a job neither waits nor runs any more.
    async fn ended(&self, job: i64) {
        self.database
            .until(&format!("not exists (select from botticelli.jobs where id = {job})"))
            .await;
    }

    async fn spoil(&self, spoil: Spoil) {
        match spoil {
            Spoil::Statement(statement) => self.database.execute(statement).await,
            Spoil::Function(name, changes) => {
                let definition = format!("select pg_get_functiondef('{name}'::regproc)");
                let mut definition = self.database.row(&definition).await;
                for (from, to) in changes {
                    assert!(definition.contains(from), "{name} has no `{from}` any more");
                    definition = definition.replace(from, to);
                }
                self.database.execute(&definition).await;
            }
        }
    }

    async fn reckon(self, cell: Cell) -> Result<Summary, Vec<String>> {
        let state = FinalState::read(&self.database.pool).await.unwrap();
        let log = read_logs(self.logs.path()).unwrap();
        let mut breaches = check(&log, &state).err().unwrap_or_default();
        let mut endings: Vec<_> = state
            .endings
            .iter()
            .filter(|ending| ending.attempt.job == STRUCK)
            .collect();
        endings.sort_by_key(|ending| ending.attempt.attempt);
        let path: Vec<Outcome> = endings.iter().map(|ending| ending.outcome).collect();
        if path != cell.path() {
            breaches.push(format!("the attempts ended as {path:?}, not as {:?}", cell.path()));
        }
        let is_refused = log.iter().any(|entry| {
            matches!(&entry.event, Event::Refused { attempt, .. } if (attempt.job, attempt.attempt) == (STRUCK, 1))
        });
        if is_refused != cell.is_stale() {
            breaches.push(format!("that the worker was refused is {is_refused}"));
        }
        let database = self.database;
        // It waits for its end, and a client of the same thread that is just logging in would not let it come.
        tokio::task::spawn_blocking(move || drop(database)).await.unwrap();
        if breaches.is_empty() {
            check(&log, &state)
        } else {
            Err(breaches)
        }
    }
}
