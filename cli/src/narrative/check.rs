//! `botticelli narrative check`.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::{IsTerminal, Write, stderr, stdout},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use botticelli_content::{QueryPart, ReadableTables};
use botticelli_lifecycle::Ending;
use botticelli_llm::Providers;
use botticelli_narrative::{AskedTable, Diagnostic, Files, Needs, Place, Severity};
use botticelli_settings::Origin;
use botticelli_workers::{check_models, models_to_look_at};
use clap::Args;
use serde_json::to_string_pretty;
use sqlx::PgPool;
use toml::{Table, Value};

use super::{
    Examined, Reach, Surround,
    remarks::{self, Count, Remark, plural},
};
use crate::{AlreadySaid, target};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Narrative files, and directories of which every *.toml that holds narratives is checked
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the remarks as JSON: a list of {file, line, column, severity, code, message, help}
    #[arg(long)]
    json: bool,
    /// Let warnings count as errors
    #[arg(long)]
    deny_warnings: bool,
    /// Look at no database, also where one is configured
    #[arg(long)]
    no_database: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Everything that was looked at.
struct Findings {
    /// Who serves which models.
    models: Providers,
    remarks: Vec<Remark>,
    files: usize,
    narratives: usize,
    /// Files of directories that hold no narrative.
    passed_over: usize,
    /// Why the database that is configured does not answer.
    unreachable: Option<String>,
}

pub(super) async fn run(arguments: Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let surround = arguments.reach.look(&environment)?;
    let is_colored = stderr().is_terminal() && environment.get("NO_COLOR").is_none_or(String::is_empty);
    // Without a database tables are not looked at, as on a machine where narratives are only written.
    let (mut pool, mut unreachable) = (None, None);
    if !arguments.no_database
        && let Ok(data_dir) = arguments.reach.place.arguments().data_dir(&environment)
    {
        match target::migrated_pool_of(&surround.settings, &data_dir).await {
            Ok(found) => pool = Some(found),
            Err(error) => {
                let is_configured = surround.settings.server.database_url.is_some();
                unreachable = is_configured.then(|| format!("{error:#}"));
            }
        }
    }
    let mut findings = Findings {
        models: models_to_look_at(&surround.settings)?,
        remarks: Vec::new(),
        files: 0,
        narratives: 0,
        passed_over: 0,
        unreachable,
    };
    for path in &arguments.paths {
        findings.look_at(path, &surround, pool.as_ref()).await;
    }
    let mut seen = BTreeSet::new();
    findings.remarks.retain(|remark| seen.insert(identity(remark)));

    let count = Count::of(&findings.remarks);
    let is_wrong = count.errors > 0 || (arguments.deny_warnings && count.warnings > 0);
    if arguments.json {
        writeln!(stdout(), "{}", to_string_pretty(&remarks::json(&findings.remarks))?)?;
    } else {
        remarks::write(&findings.remarks, &mut stderr().lock(), is_colored)?;
        let summary = findings.summary(count);
        if is_wrong {
            writeln!(stderr(), "{summary}")?;
        } else {
            writeln!(stdout(), "{summary}")?;
        }
    }
    if is_wrong {
        return Err(AlreadySaid.into());
    }
    Ok(Ending::Clean)
}

/// What tells a remark from others: a file may be looked at by itself, and for others that play its narratives.
fn identity(remark: &Remark) -> (PathBuf, usize, usize, String) {
    let Diagnostic { place, message, .. } = &remark.diagnostic;
    let path = fs::canonicalize(&remark.file).unwrap_or_else(|_| PathBuf::from(&remark.file));
    (path, place.span.start, place.span.end, message.clone())
}

impl Findings {
    fn summary(&self, count: Count) -> String {
        let passed_over = match self.passed_over {
            0 => String::new(),
            number => format!(" ({} without narratives)", plural(number, "other file")),
        };
        format!(
            "{}, {}{passed_over}: {}",
            plural(self.files, "file"),
            plural(self.narratives, "narrative"),
            count.in_words()
        )
    }

    async fn look_at(&mut self, path: &Path, surround: &Surround, pool: Option<&PgPool>) {
        if !path.is_dir() {
            self.look_at_file(path, surround, pool).await;
            return;
        }
        let mut found = Vec::new();
        if let Err(error) = documents_below(path, &mut BTreeSet::new(), &mut found) {
            self.unreadable(path, &error.to_string());
        }
        let before = self.files;
        for file in found {
            if holds_narratives(&file) {
                self.look_at_file(&file, surround, pool).await;
            } else {
                self.passed_over += 1;
            }
        }
        if self.files == before {
            let message = format!("there is no narrative file in directory `{}`", path.display());
            self.remarks.push(without_text(path, "no-narratives", message));
        }
    }

    async fn look_at_file(&mut self, path: &Path, surround: &Surround, pool: Option<&PgPool>) {
        self.files += 1;
        let examined = match surround.examine(path) {
            Ok(examined) => examined,
            Err(error) => {
                let message = format!("{error:#}");
                self.remarks.push(without_text(path, "unreadable", message));
                return;
            }
        };
        let file = examined.report.file.as_ref();
        self.narratives += file.map_or_else(|| narratives_in(&examined.text), |file| file.names().count());
        let needs = &examined.report.needs;
        let mut found = of_models(needs, surround, &self.models);
        if let Some(pool) = pool {
            let names = &surround.settings.narratives.readable_tables;
            let readable = ReadableTables::named(names.iter().map(String::as_str)).unwrap_or_default();
            for asked in &needs.tables {
                found.extend(of_table(asked, pool, &readable).await);
            }
        }
        if let (Some(reason), Some(first)) = (&self.unreachable, needs.tables.first()) {
            found.push(Diagnostic {
                place: first.place.clone(),
                severity: Severity::Warning,
                code: "table",
                message: "tables are not looked at, because the database that is configured cannot be used".to_owned(),
                help: Some(format!("{reason}; leave it out with `--no-database`")),
            });
        }
        found.extend(examined.report.diagnostics.clone());
        // In the order of the file; what was found in others comes last.
        let own = &*examined.path.display().to_string();
        found.sort_by_cached_key(|diagnostic| {
            let Place { path, span, .. } = &diagnostic.place;
            (&**path != own, Arc::clone(path), span.start)
        });
        self.add(&examined, surround, found);
    }

    fn add(&mut self, examined: &Examined, surround: &Surround, diagnostics: Vec<Diagnostic>) {
        let own = examined.path.display().to_string();
        let text: Arc<str> = Arc::from(examined.text.as_str());
        for diagnostic in diagnostics {
            let name = &*diagnostic.place.path;
            let (file, text) = if name == own {
                (own.clone(), Some(Arc::clone(&text)))
            } else {
                // Another file goes by the name that this one calls it.
                let beside = examined.path.parent().unwrap_or(Path::new("")).join(name);
                let below = surround.root.as_ref().map(|root| root.join(name));
                let file = below.filter(|_| !beside.exists()).unwrap_or(beside);
                let text = examined.files.text(name).ok().map(Arc::from);
                (file.display().to_string(), text)
            };
            self.remarks.push(Remark { file, text, diagnostic });
        }
    }

    fn unreadable(&mut self, path: &Path, reason: &str) {
        let message = format!("directory `{}` cannot be read: {reason}", path.display());
        self.remarks.push(without_text(path, "unreadable", message));
    }
}

fn without_text(path: &Path, code: &'static str, message: String) -> Remark {
    let file = path.display().to_string();
    Remark {
        diagnostic: Diagnostic {
            place: Place {
                path: Arc::from(file.as_str()),
                span: 0..0,
                line: 1,
                column: 1,
            },
            severity: Severity::Error,
            code,
            message,
            help: None,
        },
        file,
        text: None,
    }
}

/// Adds the *.toml files below `directory` in the order of their names. Links are followed, each directory is entered once, and
/// what is hidden is left out: Kubernetes mounts files twice, once below such a name.
fn documents_below(directory: &Path, entered: &mut BTreeSet<PathBuf>, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !entered.insert(fs::canonicalize(directory)?) {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            documents_below(&path, entered, found)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file of a directory is one of narratives: it has a part that only those have, or cannot be read, so that nobody can
/// tell.
fn holds_narratives(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else {
        return true;
    };
    let Ok(document) = text.parse::<Table>() else {
        return true;
    };
    let parts = ["narrative", "narratives", "acts", "toc"];
    // A test of narratives names one where they have a table.
    document.get("narrative").is_some_and(Value::is_table) || parts[1..].iter().any(|part| document.contains_key(*part))
}

/// How many narratives a file has that cannot be played.
fn narratives_in(text: &str) -> usize {
    let Ok(document) = text.parse::<Table>() else { return 0 };
    let of = |key: &str| document.get(key).and_then(Value::as_table);
    let named = of("narratives").map_or(0, Table::len);
    let own = of("narrative").map_or(0, |heads| {
        let is_single = heads.get("name").is_some_and(Value::is_str);
        if is_single { 1 } else { heads.len() }
    });
    own + named
}

/// What is wrong with the models that narratives ask. Without settings of a fleet nobody knows which models it has.
fn of_models(needs: &Needs, surround: &Surround, models: &Providers) -> Vec<Diagnostic> {
    let mut wrong = check_models(needs, models);
    if matches!(surround.settings.origin(), Origin::Embedded) {
        for remark in &mut wrong {
            remark.severity = Severity::Warning;
            remark.help = Some("these are the settings that are compiled in; name yours with `--config`".to_owned());
        }
    }
    wrong
}

/// What is wrong with a read of a table, as the tables are now.
async fn of_table(asked: &AskedTable, pool: &PgPool, readable: &ReadableTables) -> Vec<Diagnostic> {
    let AskedTable { query, .. } = asked;
    let remark = |place: &Place, severity, message, help: Option<&str>| Diagnostic {
        place: place.clone(),
        severity,
        code: "table",
        message,
        help: help.map(str::to_owned),
    };
    let mistakes = match botticelli_content::check(pool, query, readable).await {
        Ok(mistakes) => mistakes,
        Err(error) => {
            let message = format!("table `{}` could not be looked at: {error}", query.table);
            return vec![remark(&asked.place, Severity::Warning, message, None)];
        }
    };
    let remarks = mistakes.into_iter().map(|mistake| {
        // The target of a narrative comes about with its first output, in the narratives' own schema.
        if mistake.part == QueryPart::Table && !query.table.contains('.') {
            let help = "this is right when a narrative stores its first output there later";
            return remark(&asked.place, Severity::Warning, mistake.detail, Some(help));
        }
        remark(place_of(asked, &mistake.part), Severity::Error, mistake.detail, None)
    });
    remarks.collect()
}

/// Where a part of a read is written.
fn place_of<'a>(asked: &'a AskedTable, part: &QueryPart) -> &'a Place {
    let written = match part {
        QueryPart::Table => None,
        QueryPart::Column(name) => {
            let column = asked.query.columns.iter().position(|column| column == name);
            column.and_then(|column| asked.columns.get(column))
        }
        QueryPart::Filter => asked.filter.as_ref(),
        QueryPart::Order => asked.order_by.as_ref(),
        QueryPart::Limit => asked.limit.as_ref(),
        QueryPart::Pull => asked.pull.as_ref(),
    };
    written.unwrap_or(&asked.place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narratives_are_counted_in_files_that_cannot_be_played() {
        assert_eq!(narratives_in("[narrative]\nname = 'a'\ncarousel = {}"), 1);
        assert_eq!(narratives_in("[narrative.a]\n[narrative.b]\n[narratives.c]"), 3);
        assert_eq!(narratives_in("[acts]"), 0);
        assert_eq!(narratives_in("[acts"), 0);
    }
}
