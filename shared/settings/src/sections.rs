//! The sections of the settings file, one per file here.

mod actor;
mod actor_order;
mod api;
mod discord;
mod llm;
mod queue;
mod scheduler;
mod server;
mod telemetry;

use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) use actor::ActorSection;
pub use actor::{ActorKind, ActorSettings, PlatformName};
pub use api::{AnonymousRole, ApiSettings};
pub use discord::DiscordSettings;
pub use llm::{LlmBackend, LlmSettings};
pub use queue::QueueSettings;
pub use scheduler::SchedulerSettings;
pub use server::ServerSettings;
pub use telemetry::{LogFormat, TelemetrySettings, TraceJobs};

use crate::problem::Report;

/// The whole file as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sections {
    pub(crate) server: ServerSettings,
    pub(crate) api: ApiSettings,
    pub(crate) llm: LlmSettings,
    pub(crate) discord: DiscordSettings,
    pub(crate) queue: QueueSettings,
    pub(crate) scheduler: SchedulerSettings,
    pub(crate) telemetry: TelemetrySettings,
    pub(crate) actors: BTreeMap<String, ActorSection>,
}

/// Checks every section, adding what is wrong to `report`, and completes the actors.
///
/// An actor whose schedule cannot be read is missing from the answer; `report` then has the reason.
pub(crate) fn check(sections: &Sections, report: &mut Report<'_>) -> BTreeMap<String, ActorSettings> {
    sections.server.check(report);
    sections.llm.check(report);
    sections.discord.check(report);
    sections.queue.check(report);
    sections.scheduler.check(report);
    sections.telemetry.check(report);
    actor_order::check(&sections.actors, report);
    sections
        .actors
        .iter()
        .filter_map(|(name, section)| Some((name.clone(), section.complete(name, &sections.queue, report)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Sections;
    use crate::field_names::field_names;
    use crate::keys;

    #[test]
    fn every_section_of_the_file_has_its_keys_listed() {
        let mut listed = keys::sections().map(|(section, _)| section).to_vec();
        listed.push("actors");
        assert_eq!(listed, field_names::<Sections>());
        assert!(keys::sections().iter().all(|(_, keys)| !keys.is_empty()));
    }
}
