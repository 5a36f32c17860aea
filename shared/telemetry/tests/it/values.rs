use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use botticelli_telemetry::{PauseReason, Status, local_metrics};

use crate::collector::TestResult;

fn series<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(name)).collect()
}

#[test]
fn a_run_is_active_until_its_guard_is_dropped() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    assert_eq!(
        series(&exposition.render()?, "botticelli_active_actors"),
        ["botticelli_active_actors 0"]
    );
    let run = metrics.execution_started("generation");
    assert_eq!(
        series(&exposition.render()?, "botticelli_active_actors"),
        ["botticelli_active_actors 1"]
    );
    drop(run);
    assert_eq!(
        series(&exposition.render()?, "botticelli_active_actors"),
        ["botticelli_active_actors 0"]
    );
    Ok(())
}

#[test]
fn a_run_that_panics_is_no_longer_active() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _run = metrics.execution_started("generation");
        std::panic::resume_unwind(Box::new("a skill blew up"));
    }));
    assert!(outcome.is_err());
    assert_eq!(
        series(&exposition.render()?, "botticelli_active_actors"),
        ["botticelli_active_actors 0"]
    );
    Ok(())
}

#[test]
fn an_actor_has_one_pause_series_whatever_it_was_paused_for_before() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    let paused = |reason| -> Result<Vec<String>, Box<dyn std::error::Error>> {
        metrics.set_paused("posting", reason);
        let text = exposition.render()?;
        Ok(series(&text, "botticelli_actor_paused")
            .into_iter()
            .map(str::to_owned)
            .collect())
    };
    assert_eq!(
        paused(Some(PauseReason::CircuitBreaker))?,
        [r#"botticelli_actor_paused{actor="posting",reason="circuit_breaker"} 1"#]
    );
    assert_eq!(
        paused(Some(PauseReason::Manual))?,
        [r#"botticelli_actor_paused{actor="posting",reason="manual"} 1"#]
    );
    assert_eq!(
        paused(None)?,
        [r#"botticelli_actor_paused{actor="posting",reason="none"} 0"#]
    );
    Ok(())
}

#[test]
fn a_skipped_run_is_counted_and_leaves_the_durations_alone() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    metrics.execution_finished("generation", Status::Skipped, Duration::ZERO, 0, 0);
    let text = exposition.render()?;
    assert_eq!(
        series(&text, "botticelli_actor_executions_total"),
        [r#"botticelli_actor_executions_total{actor="generation",status="skipped"} 1"#]
    );
    assert!(series(&text, "botticelli_execution_duration_seconds").is_empty());
    Ok(())
}

#[test]
fn counters_of_a_started_actor_exist_before_anything_happened() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    drop(metrics.execution_started("curation"));
    let text = exposition.render()?;
    let mut executions = series(&text, "botticelli_actor_executions_total");
    executions.sort_unstable();
    assert_eq!(
        executions,
        [
            r#"botticelli_actor_executions_total{actor="curation",status="failure"} 0"#,
            r#"botticelli_actor_executions_total{actor="curation",status="skipped"} 0"#,
            r#"botticelli_actor_executions_total{actor="curation",status="success"} 0"#,
        ]
    );
    assert_eq!(
        series(&text, "botticelli_circuit_breaker_trips_total"),
        [r#"botticelli_circuit_breaker_trips_total{actor="curation"} 0"#]
    );
    Ok(())
}

#[test]
fn the_last_success_is_a_moment_in_unix_seconds() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    metrics.set_last_success("generation", 1_790_000_000);
    assert_eq!(
        series(&exposition.render()?, "botticelli_last_success_timestamp"),
        [r#"botticelli_last_success_timestamp{actor="generation"} 1790000000"#]
    );
    Ok(())
}

#[test]
fn two_registries_in_one_process_do_not_share_values() -> TestResult {
    let (first, first_text) = local_metrics("worker", "instance-1")?;
    let (_second, second_text) = local_metrics("worker", "instance-2")?;
    first.db_up(true);
    assert_eq!(
        series(&first_text.render()?, "botticelli_db_up"),
        ["botticelli_db_up 1"]
    );
    assert!(series(&second_text.render()?, "botticelli_db_up").is_empty());
    Ok(())
}
