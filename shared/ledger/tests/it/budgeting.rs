//! Budgets let pass what they have left for, and nothing else.

use std::sync::Arc;

use botticelli_ledger::{Budget, Charge, Measure, Period, Reservation, Scope, fail, release};

use crate::{Desk, at, call, calls, reservation, tokens, used};

#[tokio::test]
async fn a_call_that_a_budget_has_not_enough_left_for_is_refused_and_holds_nothing() {
    let desk = Desk::new().await;
    let budgets = [
        tokens(Scope::Run, Period::None, 250),
        calls(Scope::Fleet, Period::None, 10),
    ];
    let reservation = reservation(&budgets, &[]);
    let first = desk.granted(&reservation).await;
    desk.settle(first, used(50, 30), 700).await;
    desk.granted(&reservation).await;
    let refusal = desk.refused(&reservation).await;
    assert_eq!((refusal.scope, refusal.measure), (Scope::Run, Measure::Tokens));
    assert_eq!(
        (refusal.used, refusal.reserved, refusal.asked, refusal.limit),
        (80, 100, 100, 250)
    );
    assert_eq!(refusal.opens_at, None);
    assert_eq!(
        refusal.to_string(),
        "the budget of run `run-1` refuses the call: of 250 tokens 80 are used and 100 reserved, and it may need 100; \
         raise the budget, or start a new run"
    );
    assert_eq!(desk.standing("fleet").await, "80|1|700|100|1|1000");
    assert_eq!(
        desk.database.row("select count(*) from botticelli.open_calls").await,
        "1"
    );
}

#[tokio::test]
async fn what_a_call_has_used_counts_whether_it_is_less_or_more_than_it_had_reserved() {
    let desk = Desk::new().await;
    let one = reservation(&[tokens(Scope::Fleet, Period::None, 1000)], &[]);
    let (less, more) = (desk.granted(&one).await, desk.granted(&one).await);
    desk.settle(less, used(5, 5), 10).await;
    desk.settle(more, used(800, 90), 9000).await;
    assert_eq!(desk.standing("fleet").await, "900|2|9010|0|0|0");
    desk.granted(&one).await;
    assert_eq!(desk.refused(&one).await.used, 900);
}

#[tokio::test]
async fn each_scope_counts_its_own_calls() {
    let desk = Desk::new().await;
    let with = |scope: Scope, change: fn(&mut Reservation)| {
        let mut other = reservation(&[calls(scope, Period::None, 1)], &[]);
        change(&mut other);
        other
    };
    for (scope, same, other) in [
        (
            Scope::Act,
            (|one| one.call.act = "again".to_owned()) as fn(&mut Reservation),
            (|one| one.call.step = "2/sketch".to_owned()) as fn(&mut Reservation),
        ),
        (
            Scope::Run,
            |one| one.call.step = "2/sketch".to_owned(),
            |one| one.call.run = "run-2".to_owned(),
        ),
        (
            Scope::Actor,
            |one| one.call.run = "run-2".to_owned(),
            |one| one.call.actor = "critic".to_owned(),
        ),
    ] {
        desk.granted(&with(scope, |_| ())).await;
        desk.refused(&with(scope, same)).await;
        desk.granted(&with(scope, other)).await;
    }
    desk.granted(&with(Scope::Fleet, |_| ())).await;
    desk.refused(&with(Scope::Fleet, |one| {
        one.call.actor = "critic".to_owned();
        one.call.provider = "anthropic".to_owned();
    }))
    .await;
}

#[tokio::test]
async fn names_that_run_into_each_other_are_different_acts() {
    let desk = Desk::new().await;
    let act = |run: &str, step: &str| {
        let mut one = reservation(&[calls(Scope::Act, Period::None, 1)], &[]);
        (one.call.run, one.call.step) = (run.to_owned(), step.to_owned());
        one
    };
    for (run, step) in [("a", "b c"), ("a b", "c"), ("a ", "b c"), ("", "a b c"), ("ä", "'; --")] {
        desk.granted(&act(run, step)).await;
        desk.refused(&act(run, step)).await;
    }
}

#[tokio::test]
async fn a_day_ends_at_midnight_of_its_zone_and_a_month_with_its_last_day() {
    let desk = Desk::new().await;
    let on = |period: Period, zone: Option<&str>, time: &str| Reservation {
        zone: zone.map(Arc::from),
        at: Some(at(time)),
        ..reservation(&[calls(Scope::Actor, period, 1)], &[])
    };
    for (actor, period, zone, last, opens_at) in [
        ("a", Period::Day, None, "23:59:59", "2026-11-28 00:00:00"),
        ("b", Period::Day, Some("Europe/Berlin"), "22:59:59", "23:00:00"),
        // The day on which clocks go back has 25 hours, that on which they go forward 23.
        (
            "c",
            Period::Day,
            Some("Europe/Berlin"),
            "2026-10-25 22:59:59",
            "2026-10-25 23:00:00",
        ),
        (
            "d",
            Period::Day,
            Some("Europe/Berlin"),
            "2026-03-29 21:59:59",
            "2026-03-29 22:00:00",
        ),
        ("e", Period::Month, None, "2026-11-30 23:59:59", "2026-12-01 00:00:00"),
        (
            "f",
            Period::Month,
            Some("America/Los_Angeles"),
            "2026-12-01 07:59:59",
            "2026-12-01 08:00:00",
        ),
    ] {
        let when = |time: &str| {
            let mut one = on(period, zone, time);
            actor.clone_into(&mut one.call.actor);
            one
        };
        desk.granted(&when(last)).await;
        let refusal = desk.refused(&when(last)).await;
        assert_eq!(refusal.opens_at, Some(at(opens_at)), "{actor}");
        assert_eq!(refusal.opens_in.map(|wait| wait.as_secs()), Some(1), "{actor}");
        desk.granted(&when(opens_at)).await;
    }
}

#[tokio::test]
async fn a_call_counts_in_the_day_in_which_it_was_reserved_whenever_it_ends() {
    let desk = Desk::new().await;
    let on = |time: &str| Reservation {
        at: Some(at(time)),
        ..reservation(&[tokens(Scope::Fleet, Period::Day, 150)], &[])
    };
    let late = desk.granted(&on("23:59:59")).await;
    desk.granted(&on("2026-11-28 00:00:01")).await;
    desk.settle(late, used(149, 0), 1).await;
    desk.refused(&on("2026-11-28 00:00:02")).await;
    let used = "select starts_at = '2026-11-28', used_tokens, reserved_tokens from botticelli.budget_status order by starts_at";
    assert_eq!(desk.database.rows(used).await, ["f|149|0", "t|0|100"]);
}

#[tokio::test]
async fn of_several_budgets_of_one_scope_and_period_the_least_of_each_limit_counts() {
    let desk = Desk::new().await;
    let budgets = [
        calls(Scope::Fleet, Period::Day, 3),
        calls(Scope::Fleet, Period::Day, 1),
        tokens(Scope::Fleet, Period::Day, 10_000),
    ];
    let one = reservation(&budgets, &[]);
    desk.granted(&one).await;
    assert_eq!(desk.refused(&one).await.limit, 1);
}

#[tokio::test]
async fn of_several_budgets_that_refuse_the_one_is_named_that_does_so_for_longest() {
    let desk = Desk::new().await;
    let all = [
        calls(Scope::Actor, Period::Month, 1),
        calls(Scope::Actor, Period::Day, 1),
        calls(Scope::Fleet, Period::Day, 1),
        calls(Scope::Run, Period::None, 1),
    ];
    desk.granted(&reservation(&all, &[])).await;
    for (budgets, expected) in [
        (&all[..], (Scope::Run, Period::None)),
        (&all[..3], (Scope::Actor, Period::Month)),
        (&all[1..3], (Scope::Actor, Period::Day)),
    ] {
        let refusal = desk.refused(&reservation(budgets, &[])).await;
        assert_eq!((refusal.scope, refusal.period), expected);
    }
}

#[tokio::test]
async fn a_call_that_no_period_can_hold_never_comes_to_its_turn_and_is_told_what_to_raise() {
    let desk = Desk::new().await;
    let fits = desk
        .refused(&reservation(&[calls(Scope::Fleet, Period::Day, 0)], &[]))
        .await;
    assert_eq!((fits.opens_at, fits.opens_in), (None, None));
    let text = fits.to_string();
    assert!(
        text.ends_with("which it never has; raise the budget's limit to 1 or more"),
        "{text}"
    );

    let day = Budget {
        cost_micros: Some(1000),
        ..tokens(Scope::Actor, Period::Day, 99)
    };
    desk.granted(&reservation(
        &[Budget {
            tokens: Some(1000),
            ..day
        }],
        &[],
    ))
    .await;
    // The money is gone until tomorrow, but tomorrow the call is still too long.
    let refusal = desk.refused(&reservation(&[day], &[])).await;
    assert_eq!(
        (refusal.measure, refusal.asked, refusal.limit),
        (Measure::Tokens, 100, 99)
    );
    assert_eq!((refusal.opens_at, refusal.opens_in), (None, None));
    let text = refusal.to_string();
    assert!(
        text.ends_with("which it never has; raise the budget's limit to 100 or more, or lower the act's `max_tokens`"),
        "{text}"
    );

    // And of several it is the one that is named, though others end later.
    let month = calls(Scope::Actor, Period::Month, 1);
    desk.granted(&reservation(&[month], &[])).await;
    for budgets in [[month, day], [day, month]] {
        let refusal = desk.refused(&reservation(&budgets, &[])).await;
        assert_eq!((refusal.period, refusal.opens_at), (Period::Day, None));
    }
    // One that only has no room left opens again.
    let refusal = desk.refused(&reservation(&[Budget { tokens: None, ..day }], &[])).await;
    assert_eq!(refusal.measure, Measure::CostMicros);
    assert!(refusal.opens_in.is_some());
}

#[tokio::test]
async fn a_limit_that_was_changed_counts_from_the_next_call_with_all_that_was_used() {
    let desk = Desk::new().await;
    let with = |most| reservation(&[calls(Scope::Fleet, Period::Day, most)], &[]);
    desk.granted(&with(10)).await;
    desk.granted(&with(10)).await;
    desk.refused(&with(2)).await;
    assert_eq!(
        desk.database
            .row("select max_calls, share from botticelli.budget_status")
            .await,
        "2|1",
        "people see the limit that refuses"
    );
    desk.granted(&with(3)).await;
}

#[tokio::test]
async fn what_failed_is_charged_with_what_is_known_and_what_was_never_sent_with_nothing() {
    let desk = Desk::new().await;
    let budget = Budget {
        cost_micros: Some(10_000),
        ..tokens(Scope::Fleet, Period::None, 10_000)
    };
    let one = reservation(&[budget], &[]);
    let pool = &desk.database.pool;
    for (charge, expected) in [
        (Charge::Nothing, "0|1|0|0|0|0"),
        (Charge::Unknown, "100|2|1000|0|0|0"),
        (
            Charge::Used {
                usage: used(7, 0),
                cost_micros: 70,
            },
            "107|3|1070|0|0|0",
        ),
    ] {
        let call = desk.granted(&one).await;
        fail(pool, call, "timeout", charge, None).await.unwrap();
        assert_eq!(desk.standing("fleet").await, expected);
    }
    let call = desk.granted(&one).await;
    release(pool, call).await.unwrap();
    assert_eq!(desk.standing("fleet").await, "107|3|1070|0|0|0");
}

#[tokio::test]
async fn a_budget_of_nothing_refuses_what_costs_something() {
    let desk = Desk::new().await;
    let nothing = Budget {
        scope: Scope::Fleet,
        period: Period::None,
        tokens: None,
        calls: None,
        cost_micros: Some(0),
    };
    let free = Reservation {
        cost_micros: 0,
        ..reservation(&[nothing], &[])
    };
    desk.granted(&free).await;
    desk.refused(&reservation(&[nothing], &[])).await;
    desk.refused(&reservation(&[calls(Scope::Fleet, Period::None, 0)], &[]))
        .await;
}

#[tokio::test]
async fn a_call_without_budgets_and_limits_is_on_record_all_the_same() {
    let desk = Desk::new().await;
    desk.granted(&Reservation::new(call(), std::time::Duration::from_secs(1)))
        .await;
    let row = "select run, actor, step, provider, model, state, meters from botticelli.model_calls";
    assert_eq!(
        desk.database.row(row).await,
        "run-1|painter|1/sketch|openai|gpt|reserved|{}"
    );
}
