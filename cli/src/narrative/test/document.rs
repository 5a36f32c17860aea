//! Files of tests, as they are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use botticelli_narrative::{JsonPath, ModelChoice};
use botticelli_toml_document::{Location, Reading, read_all};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

use super::expectation::{Check, Expectation};

/// How alike a text must be that an expectation compares, unless it says so: 0 to 1.
const SIMILARITY: f64 = 0.8;
/// The score that a judge must give at least, unless an expectation says so.
const SCORE: i64 = 7;

/// One test, checked.
pub(super) struct Test {
    /// The file that it stands in, as it was given.
    pub(super) file: PathBuf,
    pub(super) name: String,
    /// The narrative's file.
    pub(super) narrative: PathBuf,
    pub(super) narrative_name: Option<String>,
    /// The recording that answers; `None` for the configured models.
    pub(super) replay: Option<PathBuf>,
    pub(super) args: Map<String, Value>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) tables: BTreeMap<String, Vec<Map<String, Value>>>,
    pub(super) commands: BTreeMap<String, Value>,
    pub(super) state: BTreeMap<String, Value>,
    pub(super) iterations: Option<u32>,
    pub(super) seed: Option<u64>,
    /// What the failure of the run must say; `None` for a run that must not fail.
    pub(super) fails: Option<String>,
    pub(super) expectations: Vec<Expectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    narrative: Option<PathBuf>,
    narrative_name: Option<String>,
    replay: Option<PathBuf>,
    #[serde(default)]
    test: Vec<TestEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestEntry {
    name: Spanned<String>,
    narrative: Option<PathBuf>,
    narrative_name: Option<String>,
    replay: Option<PathBuf>,
    #[serde(default)]
    args: BTreeMap<String, toml::Value>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    tables: BTreeMap<String, Vec<BTreeMap<String, toml::Value>>>,
    #[serde(default)]
    commands: BTreeMap<String, toml::Value>,
    #[serde(default)]
    state: BTreeMap<String, toml::Value>,
    iterations: Option<Spanned<u32>>,
    seed: Option<u64>,
    fails: Option<String>,
    #[serde(default)]
    expect: Vec<Spanned<ExpectEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectEntry {
    act: Option<String>,
    contains: Option<toml::Value>,
    not_contains: Option<toml::Value>,
    matches: Option<Spanned<String>>,
    min_chars: Option<usize>,
    max_chars: Option<usize>,
    json_path: Option<Spanned<String>>,
    equals: Option<toml::Value>,
    schema: Option<toml::Value>,
    similar_to: Option<String>,
    similarity: Option<f64>,
    judge: Option<JudgeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgeEntry {
    prompt: String,
    model: Option<String>,
    provider: Option<String>,
    at_least: Option<i64>,
}

/// Reads the tests of a file.
///
/// # Errors
///
/// Everything that is wrong in it, one in a line.
pub(super) fn read(file: &Path) -> Result<Vec<Test>> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("test file `{path}` cannot be read"))?;
    let Reading { mistakes, rest } = read_all::<Document>(&path, &text);
    let mut wrong: Vec<(usize, String)> = mistakes
        .iter()
        .map(|mistake| (mistake.location().line, mistake.to_string()))
        .collect();
    let mut page = Page {
        path: &path,
        text: &text,
        wrong: Vec::new(),
    };
    let tests = rest.map(|document| page.tests(file, document)).unwrap_or_default();
    wrong.extend(page.wrong);
    wrong.sort_by_key(|(line, _)| *line);
    if !wrong.is_empty() {
        let lines: Vec<String> = wrong.into_iter().map(|(_, message)| message).collect();
        bail!("{}", lines.join("\n"));
    }
    if tests.is_empty() {
        bail!("test file `{path}` has no test; write `[[test]]`");
    }
    Ok(tests)
}

/// The file that is being read, and what is wrong in it with the line.
struct Page<'a> {
    path: &'a str,
    text: &'a str,
    wrong: Vec<(usize, String)>,
}

impl Page<'_> {
    fn refuse(&mut self, offset: usize, message: &str) {
        let location = Location::of(self.path, self.text, offset);
        self.wrong.push((location.line, format!("{location}: {message}")));
    }

    fn tests(&mut self, file: &Path, document: Document) -> Vec<Test> {
        let beside = file.parent().unwrap_or(Path::new(""));
        let mut names = BTreeSet::new();
        let mut tests = Vec::new();
        for entry in document.test {
            let place = entry.name.span().start;
            let name = entry.name.into_inner();
            if name.trim().is_empty() {
                self.refuse(place, "the name of a test is blank");
            }
            if !names.insert(name.clone()) {
                self.refuse(place, &format!("there are two tests `{name}`; give each its own name"));
            }
            let Some(narrative) = entry.narrative.or_else(|| document.narrative.clone()) else {
                self.refuse(
                    place,
                    &format!("test `{name}` has no `narrative`; write its file here or at the top"),
                );
                continue;
            };
            if let Some(iterations) = &entry.iterations
                && !(1..=1000).contains(iterations.get_ref())
            {
                self.refuse(iterations.span().start, "`iterations` is a number from 1 to 1000");
            }
            if entry.fails.is_some() && !entry.expect.is_empty() {
                self.refuse(place, "a run that fails has no reply; leave `expect` or `fails` out");
            }
            let expectations = entry.expect.into_iter();
            let replay = entry.replay.or_else(|| document.replay.clone());
            tests.push(Test {
                file: file.to_owned(),
                name,
                narrative: beside.join(narrative),
                narrative_name: entry.narrative_name.or_else(|| document.narrative_name.clone()),
                replay: replay.map(|replay| beside.join(replay)),
                args: entry.args.into_iter().map(json_pair).collect(),
                environment: entry.env,
                tables: entry
                    .tables
                    .into_iter()
                    .map(|(name, rows)| {
                        let rows = rows.into_iter().map(|row| row.into_iter().map(json_pair).collect());
                        (name, rows.collect())
                    })
                    .collect(),
                commands: entry.commands.into_iter().map(json_pair).collect(),
                state: entry.state.into_iter().map(json_pair).collect(),
                iterations: entry.iterations.map(Spanned::into_inner),
                seed: entry.seed,
                fails: entry.fails,
                expectations: expectations.map(|entry| self.expectation(entry)).collect(),
            });
        }
        tests
    }

    fn expectation(&mut self, entry: Spanned<ExpectEntry>) -> Expectation {
        let place = entry.span().start;
        let entry = entry.into_inner();
        let mut checks = Vec::new();
        let mistakes = self.wrong.len();
        for (written, is_there) in [(entry.contains, true), (entry.not_contains, false)] {
            for text in self.texts(place, written) {
                checks.push(if is_there {
                    Check::Contains(text)
                } else {
                    Check::Lacks(text)
                });
            }
        }
        if let Some(pattern) = entry.matches {
            match Regex::new(pattern.get_ref()) {
                Ok(regex) => checks.push(Check::Matches(regex)),
                Err(error) => {
                    let message = format!("`matches` is no regular expression: {}", last_line(&error.to_string()));
                    self.refuse(pattern.span().start, &message);
                }
            }
        }
        checks.extend(entry.min_chars.map(Check::AtLeast));
        checks.extend(entry.max_chars.map(Check::AtMost));
        match (entry.json_path, entry.equals) {
            (Some(path), equals) => match JsonPath::parse(path.get_ref()) {
                Some(steps) => checks.push(Check::Part(steps, equals.map(json_of))),
                None => self.refuse(
                    path.span().start,
                    &format!(
                        "`{}` is not a path; write `$` or such as `$.items[0].id`",
                        path.get_ref()
                    ),
                ),
            },
            (None, Some(equals)) => checks.push(Check::Is(json_of(equals))),
            (None, None) => {}
        }
        match entry.schema {
            None => {}
            Some(toml::Value::String(word)) if word == "valid" => checks.push(Check::OwnSchema),
            Some(table @ toml::Value::Table(_)) => match jsonschema::validator_for(&json_of(table)) {
                Ok(validator) => checks.push(Check::Schema(Box::new(validator))),
                Err(error) => self.refuse(place, &format!("`schema` is no JSON schema: {error}")),
            },
            Some(_) => self.refuse(
                place,
                "`schema` is \"valid\", for the act's own schema, or a JSON schema as a table",
            ),
        }
        match (entry.similar_to, entry.similarity) {
            (Some(text), share) if (0.0..=1.0).contains(&share.unwrap_or(SIMILARITY)) => {
                checks.push(Check::Similar(text, share.unwrap_or(SIMILARITY)));
            }
            (Some(_), _) => self.refuse(place, "`similarity` is a number from 0 to 1"),
            (None, Some(_)) => self.refuse(place, "`similarity` belongs to `similar_to`"),
            (None, None) => {}
        }
        if let Some(judge) = entry.judge {
            let at_least = judge.at_least.unwrap_or(SCORE);
            if !(1..=10).contains(&at_least) {
                self.refuse(place, "`at_least` of a judge is a score from 1 to 10");
            }
            checks.push(Check::Judge {
                prompt: judge.prompt,
                choice: ModelChoice {
                    provider: judge.provider,
                    model: judge.model,
                },
                at_least,
            });
        }
        if checks.is_empty() && self.wrong.len() == mistakes {
            self.refuse(place, "nothing is expected here; write such as `contains = \"…\"`");
        }
        Expectation { act: entry.act, checks }
    }

    /// One text or a list of them.
    fn texts(&mut self, place: usize, written: Option<toml::Value>) -> Vec<String> {
        let values = match written {
            None => return Vec::new(),
            Some(toml::Value::Array(values)) => values,
            Some(value) => vec![value],
        };
        let mut texts = Vec::new();
        for value in values {
            match value {
                toml::Value::String(text) if !text.is_empty() => texts.push(text),
                _ => self.refuse(
                    place,
                    "`contains` and `not_contains` are texts or lists of texts, none of them empty",
                ),
            }
        }
        texts
    }
}

fn json_pair((key, value): (String, toml::Value)) -> (String, Value) {
    (key, json_of(value))
}

fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(truth) => Value::from(truth),
        toml::Value::Datetime(moment) => Value::from(moment.to_string()),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Table(fields) => fields.into_iter().map(json_pair).collect(),
    }
}

/// A regular expression's error draws the pattern first.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}
