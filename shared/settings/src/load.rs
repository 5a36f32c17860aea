//! Finding the settings file and turning it and the environment into settings.

use std::fs;
use std::path::{Path, PathBuf};

use botticelli_toml_document::{Reading, TomlError, mistakes};
use serde::Deserialize;

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
    let Reading { mistakes, rest } = mistakes::<Sections>(&document.path, &document.text);
    let wrong: Vec<String> = mistakes.iter().map(TomlError::key).collect();
    let mut problems: Vec<SettingsProblem> = mistakes.into_iter().map(SettingsProblem::from).collect();
    let Some(rest) = rest else {
        return Err(SettingsError::Invalid { problems });
    };

    let environment = Environment::new(variables);
    let overlay = environment.overlay(rest, working_directory);
    let mut sections: Sections = Sections::deserialize(overlay.table).map_err(|error| SettingsError::Invalid {
        problems: vec![SettingsProblem {
            place: Place::File(document.location(&[])),
            key: None,
            text: error.message().to_owned(),
        }],
    })?;
    sections.discord.token = environment.discord_token();
    sections.llm.api_key = environment.llm_api_key();
    sections.llm.server_key = environment.llm_server_key();
    for (name, provider) in &mut sections.providers {
        provider.api_key = environment.api_key_of(name);
        if let Some(file) = environment.api_key_file_of(name) {
            provider.api_key_file = Some(file);
        }
    }
    let variables = sections.narratives.env.iter();
    sections.narratives.environment = variables.map(|name| (name.clone(), environment.value(name))).collect();

    let mut report = Report::new(&document, &overlay.overridden);
    let actors = sections::check(&sections, &mut report);
    problems.extend(overlay.problems);
    problems.extend(
        report
            .into_problems()
            .into_iter()
            .filter(|problem| !follows(problem, &wrong)),
    );
    problems.sort_by_key(|problem| problem.place.order());
    if problems.is_empty() {
        Ok(Settings::new(sections, actors, origin, working_directory.to_owned()))
    } else {
        Err(SettingsError::Invalid { problems })
    }
}

/// Whether it is a problem only because an entry of that name was left out.
fn follows(problem: &SettingsProblem, left_out: &[String]) -> bool {
    let key = problem.key.as_deref().unwrap_or_default();
    left_out.iter().any(|gone| {
        key.strip_prefix(gone.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
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
