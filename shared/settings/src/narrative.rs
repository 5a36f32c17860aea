//! Reading the narrative that an actor runs.

use std::fs;
use std::path::Path;

use crate::embedded;
use crate::origin::Origin;
use crate::sections::ActorSettings;
use crate::settings::Settings;
use crate::settings_error::SettingsError;

impl Settings {
    /// Reads the narrative of `actor`: its path for people, and its text.
    ///
    /// A relative path is looked for as [`Settings::candidates`] says. The narratives compiled in are used only when the
    /// settings are the embedded defaults too, so that a file which is missing next to your settings is noticed.
    ///
    /// # Errors
    ///
    /// [`SettingsError::NarrativeMissing`] with the places that were tried, and [`SettingsError::NarrativeUnreadable`].
    pub fn read_narrative(&self, actor: &ActorSettings) -> Result<(String, String), SettingsError> {
        if let (Origin::Embedded, Some(text)) = (self.origin(), embedded::narrative(&actor.narrative)) {
            return Ok((format!("embedded {}", actor.narrative), text.to_owned()));
        }
        let candidates = self.candidates(Path::new(&actor.narrative));
        let Some(path) = candidates.iter().find(|path| path.exists()) else {
            return Err(SettingsError::NarrativeMissing {
                actor: actor.name.clone(),
                narrative: actor.narrative.clone(),
                tried: candidates.iter().map(|path| path.display().to_string()).collect(),
            });
        };
        let shown = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Ok((shown, text)),
            Err(source) => Err(SettingsError::NarrativeUnreadable {
                actor: actor.name.clone(),
                path: shown,
                source,
            }),
        }
    }
}
