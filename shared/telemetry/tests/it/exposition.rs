use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use botticelli_telemetry::{Metrics, PauseReason, PostOutcome, ScheduleTimes, Status, TokenKind, local_metrics};

use crate::collector::TestResult;

fn use_everything(metrics: &Metrics) {
    drop(metrics.execution_started("generation"));
    metrics.execution_finished("generation", Status::Success, Duration::from_secs(3), 2, 1);
    metrics.breaker_tripped("generation");
    metrics.set_paused("generation", Some(PauseReason::CircuitBreaker));
    metrics.set_consecutive_failures("generation", 3);
    metrics.set_last_success("generation", 1_790_000_000);
    metrics.jobs_rescued(2, "lease_expired");
    metrics.job_waited(Duration::from_millis(40));
    metrics.llm_tokens("anthropic", "some-model", TokenKind::Input, 120);
    metrics.post(PostOutcome::Posted);
    metrics.schedule_ticks("generation", "enqueued", 1);
    metrics.schedule_lagged("generation", Duration::from_millis(3));
    let times = ScheduleTimes {
        next_tick: Some(1_790_000_000),
        last_tick: Some(1_789_996_400),
    };
    metrics.set_timetable([("generation".to_owned(), times)].into());
    metrics.set_schedules_overdue(0);
    metrics.db_up(true);
}

/// `name type label,label`, once per family, from the lines of an exposition.
fn families(text: &str) -> BTreeSet<String> {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let kinds: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, pairs) = line.split_once('{').unwrap_or_else(|| {
            let (name, _) = line.split_once(' ').unwrap_or((line, ""));
            (name, "")
        });
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| sample.strip_suffix(suffix))
            .find(|name| kinds.contains_key(name))
            .unwrap_or(sample);
        let names = pairs
            .split('"')
            .step_by(2)
            .filter_map(|part| part.trim_start_matches(',').strip_suffix('='));
        labels.entry(family).or_default().extend(names);
    }
    kinds
        .iter()
        .map(|(name, kind)| {
            let names: Vec<_> = labels.get(name).into_iter().flatten().copied().collect();
            format!("{name} {kind} {}", names.join(",")).trim_end().to_owned()
        })
        .collect()
}

#[test]
fn the_exposed_names_types_and_labels_are_exactly_these() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    use_everything(&metrics);
    let expected = [
        "botticelli_active_actors gauge",
        "botticelli_actor_executions_total counter actor,status",
        "botticelli_actor_paused gauge actor,reason",
        "botticelli_build_info gauge role,version",
        "botticelli_circuit_breaker_trips_total counter actor",
        "botticelli_consecutive_failures gauge actor",
        "botticelli_db_up gauge",
        "botticelli_execution_duration_seconds histogram actor,le",
        "botticelli_job_wait_seconds histogram le",
        "botticelli_jobs_rescued_total counter reason",
        "botticelli_last_success_timestamp gauge actor",
        "botticelli_llm_tokens_total counter model,provider,type",
        "botticelli_posts_total counter outcome",
        "botticelli_schedule_lag_seconds histogram actor,le",
        "botticelli_schedule_last_tick_timestamp gauge actor",
        "botticelli_schedule_next_tick_timestamp gauge actor",
        "botticelli_schedule_ticks_total counter actor,outcome",
        "botticelli_schedules_overdue gauge",
        "botticelli_skills_executed_total counter actor,status",
        "target_info gauge botticelli_role,service_instance_id,service_name,service_version,\
         telemetry_sdk_language,telemetry_sdk_name,telemetry_sdk_version",
    ];
    let expected: BTreeSet<_> = expected.map(str::to_owned).into();
    assert_eq!(families(&exposition.render()?), expected);
    Ok(())
}

#[test]
fn every_metric_has_a_help_text() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    use_everything(&metrics);
    let text = exposition.render()?;
    for name in text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
    {
        let help = text
            .lines()
            .find_map(|line| line.strip_prefix("# HELP ")?.strip_prefix(name)?.strip_prefix(' '));
        assert!(help.is_some_and(|help| !help.is_empty()), "{name} has no help text");
    }
    Ok(())
}

#[test]
fn execution_buckets_reach_from_a_tenth_of_a_second_to_half_an_hour() -> TestResult {
    let (metrics, exposition) = local_metrics("worker", "instance-1")?;
    use_everything(&metrics);
    let text = exposition.render()?;
    let bounds: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("botticelli_execution_duration_seconds_bucket{"))
        .filter_map(|pairs| pairs.split_once("le=\"")?.1.split('"').next())
        .collect();
    assert_eq!(bounds.first(), Some(&"0.1"));
    assert_eq!(bounds.get(bounds.len() - 2..), Some(["1800", "+Inf"].as_slice()));
    Ok(())
}
