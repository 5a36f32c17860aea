use axum::http::StatusCode;
use botticelli_testkit::{TestDatabase, database};
use serde_json::{Value, json};

use crate::api_actors::readable;
use crate::client::{TestResult, get};

async fn with_schedules() -> TestDatabase {
    let database = database().await;
    database
        .execute(
            "insert into botticelli.schedules (name, queue, schedule, timezone, next_tick, enqueued, skipped) values
               ('evening tip', 'generation', '0 18 * * *', 'Europe/Berlin', '2026-11-28 17:00+00', 3, 1),
               ('broken', 'generation', '0 25 * * *', 'UTC', null, 0, 0);
             insert into botticelli.schedule_ticks (actor, tick_at, outcome, reason, job_id) values
               ('evening tip', '2026-11-26 17:00+00', 'enqueued', null, 7),
               ('evening tip', '2026-11-27 17:00+00', 'skipped', 'its last job waits or runs still', null)",
        )
        .await;
    database
}

#[tokio::test]
async fn schedules_are_listed_and_shown_by_name() -> TestResult {
    let database = with_schedules().await;
    let router = readable(&database);
    let list = get(&router, "/api/v1/schedules?limit=1&offset=1").await?.json()?;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    let one = get(&router, "/api/v1/schedules/evening%20tip").await?.json()?;
    assert_eq!(list[0], one);
    assert_eq!(
        one,
        json!({
            "name": "evening tip", "queue": "generation", "schedule": "0 18 * * *", "timezone": "Europe/Berlin", "enabled": true,
            "is_paused": false, "pause_reason": null, "paused_by": null, "next_tick": "2026-11-28T17:00:00Z", "last_tick": null,
            "last_outcome": null, "last_job": null, "last_lateness_seconds": null, "enqueued": 3, "skipped": 1, "missed": 0,
            "problem": null,
        })
    );
    Ok(())
}

#[tokio::test]
async fn the_ticks_to_come_are_told_with_what_the_schedule_means() -> TestResult {
    let database = with_schedules().await;
    let router = readable(&database);
    let next = get(&router, "/api/v1/schedules/evening%20tip/next?n=3").await?.json()?;
    assert_eq!(next["description"], "at 18:00 (Europe/Berlin)");
    let ticks = next["ticks"].as_array().ok_or("no ticks")?;
    assert_eq!(ticks.len(), 3);
    assert!(ticks.iter().all(
        |tick| tick["skipped"].is_null() && tick["tick_at"].as_str().is_some_and(|tick| tick.ends_with(":00:00Z"))
    ));
    let broken = get(&router, "/api/v1/schedules/broken/next").await?.json()?;
    assert_eq!(broken["ticks"], json!([]));
    let problem = broken["problem"].as_str().ok_or("no problem")?;
    assert!(problem.contains("hour `25` is not in 0-23"), "{problem}");
    for n in ["0", "1001", "many"] {
        let refused = get(&router, &format!("/api/v1/schedules/broken/next?n={n}")).await?;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.text.contains("`n` must be a whole number from 1 to 1000"),
            "{}",
            refused.text
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_became_of_ticks_is_told_with_the_reason_newest_first() -> TestResult {
    let database = with_schedules().await;
    let ticks = get(&readable(&database), "/api/v1/schedules/evening%20tip/ticks")
        .await?
        .json()?;
    let told = |tick: &Value| {
        (
            tick["tick_at"].clone(),
            tick["outcome"].clone(),
            tick["reason"].clone(),
            tick["job_id"].clone(),
        )
    };
    let told: Vec<_> = ticks.as_array().ok_or("no ticks")?.iter().map(told).collect();
    assert_eq!(
        told,
        [
            (
                json!("2026-11-27T17:00:00Z"),
                json!("skipped"),
                json!("its last job waits or runs still"),
                json!(null)
            ),
            (json!("2026-11-26T17:00:00Z"), json!("enqueued"), json!(null), json!(7)),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_schedule_that_is_unknown_is_a_problem_that_names_those_there_are() -> TestResult {
    let database = with_schedules().await;
    let router = readable(&database);
    for path in ["evening", "evening/next", "evening/ticks", "even%00ing"] {
        let refused = get(&router, &format!("/api/v1/schedules/{path}")).await?;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            refused.text.contains("the schedules are `broken`, `evening tip`"),
            "{}",
            refused.text
        );
    }
    Ok(())
}
