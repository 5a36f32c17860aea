//! The keys that settings have, and the environment variable of each.

use std::collections::BTreeMap;

use crate::field_names::field_names;
use crate::sections::{
    ActorSection, ApiSettings, BudgetSettings, DiscordSettings, LlmSettings, NarrativesSettings, PriceSettings,
    ProviderSettings, QueueSettings, SchedulerSettings, ServerSettings, TelemetrySettings,
};

/// The prefix of every variable that sets a key.
pub(crate) const PREFIX: &str = "BOTTICELLI_";

/// Where a key stands: `["queue", "lease"]` or `["actors", "posting", "schedule"]`.
pub(crate) type KeyPath = Vec<String>;

/// The sections that are not per actor, with their keys.
pub(crate) fn sections() -> [(&'static str, &'static [&'static str]); 8] {
    [
        ("server", field_names::<ServerSettings>()),
        ("api", field_names::<ApiSettings>()),
        ("llm", field_names::<LlmSettings>()),
        ("narratives", field_names::<NarrativesSettings>()),
        ("discord", field_names::<DiscordSettings>()),
        ("queue", field_names::<QueueSettings>()),
        ("scheduler", field_names::<SchedulerSettings>()),
        ("telemetry", field_names::<TelemetrySettings>()),
    ]
}

/// The keys of an `[actors.NAME]` section.
pub(crate) fn actor_keys() -> &'static [&'static str] {
    field_names::<ActorSection>()
}

/// The tables of named entries beside the actors, with the keys of an entry. No variable sets one.
pub(crate) fn named() -> [(&'static str, &'static [&'static str]); 3] {
    [
        ("providers", field_names::<ProviderSettings>()),
        ("prices", field_names::<PriceSettings>()),
        ("budgets", field_names::<BudgetSettings>()),
    ]
}

/// Every variable that sets a key, given the names of the configured actors.
///
/// A variable has two paths when the names of two actors differ only in `-` and `_`.
pub(crate) fn variables<'a>(actors: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Vec<KeyPath>> {
    let mut variables = BTreeMap::<String, Vec<KeyPath>>::new();
    let mut add = |path: KeyPath| {
        let name = path.join("_").to_uppercase().replace('-', "_");
        variables.entry(format!("{PREFIX}{name}")).or_default().push(path);
    };
    for (section, keys) in sections() {
        for key in keys {
            add(vec![section.to_owned(), (*key).to_owned()]);
        }
    }
    for actor in actors {
        for key in actor_keys() {
            add(vec!["actors".to_owned(), actor.to_owned(), (*key).to_owned()]);
        }
    }
    variables
}
