//! Who comes to four fifths of a budget is told once.

use botticelli_ledger::{Budget, Measure, Period, Reservation, Scope, release};

use crate::{Desk, at, calls, reservation};

#[tokio::test]
async fn the_call_that_brings_a_budget_to_four_fifths_carries_the_alert_and_no_other_does() {
    let desk = Desk::new().await;
    let one = reservation(&[calls(Scope::Actor, Period::Day, 10)], &[]);
    for number in 1..=10 {
        let granted = desk.grant(&one).await;
        let told: Vec<String> = granted.alerts.iter().map(ToString::to_string).collect();
        let expected = "the budget of actor `painter` for a day has 8 of 10 calls used or reserved".to_owned();
        assert_eq!(told, if number == 8 { vec![expected] } else { vec![] }, "call {number}");
    }
    let alerts = "select measure, max, used from botticelli.budget_alerts";
    assert_eq!(desk.database.rows(alerts).await, ["calls|10|8"]);
    assert_eq!(
        desk.database
            .row("select share, alerted_at is not null from botticelli.budget_status")
            .await,
        "1|t"
    );
}

#[tokio::test]
async fn falling_below_and_rising_again_is_not_told_again_but_a_new_period_or_another_limit_is() {
    let desk = Desk::new().await;
    let with = |most: u64, day: &str| Reservation {
        at: Some(at(&format!("2026-11-{day} 12:00:00"))),
        ..reservation(&[calls(Scope::Fleet, Period::Day, most)], &[])
    };
    let first = desk.grant(&with(1, "27")).await;
    assert_eq!(first.alerts.len(), 1);
    release(&desk.database.pool, first.call).await.unwrap();
    assert_eq!(desk.grant(&with(1, "27")).await.alerts, []);
    assert_eq!(desk.grant(&with(2, "27")).await.alerts.len(), 1, "another limit");
    assert_eq!(desk.grant(&with(10, "27")).await.alerts, [], "far from it");
    assert_eq!(desk.grant(&with(1, "28")).await.alerts.len(), 1, "another day");
}

#[tokio::test]
async fn every_limit_and_every_budget_is_told_of_by_itself() {
    let desk = Desk::new().await;
    let budget = |scope| Budget {
        scope,
        period: Period::None,
        tokens: Some(100),
        calls: Some(100),
        cost_micros: Some(1250),
    };
    let granted = desk
        .grant(&reservation(&[budget(Scope::Run), budget(Scope::Fleet)], &[]))
        .await;
    let mut told: Vec<_> = granted
        .alerts
        .iter()
        .map(|alert| (alert.scope, alert.measure, alert.used, alert.limit))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            (Scope::Run, Measure::Tokens, 100, 100),
            (Scope::Run, Measure::CostMicros, 1000, 1250),
            (Scope::Fleet, Measure::Tokens, 100, 100),
            (Scope::Fleet, Measure::CostMicros, 1000, 1250),
        ]
    );
}

#[tokio::test]
async fn just_below_four_fifths_nobody_is_told() {
    let desk = Desk::new().await;
    let budget = |tokens| Budget {
        scope: Scope::Fleet,
        period: Period::None,
        tokens: Some(tokens),
        calls: None,
        cost_micros: None,
    };
    // 100 tokens are less than four fifths of 126 and exactly those of 125.
    assert_eq!(desk.grant(&reservation(&[budget(126)], &[])).await.alerts, []);
    let other = Desk::new().await;
    assert_eq!(other.grant(&reservation(&[budget(125)], &[])).await.alerts.len(), 1);
}
