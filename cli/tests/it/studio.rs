//! A place where narratives are written: files, and the program run on them.

use std::{fs, path::PathBuf, process::Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::stage::command;

/// A directory with files of a writer.
pub(crate) struct Studio {
    pub(crate) home: TempDir,
    /// Where the database is, if there is one.
    database_url: Option<String>,
}

/// What the program printed, with the directory written as `~`.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What was printed, if the program ended with `code`.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Studio {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let studio = Self {
            home: tempfile::tempdir().unwrap(),
            database_url: None,
        };
        for (name, content) in files {
            studio.write(name, content);
        }
        studio
    }

    pub(crate) fn on(mut self, database_url: &str) -> Self {
        self.database_url = Some(database_url.to_owned());
        self
    }

    /// A model that says the lines one after the other.
    pub(crate) fn saying(self, lines: &[&str]) -> Self {
        self.write("script.txt", &lines.join("\n"));
        self.write(
            "botticelli.toml",
            "[llm]\nbackend = \"scripted\"\nscript = \"script.txt\"\n",
        );
        self
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `botticelli narrative …` in the directory.
    pub(crate) async fn narrative(&self, args: &[&str]) -> Said {
        self.narrative_with(args, &[]).await
    }

    /// The same with variables of the environment.
    pub(crate) async fn narrative_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        self.run(&[&["narrative"], args].concat(), variables).await
    }

    pub(crate) async fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = command(PathBuf::from(env!("CARGO_BIN_EXE_botticelli")));
        command
            .current_dir(self.home.path())
            .env("BOTTICELLI_DATA_DIR", self.path("data"))
            .envs(self.database_url.as_ref().map(|url| ("DATABASE_URL", url)))
            .envs(variables.iter().copied())
            .args(args);
        let Output { stdout, stderr, status } = command.output().await.unwrap();
        let shown = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&self.home.path().display().to_string(), "~")
        };
        Said {
            stdout: shown(stdout),
            stderr: shown(stderr),
            code: status.code(),
        }
    }
}
