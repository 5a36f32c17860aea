//! Finding the settings file and turning it and the environment into settings.

use std::fs;
use std::path::{Path, PathBuf};

use botticelli_toml_document::read;
use serde::Deserialize;
use toml::Table;

use crate::document::Document;
use crate::embedded;
use crate::environment::Environment;
use crate::origin::Origin;
use crate::problem::{Place, Report, SettingsProblem};
use crate::sections::{self, Sections};
use crate::settings::Settings;
use crate::settings_error::SettingsError;

/// Where a settings file is looked for in the working directory, in this order.
const PLACES: [&str; 4] = [
    "botticelli.toml",
    "config/botticelli.toml",
    "actor_server.toml",
    "config/actor_server.toml",
];

/// What problems call the embedded settings.
const EMBEDDED_PATH: &str = "embedded config/botticelli.toml";

/// Loads settings as seen from `working_directory`.
pub(crate) fn load(
    working_directory: &Path,
    path: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let (origin, document) = open(working_directory, path)?;
    // Read once as it stands, so that a mistake in the file is shown with its place in the file.
    let _: Sections = read(&document.path, &document.text)?;
    let table: Table = read(&document.path, &document.text)?;

    let environment = Environment::new(variables);
    let overlay = environment.overlay(table, working_directory)?;
    let mut sections: Sections = Sections::deserialize(overlay.table).map_err(|error| SettingsError::Invalid {
        problems: vec![SettingsProblem {
            place: Place::File(document.location(&[])),
            key: None,
            text: error.message().to_owned(),
        }],
    })?;
    sections.discord.token = environment.discord_token();
    sections.llm.api_key = environment.llm_api_key();

    let mut report = Report::new(&document, &overlay.overridden);
    let actors = sections::check(&sections, &mut report);
    let mut problems = overlay.problems;
    problems.extend(report.into_problems());
    if problems.is_empty() {
        Ok(Settings::new(sections, actors, origin, working_directory.to_owned()))
    } else {
        Err(SettingsError::Invalid { problems })
    }
}

fn open(working_directory: &Path, path: Option<&Path>) -> Result<(Origin, Document), SettingsError> {
    let found = match path {
        Some(path) => Some(working_directory.join(path)),
        None => PLACES
            .iter()
            .map(|place| working_directory.join(place))
            .find(|path| path.is_file()),
    };
    match found {
        Some(path) => read_document(path),
        None => Ok((
            Origin::Embedded,
            Document {
                path: EMBEDDED_PATH.to_owned(),
                text: embedded::SETTINGS.to_owned(),
            },
        )),
    }
}

fn read_document(path: PathBuf) -> Result<(Origin, Document), SettingsError> {
    let shown = path.display().to_string();
    match fs::read_to_string(&path) {
        Ok(text) => Ok((Origin::File(path), Document { path: shown, text })),
        Err(source) => Err(SettingsError::Read { path: shown, source }),
    }
}
