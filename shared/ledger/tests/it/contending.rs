//! Whoever reserves at the same time: what may pass does, exactly, and nobody waits for another that waits for it.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use botticelli_ledger::{
    Budget, Charge, Ledger, Period, RateLimits, RateScope, Reservation, Reserved, Scope, fail, fold_corrections,
    lose_expired_calls, prune_calls, release, reserve, reserve_all, settle,
};
use futures_util::future::join_all;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{Desk, calls, reservation, used};

/// Whether every meter has counted what the calls say that it counts.
const RECOUNT: &str = "
    with counted as (
      select
        meter, count(*) filter (where state = 'reserved') as reserved_calls,
        coalesce(sum(reserved_input_tokens + reserved_output_tokens) filter (where state = 'reserved'), 0) as reserved_tokens,
        count(*) filter (where state in ('settled', 'failed', 'lost')) as used_calls,
        coalesce(sum(input_tokens + output_tokens), 0) as used_tokens, coalesce(sum(cost_micros), 0) as used_cost_micros
      from botticelli.model_calls, unnest(meters) as meter
      group by meter
    ),
    budgets as (
      select b.id, s.*
      from botticelli.budget_usage b join botticelli.budget_status s using (scope, key, step, period, starts_at)
    )
    select count(*)
    from budgets b left join counted on counted.meter = b.id
    where (b.reserved_calls, b.reserved_tokens, b.used_calls, b.used_tokens, b.used_cost_micros) is distinct from (
      coalesce(counted.reserved_calls, 0), coalesce(counted.reserved_tokens, 0), coalesce(counted.used_calls, 0),
      coalesce(counted.used_tokens, 0), coalesce(counted.used_cost_micros, 0))";

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn pool(desk: &Desk) -> PgPool {
    PgPoolOptions::new()
        .max_connections(24)
        .connect(&desk.database.url)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_at_once_a_budget_lets_exactly_as_many_pass_as_it_has_calls() {
    let desk = Desk::new().await;
    let pool = pool(&desk).await;
    // Two processes, and one that asks without a ledger.
    let ledgers = [Ledger::new(pool.clone()), Ledger::new(pool.clone())];
    let tasks = (0..64_usize).map(|task| {
        let (pool, ledger) = (pool.clone(), ledgers.get(task % 3).cloned());
        tokio::spawn(async move {
            let mut one = reservation(
                &[
                    calls(Scope::Fleet, Period::Day, 150),
                    calls(Scope::Actor, Period::Day, 7),
                ],
                &[],
            );
            one.call.actor = format!("actor-{task}");
            let mut granted = 0;
            for _ in 0..10 {
                let answer = match &ledger {
                    Some(ledger) => ledger.reserve(one.clone()).await,
                    None => reserve(&pool, &one).await,
                };
                granted += u32::from(matches!(answer.unwrap(), Reserved::Granted(_)));
            }
            assert!(granted <= 7);
            granted
        })
    });
    let granted: u32 = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(granted, 150);
    assert_eq!(
        desk.database.row("select count(*) from botticelli.open_calls").await,
        "150"
    );
    assert_eq!(desk.database.row(RECOUNT).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_are_more_calls_under_way_than_may_be_and_all_get_their_turn() {
    const AT_ONCE: u32 = 5;
    let desk = Desk::new().await;
    let pool = pool(&desk).await;
    let ledger = Ledger::new(pool.clone());
    let most = Arc::new(AtomicU32::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let observer = tokio::spawn({
        let (pool, most, is_over) = (pool.clone(), Arc::clone(&most), Arc::clone(&is_over));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                let open: i64 = sqlx::query_scalar("select count(*) from botticelli.open_calls")
                    .fetch_one(&pool)
                    .await
                    .unwrap();
                most.fetch_max(u32::try_from(open).unwrap(), Ordering::Relaxed);
            }
        }
    });
    let limits = RateLimits {
        scope: RateScope::Provider,
        concurrency: NonZeroU32::new(AT_ONCE),
        ..RateLimits::default()
    };
    let tasks = (0..64_u64).map(|task| {
        let (pool, ledger, limits) = (pool.clone(), ledger.clone(), limits.clone());
        tokio::spawn(async move {
            let mut one = reservation(&[], &[limits]);
            one.call.model = format!("model-{task}");
            let mut made = 0;
            while made < 3 {
                let answer = match task % 2 {
                    0 => ledger.reserve(one.clone()).await.unwrap(),
                    _ => reserve(&pool, &one).await.unwrap(),
                };
                match answer {
                    Reserved::Granted(granted) => {
                        made += 1;
                        match made {
                            1 => release(&pool, granted.call).await.unwrap(),
                            2 => fail(&pool, granted.call, "timeout", Charge::Unknown, None)
                                .await
                                .unwrap(),
                            _ => settle(&mut pool.acquire().await.unwrap(), granted.call, &used(1, 1), 1, None)
                                .await
                                .unwrap(),
                        };
                    }
                    Reserved::Wait(_) => tokio::task::yield_now().await,
                    Reserved::Refused(refusal) => panic!("{refusal}"),
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    observer.await.unwrap();
    let most = most.load(Ordering::Relaxed);
    assert!((1..=AT_ONCE).contains(&most), "{most}");
    assert_eq!(
        desk.database.row("select count(*) from botticelli.ended_calls").await,
        "192"
    );
    fold_corrections(&pool, None).await.unwrap();
    assert_eq!(
        desk.database.row("select running from botticelli.rate_buckets").await,
        "0"
    );
}

/// A call that counts in whatever scopes the dice say, in whatever order they are written down.
fn any_reservation(dice: &mut Dice) -> Reservation {
    let mut budgets = Vec::new();
    for scope in [Scope::Act, Scope::Run, Scope::Actor, Scope::Fleet] {
        for period in [Period::None, Period::Day, Period::Month] {
            if dice.roll(3) == 0 {
                let place = usize::try_from(dice.roll(budgets.len() as u64 + 1)).unwrap();
                budgets.insert(place, calls(scope, period, 1_000_000));
            }
        }
    }
    let mut limits = Vec::new();
    for scope in [
        RateScope::Provider,
        RateScope::Key,
        RateScope::Model,
        RateScope::KeyAndModel,
    ] {
        if dice.roll(2) == 0 {
            let place = usize::try_from(dice.roll(limits.len() as u64 + 1)).unwrap();
            limits.insert(
                place,
                RateLimits {
                    scope,
                    concurrency: NonZeroU32::new(1_000_000),
                    ..RateLimits::default()
                },
            );
        }
    }
    let mut one = Reservation {
        hold: Duration::from_millis(dice.roll(3) * 5_000),
        ..reservation(&budgets, &limits)
    };
    one.call.run = format!("run-{}", dice.roll(3));
    one.call.step = format!("{}/sketch", dice.roll(3));
    one.call.actor = format!("actor-{}", dice.roll(3));
    one.call.provider = format!("provider-{}", dice.roll(2));
    one.call.model = format!("model-{}", dice.roll(2));
    one.call.key_name = format!("key-{}", dice.roll(2));
    one
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_calls_count_in_and_however_they_end_nobody_deadlocks_and_every_sum_is_right() {
    let desk = Desk::new().await;
    let pool = pool(&desk).await;
    let ledger = Ledger::new(pool.clone());
    let tasks = (0..48_u64).map(|task| {
        let (pool, ledger) = (pool.clone(), ledger.clone());
        tokio::spawn(async move {
            let mut dice = Dice(task + 1);
            let mut open = Vec::new();
            for _ in 0..25 {
                match dice.roll(10) {
                    0..5 => {
                        let one = any_reservation(&mut dice);
                        let answer = if dice.roll(2) == 0 {
                            ledger.reserve(one).await
                        } else {
                            reserve(&pool, &one).await
                        };
                        match answer.unwrap() {
                            Reserved::Granted(granted) => open.push(granted.call),
                            other => panic!("{other:?}"),
                        }
                    }
                    // Several in one transaction, which locks nothing that others want.
                    5..8 => {
                        let mut transaction = botticelli_database::transaction(&pool).await.unwrap();
                        for _ in 0..3 {
                            if !open.is_empty() {
                                let call = open.swap_remove(usize::try_from(dice.roll(open.len() as u64)).unwrap());
                                settle(&mut transaction, call, &used(dice.roll(200), 1), dice.roll(2000), None)
                                    .await
                                    .unwrap();
                            }
                        }
                        transaction.commit().await.unwrap();
                    }
                    8 => {
                        fold_corrections(&pool, None).await.unwrap();
                    }
                    _ => {
                        lose_expired_calls(&pool, None).await.unwrap();
                        prune_calls(&pool, 30, None).await.unwrap();
                    }
                }
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(desk.database.row(RECOUNT).await, "0");
    fold_corrections(&pool, None).await.unwrap();
    assert_eq!(desk.database.row(RECOUNT).await, "0");
    assert_eq!(
        desk.database
            .row("select count(*) from botticelli.meter_corrections")
            .await,
        "0"
    );
    let running =
        "select bool_and(r.running = (select count(*) from botticelli.open_calls o where r.id = any (o.meters)))
                   from botticelli.rate_buckets r";
    assert_eq!(desk.database.row(running).await, "t");
}

#[tokio::test]
async fn calls_that_are_reserved_together_are_decided_one_after_the_other() {
    let desk = Desk::new().await;
    let with = |most| reservation(&[calls(Scope::Fleet, Period::None, most)], &[]);
    let shape = |answers: Vec<Result<Reserved, _>>| -> Vec<bool> {
        answers
            .into_iter()
            .map(|answer: Result<Reserved, botticelli_ledger::LedgerError>| {
                matches!(answer.unwrap(), Reserved::Granted(_))
            })
            .collect()
    };
    let pool = &desk.database.pool;
    assert_eq!(
        shape(reserve_all(pool, &[with(3), with(3), with(3), with(3), with(3)]).await),
        [true, true, true, false, false]
    );
    // What one thinks of a limit is nothing to the next.
    assert_eq!(
        shape(reserve_all(pool, &[with(4), with(4), with(5), with(1), with(6)]).await),
        [true, false, true, false, true]
    );
    let alone: Vec<Budget> = vec![];
    let answers = reserve_all(pool, &[reservation(&alone, &[]), with(6), reservation(&alone, &[])]).await;
    assert_eq!(shape(answers), [true, false, true]);
    assert_eq!(shape(reserve_all(pool, &[]).await), [false; 0]);
}

/// Locks the only budget, so that whoever reserves waits.
async fn lock_budgets(pool: &PgPool) -> sqlx::PgTransaction<'static> {
    let mut transaction = botticelli_database::transaction(pool).await.unwrap();
    sqlx::query("select from botticelli.budget_usage for update")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction
}

#[tokio::test]
async fn those_that_come_while_others_are_on_their_way_go_together() {
    let desk = Desk::new().await;
    let one = reservation(&[calls(Scope::Fleet, Period::None, 100)], &[]);
    desk.granted(&one).await;
    let ledger = Ledger::new(desk.database.pool.clone());
    let lock = lock_budgets(&desk.database.pool).await;
    let asked: Vec<_> = (0..40)
        .map(|_| {
            let (ledger, one) = (ledger.clone(), one.clone());
            tokio::spawn(async move { ledger.reserve(one).await.unwrap() })
        })
        .collect();
    desk.database.until_waiting_for_locks(1).await;
    lock.commit().await.unwrap();
    for answer in join_all(asked).await {
        assert!(matches!(answer.unwrap(), Reserved::Granted(_)));
    }
    let moments = "select count(*), count(distinct reserved_at) <= 5 from botticelli.open_calls";
    assert_eq!(desk.database.row(moments).await, "41|t");
}

#[tokio::test]
async fn what_is_granted_to_a_caller_who_has_gone_away_is_given_back() {
    let desk = Desk::new().await;
    let one = reservation(&[calls(Scope::Fleet, Period::None, 100)], &[]);
    let first = desk.granted(&one).await;
    let ledger = Ledger::new(desk.database.pool.clone());
    let lock = lock_budgets(&desk.database.pool).await;
    let asked = tokio::spawn(async move { ledger.reserve(one).await });
    desk.database.until_waiting_for_locks(1).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    lock.commit().await.unwrap();
    desk.database
        .until("exists (select from botticelli.ended_calls where state = 'released')")
        .await;
    assert_eq!(
        desk.database.rows("select id from botticelli.open_calls").await,
        [first.to_string()]
    );
    assert_eq!(desk.standing("fleet").await, "0|0|0|100|1|1000");
}
