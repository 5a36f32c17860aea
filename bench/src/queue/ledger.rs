//! What a call of a language model costs before and after it: reserved and settled by many at once, beside plain inserts of one row.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use botticelli_database::limit_session;
use botticelli_ledger::{
    Budget, Call, CallId, Ledger as Desk, Period, RateLimits, Reservation, Reserved, Scope, Usage, reserve, settle,
};
use clap::Args;
use serde_json::json;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::task::JoinSet;

use crate::{print, samples::Samples};

#[derive(Args)]
pub(crate) struct Ledger {
    /// Connections, and how many call at once, each for an actor of its own.
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// How many call at once where one process reserves for all of them together.
    #[arg(long, default_value_t = 1000)]
    narratives: u32,
    /// How long each way is measured.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A row of the size of a call is inserted.
    Insert,
    /// Reserved with a budget of the actor.
    ReserveOwn,
    /// Reserved with budgets of the actor and the fleet and limits of the model, by a connection for each.
    ReserveShared,
    /// The same by a ledger for all.
    Together,
    /// The same for as many as there are narratives.
    TogetherMany,
    /// The same, and settled, by as many narratives.
    WholeCall,
}

impl Way {
    const ALL: [Self; 6] = [
        Self::Insert,
        Self::ReserveOwn,
        Self::ReserveShared,
        Self::Together,
        Self::TogetherMany,
        Self::WholeCall,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::ReserveOwn => "reserve, own budget",
            Self::ReserveShared => "reserve, shared budgets and limits",
            Self::Together => "together",
            Self::TogetherMany => "together, many",
            Self::WholeCall => "together, many, and settled",
        }
    }
}

pub(crate) async fn run(options: &Ledger, pool: &PgPool) -> anyhow::Result<()> {
    botticelli_database::migrate(pool).await?;
    let pool = PgPoolOptions::new()
        .max_connections(options.connections)
        .min_connections(options.connections)
        .acquire_timeout(Duration::from_mins(1))
        .after_connect(|connection, _| Box::pin(limit_session(connection)))
        .connect_with((*pool.connect_options()).clone())
        .await?;
    for round in 1..=options.rounds {
        let mut insert = 0.0;
        for way in Way::ALL {
            clear(&pool).await?;
            let (per_second, mut samples) = measure(way, options, &pool).await?;
            if way == Way::Insert {
                insert = per_second;
            }
            print(&json!({
                "bench": "ledger", "round": round, "way": way.name(), "per_s": per_second.round(),
                "ratio_to_insert": (per_second / insert * 100.0).round() / 100.0, "latency": samples.summary(),
            }));
        }
    }
    Ok(())
}

/// Empty tables, and nothing left to be written for them.
async fn clear(pool: &PgPool) -> anyhow::Result<()> {
    for statement in [
        "truncate botticelli.open_calls, botticelli.ended_calls, botticelli.budget_usage, botticelli.budget_alerts,
         botticelli.rate_buckets, botticelli.meter_corrections",
        "drop table if exists bench_rows",
        "create table bench_rows (
           id bigint generated always as identity primary key, run text, actor text, narrative text, act text, step text,
           provider text, model text, hash text, input bigint, output bigint, cost bigint, at timestamptz not null default now()
         )",
        "checkpoint",
    ] {
        sqlx::raw_sql(statement).execute(pool).await?;
    }
    Ok(())
}

/// How often a second, and how long each took.
async fn measure(way: Way, options: &Ledger, pool: &PgPool) -> anyhow::Result<(f64, Samples)> {
    let at_once = match way {
        Way::TogetherMany | Way::WholeCall => options.narratives,
        _ => options.connections,
    };
    let desk = Desk::new(pool.clone());
    let begun = Instant::now();
    let end = begun + Duration::from_secs(options.seconds);
    let mut tasks = JoinSet::new();
    for number in 0..at_once {
        let (pool, desk, one) = (pool.clone(), desk.clone(), reservation(way, number));
        tasks.spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                once(way, &pool, &desk, &one).await?;
                samples.push(start.elapsed());
            }
            anyhow::Ok(samples)
        });
    }
    let mut all = Samples::default();
    let mut times = 0_u32;
    while let Some(samples) = tasks.join_next().await {
        for sample in samples?? {
            all.push(sample);
            times += 1;
        }
    }
    Ok((f64::from(times) / begun.elapsed().as_secs_f64(), all))
}

async fn once(way: Way, pool: &PgPool, desk: &Desk, one: &Reservation) -> anyhow::Result<()> {
    let answer = match way {
        Way::Insert => {
            sqlx::query(
                "insert into bench_rows (run, actor, narrative, act, step, provider, model, hash, input, output, cost)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, 1000, 500, 2000)",
            )
            .bind(&one.call.run)
            .bind(&one.call.actor)
            .bind(&one.call.narrative)
            .bind(&one.call.act)
            .bind(&one.call.step)
            .bind(&one.call.provider)
            .bind(&one.call.model)
            .bind(&one.call.prompt_hash)
            .execute(pool)
            .await?;
            return Ok(());
        }
        Way::ReserveOwn | Way::ReserveShared => reserve(pool, one).await?,
        Way::Together | Way::TogetherMany | Way::WholeCall => desk.reserve(one.clone()).await?,
    };
    let call = granted(&answer).with_context(|| format!("not granted: {answer:?}"))?;
    if way == Way::WholeCall {
        let usage = Usage {
            input_tokens: 990,
            output_tokens: 300,
            ..Usage::default()
        };
        let mut connection = pool.acquire().await?;
        settle(&mut connection, call, &usage, 1500, Some("request")).await?;
    }
    Ok(())
}

fn granted(answer: &Reserved) -> Option<CallId> {
    match answer {
        Reserved::Granted(granted) => Some(granted.call),
        Reserved::Wait(_) | Reserved::Refused(_) => None,
    }
}

/// A call of an actor with budgets and limits that are wide enough: this is about what counting costs.
fn reservation(way: Way, actor: u32) -> Reservation {
    let call = Call {
        job: None,
        run: format!("run-{actor}"),
        actor: format!("actor-{actor}"),
        narrative: "narrative".to_owned(),
        act: "act".to_owned(),
        step: "1/act".to_owned(),
        provider: "openai".to_owned(),
        key_name: "main".to_owned(),
        model: "gpt".to_owned(),
        prompt_hash: "0123456789abcdef".to_owned(),
    };
    let budget = |scope| Budget {
        scope,
        period: Period::Day,
        tokens: None,
        calls: None,
        cost_micros: Some(1 << 50),
    };
    let limits = RateLimits {
        requests_per_minute: NonZeroU32::new(1 << 30),
        tokens_per_minute: NonZeroU64::new(1 << 50),
        concurrency: NonZeroU32::new(1 << 30),
        ..RateLimits::default()
    };
    let (budgets, limits): (Arc<[_]>, Arc<[_]>) = if way == Way::ReserveOwn {
        (Arc::new([budget(Scope::Actor)]), Arc::new([]))
    } else {
        (
            Arc::new([budget(Scope::Actor), budget(Scope::Fleet)]),
            Arc::new([limits]),
        )
    };
    Reservation {
        input_tokens: 1000,
        output_tokens: 500,
        cost_micros: 2000,
        budgets,
        limits,
        ..Reservation::new(call, Duration::from_mins(10))
    }
}
