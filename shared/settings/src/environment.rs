//! Environment variables that override keys of the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use botticelli_toml_document::nearest;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use toml::{Table, Value};

use crate::keys::{self, KeyPath, PREFIX};
use crate::problem::{Place, SettingsProblem};
use crate::secret;
use crate::sections::Sections;
use crate::service_links::remove_service_links;

/// Variables that begin with [`PREFIX`] and are read elsewhere.
const READ_ELSEWHERE: [&str; 3] = ["BOTTICELLI_CONFIG", "BOTTICELLI_DATA_DIR", "BOTTICELLI_MODEL"];
const READ_BY_TESTS: &str = "BOTTICELLI_TEST_";

/// Keys that hold lists and so have no variable.
const LISTS: [&str; 9] = [
    "after",
    "windows",
    "blackouts",
    "env",
    "readable_tables",
    "media_hosts",
    "commands",
    "aliases",
    "limits",
];

/// The variables that are set, without the empty ones and those of Kubernetes services.
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

/// What the environment changed.
#[derive(Default)]
pub(crate) struct Overlay {
    /// The file's tables with the overridden values in place.
    pub(crate) table: Table,
    /// The variable that set a key, where one did.
    pub(crate) overridden: BTreeMap<KeyPath, String>,
    pub(crate) problems: Vec<SettingsProblem>,
}

impl Environment {
    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut variables = variables.into_iter().collect::<BTreeMap<_, _>>();
        remove_service_links(&mut variables);
        variables.retain(|_, value| !value.is_empty());
        Self { variables }
    }

    /// The token of the bot, when it is in the environment itself.
    pub(crate) fn discord_token(&self) -> Option<SecretString> {
        self.secret(&["DISCORD_TOKEN"])
    }

    /// The key of the model service, when it is in the environment itself.
    pub(crate) fn llm_api_key(&self) -> Option<SecretString> {
        self.secret(&["LLM_API_KEY", "OPENAI_API_KEY"])
    }

    /// The key that a served model demands, when it is in the environment itself.
    pub(crate) fn llm_server_key(&self) -> Option<SecretString> {
        // A blank one would be a key that everybody has.
        self.secret(&["LLM_SERVER_KEY"])
            .filter(|key| !key.expose_secret().is_empty())
    }

    /// The key of the provider `name`, when it is in the environment itself.
    pub(crate) fn api_key_of(&self, name: &str) -> Option<SecretString> {
        self.secret(&[&variable_of(name, "API_KEY")])
    }

    /// The file with the key of the provider `name`, when the environment names it.
    pub(crate) fn api_key_file_of(&self, name: &str) -> Option<PathBuf> {
        self.variables
            .get(&variable_of(name, "API_KEY_FILE"))
            .map(PathBuf::from)
    }

    /// The variable `name`, if it is set.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn secret(&self, names: &[&str]) -> Option<SecretString> {
        let value = names.iter().find_map(|&name| self.variables.get(name))?;
        Some(SecretString::from(value.trim()))
    }

    /// Puts the variables' values into `table`, the file's content.
    pub(crate) fn overlay(&self, table: Table, working_directory: &Path) -> Overlay {
        let mut overlay = Overlay {
            table,
            ..Overlay::default()
        };
        self.well_known(&mut overlay, working_directory);
        let actors = actor_names(&overlay.table);
        let known = keys::variables(actors.iter().map(String::as_str));
        for (name, value) in &self.variables {
            if name.starts_with(PREFIX) && !is_read_elsewhere(name) {
                match known.get(name).map(Vec::as_slice) {
                    Some([path]) if !is_list(path) => overlay.set(name, path, value),
                    Some([path]) => {
                        let text = format!("`{}` is a list; set it in the settings file", path.join("."));
                        overlay.refuse(name, text);
                    }
                    Some(paths) => overlay.refuse(name, ambiguous(paths)),
                    None => overlay.refuse(name, unknown(name, known.keys())),
                }
            }
        }
        overlay
    }

    /// The variables that other programs use too.
    fn well_known(&self, overlay: &mut Overlay, working_directory: &Path) {
        for (direct, file) in [
            ("DATABASE_URL", "DATABASE_URL_FILE"),
            ("DISCORD_TOKEN", "DISCORD_TOKEN_FILE"),
            ("LLM_API_KEY", "LLM_API_KEY_FILE"),
            ("LLM_SERVER_KEY", "LLM_SERVER_KEY_FILE"),
        ] {
            if self.variables.contains_key(direct) && self.variables.contains_key(file) {
                overlay.refuse(file, format!("`{direct}` is set too; unset one of them"));
            }
        }
        for (name, section, key) in [
            ("DATABASE_URL", "server", "database_url"),
            ("DISCORD_TOKEN_FILE", "discord", "token_file"),
            ("LLM_API_KEY_FILE", "llm", "api_key_file"),
            ("LLM_SERVER_KEY_FILE", "llm", "server_key_file"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry", "otlp_endpoint"),
        ] {
            if let Some(value) = self.variables.get(name) {
                overlay.set(name, &[section.to_owned(), key.to_owned()], value);
            }
        }
        if let Some(path) = self.variables.get("DATABASE_URL_FILE") {
            let key = ["server".to_owned(), "database_url".to_owned()];
            match secret::read_file("DATABASE_URL_FILE", &working_directory.join(path)) {
                Ok(url) => overlay.set("DATABASE_URL_FILE", &key, url.expose_secret()),
                Err(error) => {
                    let text = error.to_string();
                    let text = text.strip_prefix("`DATABASE_URL_FILE`: ").unwrap_or(&text);
                    overlay.refuse("DATABASE_URL_FILE", text.to_owned());
                }
            }
        }
    }
}

impl Overlay {
    /// Sets `path` to `text` read as the first type that the key accepts: string, integer or boolean.
    fn set(&mut self, variable: &str, path: &[String], text: &str) {
        let integer = text.parse().ok().map(Value::Integer);
        let boolean = text.parse().ok().map(Value::Boolean);
        let candidates = [Some(Value::String(text.to_owned())), integer, boolean];
        let mut refusals = Vec::new();
        for value in candidates.into_iter().flatten() {
            let mut table = self.table.clone();
            insert(&mut table, path, value);
            match Sections::deserialize(table.clone()) {
                Ok(_) => {
                    self.table = table;
                    self.overridden.insert(path.to_vec(), variable.to_owned());
                    return;
                }
                Err(error) => refusals.push(error.message().to_owned()),
            }
        }
        self.problems.push(SettingsProblem {
            place: Place::Variable(variable.to_owned()),
            key: Some(path.join(".")),
            text: most_telling(refusals),
        });
    }

    fn refuse(&mut self, variable: &str, text: String) {
        self.problems.push(SettingsProblem {
            place: Place::Variable(variable.to_owned()),
            key: None,
            text,
        });
    }
}

/// A refusal of the value says more than one of its type, which the file's author chose and the variable's could not.
fn most_telling(refusals: Vec<String>) -> String {
    let of_value = refusals
        .iter()
        .find(|refusal| !refusal.starts_with("invalid type"))
        .cloned();
    of_value.or_else(|| refusals.into_iter().next()).unwrap_or_default()
}

fn variable_of(provider: &str, what: &str) -> String {
    format!("{}_{what}", provider.to_uppercase().replace('-', "_"))
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [section, rest @ ..] => {
            let inner = table
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn actor_names(table: &Table) -> Vec<String> {
    let actors = table.get("actors").and_then(Value::as_table);
    actors
        .map(|actors| actors.keys().cloned().collect())
        .unwrap_or_default()
}

fn is_read_elsewhere(name: &str) -> bool {
    READ_ELSEWHERE.contains(&name) || name.starts_with(READ_BY_TESTS)
}

fn is_list(path: &[String]) -> bool {
    path.last().is_some_and(|key| LISTS.contains(&key.as_str()))
}

fn ambiguous(paths: &[KeyPath]) -> String {
    let keys = paths
        .iter()
        .map(|path| format!("`{}`", path.join(".")))
        .collect::<Vec<_>>();
    format!("it could mean {}; set the key in the settings file", keys.join(" or "))
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    // Without the prefix, which all of them share and which would make any two of them look alike.
    let candidates = known.map(String::as_str).chain(READ_ELSEWHERE).map(without_prefix);
    match nearest(without_prefix(name), candidates) {
        Some(near) => format!("no setting has this name; did you mean `{PREFIX}{near}`?"),
        None => format!(
            "no setting has this name; the names are `{PREFIX}<SECTION>_<KEY>`, such as `{PREFIX}SERVER_API_PORT`"
        ),
    }
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}
