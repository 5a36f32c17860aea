use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use botticelli_control::{HealthState, health_router};
use serde_json::json;

use crate::client::{TestResult, get, stopped_clock};

#[tokio::test]
async fn a_process_whose_loop_ticks_is_live() -> TestResult {
    let clock = stopped_clock();
    let state = Arc::new(HealthState::new(Arc::new(clock.clone())));
    let heartbeat = state.heartbeat();
    let router = health_router(state);
    clock.advance(Duration::from_secs(59));
    heartbeat.tick();
    clock.advance(Duration::from_mins(1));
    let answer = get(&router, "/health/live").await?;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json()?,
        json!({"status": "ok", "checks": {"heartbeat": true}, "timestamp": "1970-01-01T00:01:59+00:00"})
    );
    Ok(())
}

#[tokio::test]
async fn a_process_whose_loop_has_been_stuck_for_over_a_minute_is_not_live_until_it_moves_again() -> TestResult {
    let clock = stopped_clock();
    let state = Arc::new(HealthState::new(Arc::new(clock.clone())));
    let heartbeat = state.heartbeat();
    let router = health_router(state);
    clock.advance(Duration::from_secs(61));
    let answer = get(&router, "/health/live").await?;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()?.get("status"), Some(&json!("stalled")));
    heartbeat.tick();
    assert_eq!(get(&router, "/health/live").await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn startup_succeeds_once_the_process_says_that_it_has_started() -> TestResult {
    let state = Arc::new(HealthState::new(Arc::new(stopped_clock())));
    let router = health_router(Arc::clone(&state));
    let before = get(&router, "/health/startup").await?;
    assert_eq!(before.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(before.json()?.get("status"), Some(&json!("starting")));
    state.set_started();
    let after = get(&router, "/health/startup").await?;
    assert_eq!(after.status, StatusCode::OK);
    assert_eq!(after.json()?.get("status"), Some(&json!("started")));
    Ok(())
}

#[tokio::test]
async fn a_process_that_needs_nothing_is_ready_as_soon_as_it_has_started() -> TestResult {
    let state = Arc::new(HealthState::new(Arc::new(stopped_clock())));
    let router = health_router(Arc::clone(&state));
    assert_eq!(
        get(&router, "/health/ready").await?.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    state.set_started();
    let answer = get(&router, "/health/ready").await?;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()?.get("status"), Some(&json!("ready")));
    Ok(())
}

#[tokio::test]
async fn readiness_follows_each_check_and_does_not_repeat_its_error() -> TestResult {
    let reachable = Arc::new(AtomicBool::new(false));
    let probe = {
        let reachable = Arc::clone(&reachable);
        move || {
            let up = reachable.load(Ordering::Relaxed);
            ready(if up {
                Ok(())
            } else {
                Err("password authentication failed for user \"secret\"")
            })
        }
    };
    let state = HealthState::new(Arc::new(stopped_clock()))
        .with_check("database", probe)
        .with_check("other", || ready(Ok::<(), String>(())));
    state.set_started();
    let router = health_router(Arc::new(state));
    let down = get(&router, "/health/ready").await?;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        down.json()?,
        json!({
            "status": "not_ready",
            "checks": {"started": true, "database": false, "other": true},
            "timestamp": "1970-01-01T00:00:00+00:00",
        })
    );
    reachable.store(true, Ordering::Relaxed);
    assert_eq!(get(&router, "/health/ready").await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_never_answers_makes_the_process_not_ready() -> TestResult {
    let state = HealthState::new(Arc::new(stopped_clock())).with_check("database", pending::<Result<(), String>>);
    state.set_started();
    let router = health_router(Arc::new(state));
    let answer = get(&router, "/health/ready").await?;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()?.pointer("/checks/database"), Some(&json!(false)));
    Ok(())
}
