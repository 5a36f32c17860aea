//! The sections of the settings file, one per file here.

mod actor;
mod actor_order;
mod api;
mod budget;
mod discord;
mod llm;
mod narratives;
mod price;
mod provider;
mod queue;
mod scheduler;
mod server;
mod telemetry;

use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) use actor::ActorSection;
pub use actor::{ActorKind, ActorSettings, PlatformName};
pub use api::{AnonymousRole, ApiSettings};
pub use budget::{BudgetPeriod, BudgetSettings};
pub use discord::DiscordSettings;
pub use llm::{LlmBackend, LlmSettings};
pub use narratives::NarrativesSettings;
pub use price::PriceSettings;
pub use provider::{LimitSettings, ProviderSettings, ProviderWire};
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
    pub(crate) narratives: NarrativesSettings,
    pub(crate) discord: DiscordSettings,
    pub(crate) queue: QueueSettings,
    pub(crate) scheduler: SchedulerSettings,
    pub(crate) telemetry: TelemetrySettings,
    pub(crate) providers: BTreeMap<String, ProviderSettings>,
    pub(crate) prices: BTreeMap<String, PriceSettings>,
    pub(crate) budgets: BTreeMap<String, BudgetSettings>,
    pub(crate) actors: BTreeMap<String, ActorSection>,
}

/// Checks every section, adding what is wrong to `report`, and completes the actors.
///
/// An actor whose schedule cannot be read is missing from the answer; `report` then has the reason.
pub(crate) fn check(sections: &Sections, report: &mut Report<'_>) -> BTreeMap<String, ActorSettings> {
    sections.server.check(report);
    sections.llm.check(sections.providers.keys(), report);
    sections.narratives.check(report);
    sections.discord.check(report);
    sections.queue.check(report);
    sections.scheduler.check(report);
    sections.telemetry.check(report);
    for (name, provider) in &sections.providers {
        provider.check(name, report);
    }
    for (name, price) in &sections.prices {
        price.check(name, report);
    }
    for (name, budget) in &sections.budgets {
        budget.check(name, sections.actors.keys(), report);
    }
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
        listed.extend(["providers", "prices", "budgets", "actors"]);
        assert_eq!(listed, field_names::<Sections>());
        assert!(keys::sections().iter().all(|(_, keys)| !keys.is_empty()));
    }
}
