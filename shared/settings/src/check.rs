//! What the settings amount to, for a person who asks before starting anything.

use botticelli_schedule::Schedule;

use crate::sections::{ActorKind, PlatformName};
use crate::settings::Settings;
use crate::settings_error::SettingsError;

/// What the settings amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Where the settings came from.
    pub origin: String,
    /// The actors, by name.
    pub actors: Vec<ActorSummary>,
}

/// What one actor does, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorSummary {
    /// The actor's name.
    pub name: String,
    /// What it does.
    pub kind: ActorKind,
    /// Whether it runs at all.
    pub enabled: bool,
    /// When it runs.
    pub schedule: Schedule,
    /// The actors after whose output it runs too.
    pub after: Vec<String>,
    /// Where it posts.
    pub platform: PlatformName,
    /// The file that its narrative was read from; as configured when the actor is disabled.
    pub narrative: String,
    /// The narrative in that file.
    pub narrative_name: String,
}

impl Settings {
    /// Sums up what the settings amount to, after reading the narrative file of every enabled actor.
    ///
    /// The narratives' content is not judged here.
    ///
    /// # Errors
    ///
    /// [`SettingsError::NarrativeMissing`] or [`SettingsError::NarrativeUnreadable`] for the first enabled actor whose
    /// narrative cannot be read.
    pub fn check(&self) -> Result<Summary, SettingsError> {
        let mut actors = Vec::with_capacity(self.actors.len());
        for actor in self.actors.values() {
            let narrative = if actor.enabled {
                self.read_narrative(actor)?.0
            } else {
                actor.narrative.clone()
            };
            actors.push(ActorSummary {
                name: actor.name.clone(),
                kind: actor.kind,
                enabled: actor.enabled,
                schedule: actor.schedule.clone(),
                after: actor.after.clone(),
                platform: actor.platform,
                narrative,
                narrative_name: actor.narrative_name.clone(),
            });
        }
        Ok(Summary {
            origin: self.origin().to_string(),
            actors,
        })
    }
}
