//! `botticelli narrative`.

mod check;
mod diff;
mod dry;
mod placeholder;
mod purse;
mod remarks;
mod reports;
mod run;
mod test;

use std::{
    collections::{BTreeMap, HashMap},
    io::{Write, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use botticelli_lifecycle::Ending;
use botticelli_narrative::{Diagnostic, NarrativeFile, Report, Severity, Surroundings};
use botticelli_settings::Settings;
use botticelli_workers::{NarrativeFiles, PlatformCommands};
use clap::{Args, Subcommand};

use crate::Place;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check narrative files: keys, references, templates, ranges, commands, and tables where a database is at hand
    Check(check::Arguments),
    /// Print the JSON schema of narrative files, for editors
    Schema,
    /// Run a narrative and print each act's reply as it comes; nothing is stored
    Run(Box<run::Arguments>),
    /// Run tests of narratives, from recordings or with the configured models
    Test(test::Arguments),
    /// Compare two versions of a narrative file by what models see of them
    Diff(diff::Arguments),
}

pub(crate) async fn run(command: Command, environment: HashMap<String, String>) -> Result<Ending> {
    match command {
        Command::Check(arguments) => check::run(arguments, environment).await,
        Command::Run(arguments) => run::run(*arguments, environment).await,
        Command::Test(arguments) => test::run(arguments, environment).await,
        Command::Diff(arguments) => diff::run(&arguments, &environment),
        Command::Schema => {
            writeln!(stdout(), "{:#}", botticelli_narrative::json_schema())?;
            Ok(Ending::Clean)
        }
    }
}

/// What narratives may refer to.
#[derive(Debug, Clone, Args)]
struct Reach {
    /// Directory in which files that narratives bring are looked for, besides their own; `[narratives] root` unless given
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Variable of the environment that narratives may use, besides those of `[narratives] env`; may be given several times
    #[arg(long = "env", value_name = "NAME")]
    variables: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// What narratives may refer to, looked up.
struct Surround {
    settings: Settings,
    root: Option<PathBuf>,
    environment: BTreeMap<String, Option<String>>,
}

/// A narrative file and what is to be said about it.
struct Examined {
    /// As it was given.
    path: PathBuf,
    text: String,
    report: Report,
    files: NarrativeFiles,
}

impl Reach {
    fn look(&self, environment: &HashMap<String, String>) -> Result<Surround> {
        let settings = self.place.arguments().settings(environment.clone())?;
        let configured = settings.narratives.root.as_ref().map(|root| settings.resolve(root));
        let mut variables = settings.narratives.environment().clone();
        let given = self.variables.iter();
        variables.extend(given.map(|name| (name.clone(), environment.get(name).cloned())));
        Ok(Surround {
            root: self.root.clone().or(configured),
            environment: variables,
            settings,
        })
    }
}

impl Surround {
    /// Reads and checks a narrative file.
    fn examine(&self, path: &Path) -> Result<Examined> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("narrative file `{shown}` cannot be read"))?;
        let files = NarrativeFiles::of(path, self.root.as_deref())?;
        let surroundings = Surroundings {
            files: Some(&files),
            commands: Some(&PlatformCommands),
            environment: Some(&self.environment),
        };
        Ok(Examined {
            path: path.to_owned(),
            report: botticelli_narrative::check(&shown, &text, &surroundings),
            text,
            files,
        })
    }

    /// The narratives of a file that may have no mistake.
    fn open(&self, path: &Path) -> Result<NarrativeFile> {
        let Report { diagnostics, file, .. } = self.examine(path)?.report;
        match file {
            Some(file) => Ok(file),
            None => bail!("{}", errors(&diagnostics)),
        }
    }

    /// The variables of the environment that narratives may use and that are set.
    fn variables(&self) -> BTreeMap<String, String> {
        let set = self.environment.iter();
        set.filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect()
    }
}

/// Every error, one in a line.
fn errors(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
