//! What settings promise, one file per promise.

mod actors;
mod effective;
mod environment;
mod finding;
mod narratives;
mod secrets;
mod seed_file;
mod shape;
mod shipped_file;
mod values;

use std::fs;
use std::path::Path;

use botticelli_settings::{Settings, SettingsError};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A working directory of its own, with files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> std::io::Result<Self> {
        tempfile::tempdir().map(Self)
    }

    fn with(self, path: &str, text: &str) -> std::io::Result<Self> {
        let path = self.0.path().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
        Ok(self)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, path: Option<&str>, env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let env = env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Settings::load_in(self.path(), path.map(Path::new), env)
    }

    /// `text` without the path of this folder.
    fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.path().display()), "")
    }
}

/// Loads `text` as `botticelli.toml` with the environment `env`.
fn load(text: &str, env: &[(&str, &str)]) -> Result<Settings, Box<dyn std::error::Error>> {
    Ok(Folder::new()?.with("botticelli.toml", text)?.load(None, env)?)
}

/// The message with which `text` and `env` are refused.
fn refusal(text: &str, env: &[(&str, &str)]) -> Result<String, Box<dyn std::error::Error>> {
    let folder = Folder::new()?.with("botticelli.toml", text)?;
    match folder.load(None, env) {
        Ok(_) => Err("the settings were accepted".into()),
        Err(error) => Ok(folder.relative(&error.to_string())),
    }
}
