//! Why settings could not be used.

use std::io;

use thiserror::Error;

use crate::problem::SettingsProblem;

/// Why settings could not be used.
///
/// No message contains a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("settings file `{path}` could not be read; check that it exists and that this user may read it")]
    Read {
        /// The file.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Broken TOML, unknown keys, values of the wrong type, or that cannot be used; all of them.
    #[error("{}", listed(.problems))]
    Invalid {
        /// What is wrong: in the file in its order, then in the environment. Never empty.
        problems: Vec<SettingsProblem>,
    },
    /// The file of an actor's narrative is missing.
    #[error("actor `{actor}`: narrative `{narrative}` was not found; tried {}; correct `actors.{actor}.narrative`", in_backticks(.tried))]
    NarrativeMissing {
        /// The actor's name.
        actor: String,
        /// Its `narrative` key.
        narrative: String,
        /// The places where it could have been.
        tried: Vec<String>,
    },
    /// The file of an actor's narrative exists and cannot be read.
    #[error(
        "actor `{actor}`: narrative `{path}` could not be read; check that it is a UTF-8 file that this user may read"
    )]
    NarrativeUnreadable {
        /// The actor's name.
        actor: String,
        /// The file.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A secret's file cannot be read.
    #[error("`{key}`: secret file `{path}` could not be read; check that it exists and that this user may read it")]
    SecretFile {
        /// The key or environment variable that names the file.
        key: String,
        /// The file.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A secret's file holds nothing.
    #[error("`{key}`: secret file `{path}` is empty; write the secret into it")]
    SecretFileEmpty {
        /// The key or environment variable that names the file.
        key: String,
        /// The file.
        path: String,
    },
    /// A secret that is needed is nowhere.
    #[error("{secret} is not set; set `{variable}`, `{variable}_FILE` or `{key}`")]
    SecretMissing {
        /// What it is, for people.
        secret: &'static str,
        /// The environment variable for it.
        variable: &'static str,
        /// The key that names its file.
        key: &'static str,
    },
    /// The effective settings could not be written as TOML.
    #[error("the effective settings could not be written as TOML")]
    Render(#[source] toml::ser::Error),
}

fn listed(problems: &[SettingsProblem]) -> String {
    let lines = problems
        .iter()
        .map(SettingsProblem::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    match problems.len() {
        1 => lines,
        count => format!("{count} problems in the settings\n{lines}"),
    }
}

fn in_backticks(places: &[String]) -> String {
    places
        .iter()
        .map(|place| format!("`{place}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
