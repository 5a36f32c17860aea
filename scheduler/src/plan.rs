//! Which ticks are due: pure, so that it can be tested with tables.

use std::collections::BTreeMap;

use botticelli_schedule::{Schedule, TickOffset};
use chrono::{DateTime, Utc};

/// An actor with a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledActor {
    /// The actor's name.
    pub name: String,
    /// When it runs.
    pub schedule: Schedule,
    /// What `immediate` runs once for: a fingerprint of the actor's configuration.
    pub revision: String,
}

/// A due instant of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The actor.
    pub actor: String,
    /// The instant; the Unix epoch for `immediate`.
    pub at: DateTime<Utc>,
    /// Empty, or the revision for `immediate`.
    pub revision: String,
    /// The schedule was never seen before, so this tick lies before its time: it is recorded, not run.
    pub is_baseline: bool,
}

/// What is recorded of an actor's ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The latest tick of its recurring schedule.
    pub latest: Option<DateTime<Utc>>,
    /// Whether `immediate` has run for the actor's current revision.
    pub ran_immediately: bool,
}

/// The ticks to be won now: for each actor the latest that is due and not recorded, and that of a new configuration. Ticks missed
/// before it, because no scheduler ran, are not caught up.
pub fn due_ticks(actors: &[ScheduledActor], recorded: &BTreeMap<String, Recorded>, now: DateTime<Utc>) -> Vec<Tick> {
    let none = Recorded::default();
    actors
        .iter()
        .flat_map(|actor| {
            let recorded = recorded.get(&actor.name).unwrap_or(&none);
            let immediate = actor.schedule.is_immediate() && !recorded.ran_immediately;
            let immediate = immediate.then(|| Tick {
                actor: actor.name.clone(),
                at: DateTime::UNIX_EPOCH,
                revision: actor.revision.clone(),
                is_baseline: false,
            });
            let latest = actor.schedule.latest_tick(now, TickOffset::of(&actor.name));
            let latest = latest.filter(|latest| recorded.latest.is_none_or(|recorded| recorded < *latest));
            let recurring = latest.map(|latest| Tick {
                actor: actor.name.clone(),
                at: latest,
                revision: String::new(),
                is_baseline: recorded.latest.is_none(),
            });
            immediate.into_iter().chain(recurring)
        })
        .collect()
}

/// When an actor's schedule fires next.
pub fn next_run(actor: &ScheduledActor, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    actor.schedule.next_tick(now, TickOffset::of(&actor.name))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn actor(schedule: &str) -> Result<ScheduledActor, Box<dyn std::error::Error>> {
        Ok(ScheduledActor {
            name: "generation".to_owned(),
            schedule: schedule.parse()?,
            revision: "r1".to_owned(),
        })
    }

    fn at(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
        text.parse()
    }

    fn latest(tick: DateTime<Utc>) -> BTreeMap<String, Recorded> {
        BTreeMap::from([(
            "generation".to_owned(),
            Recorded {
                latest: Some(tick),
                ran_immediately: false,
            },
        )])
    }

    #[test]
    fn a_schedule_seen_for_the_first_time_gets_a_baseline_and_does_not_run() -> Outcome {
        let ticks = due_ticks(&[actor("0 9 * * *")?], &BTreeMap::new(), at("2026-11-23T12:00:00Z")?);
        assert_eq!(ticks.len(), 1);
        assert!(ticks[0].is_baseline);
        assert_eq!(ticks[0].at, at("2026-11-23T09:00:00Z")?);
        Ok(())
    }

    #[test]
    fn a_tick_is_due_from_its_instant_on_and_only_once() -> Outcome {
        let nine = at("2026-11-23T09:00:00Z")?;
        let yesterday = latest(at("2026-11-22T09:00:00Z")?);
        let actors = [actor("0 9 * * *")?];
        assert_eq!(due_ticks(&actors, &yesterday, nine - TimeDelta::microseconds(1)), []);
        let due = due_ticks(&actors, &yesterday, nine);
        assert_eq!(
            due.iter().map(|tick| (tick.at, tick.is_baseline)).collect::<Vec<_>>(),
            [(nine, false)]
        );
        assert_eq!(due_ticks(&actors, &latest(nine), nine + TimeDelta::hours(1)), []);
        Ok(())
    }

    #[test]
    fn after_an_outage_only_the_latest_missed_tick_is_due() -> Outcome {
        let due = due_ticks(
            &[actor("0 * * * *")?],
            &latest(at("2026-11-23T01:00:00Z")?),
            at("2026-11-23T05:30:00Z")?,
        );
        assert_eq!(
            due.iter().map(|tick| tick.at).collect::<Vec<_>>(),
            [at("2026-11-23T05:00:00Z")?]
        );
        Ok(())
    }

    #[test]
    fn a_clock_set_back_fires_nothing_again() -> Outcome {
        let nine = at("2026-11-23T09:00:00Z")?;
        assert_eq!(
            due_ticks(&[actor("0 * * * *")?], &latest(nine), nine - TimeDelta::hours(3)),
            []
        );
        Ok(())
    }

    #[test]
    fn immediate_is_due_once_for_each_revision() -> Outcome {
        let actors = [actor("immediate")?];
        let now = at("2026-11-23T09:00:00Z")?;
        let due = due_ticks(&actors, &BTreeMap::new(), now);
        assert_eq!(
            due.iter().map(|tick| tick.revision.as_str()).collect::<Vec<_>>(),
            ["r1"]
        );
        let ran = BTreeMap::from([(
            "generation".to_owned(),
            Recorded {
                latest: None,
                ran_immediately: true,
            },
        )]);
        assert_eq!(due_ticks(&actors, &ran, now), []);
        Ok(())
    }

    #[test]
    fn immediate_beside_others_is_due_for_itself() -> Outcome {
        let actors = [actor("immediate; 0 9 * * *")?];
        let now = at("2026-11-23T12:00:00Z")?;
        let due = due_ticks(&actors, &BTreeMap::new(), now);
        let due: Vec<_> = due
            .iter()
            .map(|tick| (tick.revision.as_str(), tick.is_baseline))
            .collect();
        assert_eq!(due, [("r1", false), ("", true)]);
        Ok(())
    }

    #[test]
    fn manual_is_never_due() -> Outcome {
        assert_eq!(
            due_ticks(&[actor("manual")?], &BTreeMap::new(), at("2026-11-23T09:00:00Z")?),
            []
        );
        Ok(())
    }
}
