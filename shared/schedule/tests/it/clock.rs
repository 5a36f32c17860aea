use std::sync::Arc;
use std::time::Duration;

use botticelli_schedule::{Clock, ManualClock, Stopwatch, SystemClock};
use chrono::SubsecRound;

use crate::{TestResult, instant};

#[test]
fn a_manual_clock_stands_still_until_it_is_moved() -> TestResult {
    let clock = ManualClock::new(instant("2026-11-23T09:00:00Z")?);
    let seen_elsewhere: Arc<dyn Clock> = Arc::new(clock.clone());
    assert_eq!(seen_elsewhere.now(), instant("2026-11-23T09:00:00Z")?);
    clock.advance(Duration::from_secs(90));
    assert_eq!(seen_elsewhere.now(), instant("2026-11-23T09:01:30Z")?);
    clock.set(instant("2020-01-01T00:00:00Z")?);
    assert_eq!(seen_elsewhere.now(), instant("2020-01-01T00:00:00Z")?);
    Ok(())
}

#[test]
fn a_manual_clock_advanced_past_the_calendar_stays_where_it_was() -> TestResult {
    let clock = ManualClock::new(instant("2026-11-23T09:00:00Z")?);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), instant("2026-11-23T09:00:00Z")?);
    Ok(())
}

#[test]
fn clocks_show_whole_microseconds_as_postgres_does() -> TestResult {
    let now = SystemClock.now();
    assert_eq!(now, now.trunc_subsecs(6));
    let clock = ManualClock::new(instant("2026-11-23T09:00:00.123456789Z")?);
    assert_eq!(clock.now(), instant("2026-11-23T09:00:00.123456Z")?);
    Ok(())
}

#[test]
fn a_stopwatch_never_runs_backwards() {
    let stopwatch = Stopwatch::start();
    let earlier = stopwatch.elapsed();
    assert!(stopwatch.elapsed() >= earlier);
}
