//! `botticelli narrative test`.

mod document;
mod expectation;
mod judge;
mod stage;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    io::{IsTerminal, Write, stdout},
    path::PathBuf,
};

use anyhow::{Context, Result, anyhow};
use botticelli_lifecycle::Ending;
use botticelli_narrative::{
    Act, ActRecord, Ledger, Models, Narrative, NarrativeRun, Nothing, PlannedCall, Ports, RunOptions,
};
use botticelli_toml_document::nearest;
use botticelli_workers::{models, prices, timeouts};
use clap::Args;
use serde_json::{Value, json, to_string_pretty};

use self::{
    document::{Test, read},
    expectation::{Check, Expectation, Said},
    stage::Stage,
};
use super::{
    Reach, Surround,
    purse::Purse,
    remarks::{plural, tame},
    reports::{Reports, Showing},
    run::Cast,
};
use crate::{AlreadySaid, table::short};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files of tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Run only tests with this in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Ask the configured models, and write the recordings that the tests replay anew
    #[arg(long)]
    record: bool,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Something that a test found wrong.
struct Failure {
    /// The step that said it, if one did.
    step: Option<String>,
    why: String,
    /// What was said.
    reply: Option<String>,
}

/// What came of a test.
struct Outcome<'t> {
    test: &'t Test,
    failures: Vec<Failure>,
    acts: usize,
    run: NarrativeRun,
}

pub(super) async fn run(arguments: Arguments, environment: HashMap<String, String>) -> Result<Ending> {
    let surround = arguments.reach.look(&environment)?;
    let (mut tests, mut wrong) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        match read(file) {
            Ok(found) => tests.extend(found),
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    if !wrong.is_empty() {
        return Err(anyhow!(wrong.join("\n")));
    }
    if let Some(only) = &arguments.only {
        tests.retain(|test| test.name.contains(only.as_str()));
        if tests.is_empty() {
            return Err(anyhow!("no test has `{only}` in its name"));
        }
    }
    let casts = Casts::open(&arguments, &surround, &environment, &tests)?;
    let is_colored = stdout().is_terminal() && environment.get("NO_COLOR").is_none_or(String::is_empty);
    let mut outcomes = Vec::new();
    for test in &tests {
        let outcome = play(test, &surround, &casts).await;
        if !arguments.json {
            write!(stdout(), "{}", outcome.in_words(is_colored))?;
        }
        outcomes.push(outcome);
    }
    casts.finish()?;
    let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
    if arguments.json {
        let results: Vec<Value> = outcomes.iter().map(Outcome::json).collect();
        writeln!(stdout(), "{}", to_string_pretty(&results)?)?;
    } else {
        let passed = outcomes.len() - failed;
        writeln!(
            stdout(),
            "{}: {passed} passed, {failed} failed",
            plural(outcomes.len(), "test")
        )?;
    }
    if failed > 0 {
        return Err(AlreadySaid.into());
    }
    Ok(Ending::Clean)
}

/// Who answers the tests.
struct Casts {
    configured: Option<Cast>,
    /// The recordings that are made.
    recorded: BTreeMap<PathBuf, Cast>,
}

impl Casts {
    /// Opens the configured models, if a test asks them.
    fn open(
        arguments: &Arguments,
        surround: &Surround,
        environment: &HashMap<String, String>,
        tests: &[Test],
    ) -> Result<Self> {
        let mut casts = Self {
            configured: None,
            recorded: BTreeMap::new(),
        };
        if tests.iter().all(|test| test.replay.is_some()) && !arguments.record {
            return Ok(casts);
        }
        #[cfg(feature = "embedded-llm")]
        botticelli_workers::confine_model(&surround.settings, environment)?;
        let data_dir = arguments.reach.place.arguments().data_dir(environment)?;
        let models = models(&surround.settings, &data_dir)?;
        if arguments.record {
            for file in tests.iter().filter_map(|test| test.replay.as_ref()) {
                if !casts.recorded.contains_key(file) {
                    let cast = Cast::configured(models.clone(), Some(file))?;
                    casts.recorded.insert(file.clone(), cast);
                }
            }
        }
        casts.configured = Some(Cast::configured(models, None)?);
        Ok(casts)
    }

    /// Lets `play` have who answers `test`. A test that replays gets its recording anew, from its beginning.
    async fn with<T>(&self, test: &Test, play: impl AsyncFnOnce(&dyn Models, &dyn Ledger) -> T) -> Result<T> {
        let made = test.replay.as_ref().and_then(|file| self.recorded.get(file));
        match (made, &test.replay, &self.configured) {
            (Some(cast), _, _) | (None, None, Some(cast)) => Ok(cast.with(play).await),
            (None, Some(file), _) => Ok(Cast::replayed(file)?.with(play).await),
            (None, None, None) => Err(anyhow!("no model answers this test")),
        }
    }

    fn finish(&self) -> Result<()> {
        self.recorded.iter().try_for_each(|(file, cast)| {
            let finished = cast.finish();
            finished.with_context(|| format!("`{}`", file.display()))
        })
    }
}

async fn play<'t>(test: &'t Test, surround: &Surround, casts: &Casts) -> Outcome<'t> {
    let mut outcome = Outcome {
        test,
        failures: Vec::new(),
        acts: 0,
        run: NarrativeRun::default(),
    };
    if let Err(error) = played(test, surround, casts, &mut outcome).await {
        outcome.failures.push(Failure {
            step: None,
            why: format!("{error:#}"),
            reply: None,
        });
    }
    outcome
}

async fn played(test: &Test, surround: &Surround, casts: &Casts, outcome: &mut Outcome<'_>) -> Result<()> {
    let mut environment: BTreeMap<String, Option<String>> = surround.environment.clone();
    let given = test.environment.iter();
    environment.extend(given.map(|(name, value)| (name.clone(), Some(value.clone()))));
    let surround = Surround {
        settings: surround.settings.clone(),
        root: surround.root.clone(),
        environment,
    };
    let narrative = surround
        .open(&test.narrative)?
        .narrative(test.narrative_name.as_deref())?;
    let options = RunOptions {
        args: test.args.clone(),
        environment: surround.variables(),
        seed: test.seed,
        iterations: test.iterations,
        ..RunOptions::new(timeouts(&surround.settings))
    };
    let stage = Stage(test);
    let reports = Reports::new(std::io::sink(), Showing::Nothing);
    casts
        .with(test, async |models: &dyn Models, ledger: &dyn Ledger| {
            let purse = Purse::before(ledger, prices(&surround.settings));
            let ports = Ports {
                ledger: &purse,
                tables: &stage,
                commands: &stage,
                media: &Nothing,
                state: &stage,
                audience: &reports,
                ..Ports::bare(models, &purse)
            };
            let run = botticelli_narrative::run(&narrative, &ports, &options).await;
            let acts = reports.finish()?;
            outcome.acts = acts.len();
            let error = match run {
                Ok(run) => {
                    outcome.run = run;
                    (!outcome.run.failures.is_empty()).then(|| outcome.run.failures.join("; "))
                }
                Err(error) => Some(format!("{:#}", anyhow!(error))),
            };
            match (error, &test.fails) {
                (Some(error), Some(expected)) if error.contains(expected) => return Ok(()),
                (Some(error), Some(expected)) => {
                    return Err(anyhow!("the run failed without `{expected}`: {error}"));
                }
                (Some(error), None) => return Err(anyhow!(error)),
                (None, Some(expected)) => return Err(anyhow!("the run should have failed with `{expected}`")),
                (None, None) => {}
            }
            let heard = Heard {
                narrative: &narrative,
                acts: &acts,
                models,
                ledger,
                options: &options,
            };
            for expectation in &test.expectations {
                outcome.failures.extend(heard.compare(expectation, &outcome.run).await);
            }
            Ok(())
        })
        .await?
}

/// What was said in a run, and who can judge it.
struct Heard<'a> {
    narrative: &'a Narrative,
    acts: &'a [(String, ActRecord)],
    models: &'a dyn Models,
    ledger: &'a dyn Ledger,
    options: &'a RunOptions,
}

impl Heard<'_> {
    async fn compare(&self, expectation: &Expectation, run: &NarrativeRun) -> Vec<Failure> {
        let Some(name) = &expectation.act else {
            let Some(last) = run.outputs.last() else {
                return vec![nothing_said("the run said nothing".to_owned())];
            };
            let said = Said {
                text: &last.text,
                json: last.json.as_ref(),
                act: self.act(&last.narrative, &last.act),
            };
            return self.check(expectation, &last.act, &said).await;
        };
        let mut failures = Vec::new();
        let mut heard = false;
        for (step, record) in self.acts.iter().filter(|(step, _)| is_step_of(step, name)) {
            heard = true;
            if record.is_skipped {
                continue;
            }
            let said = Said {
                text: &record.reply,
                json: record.json.as_ref(),
                act: self.act(&record.narrative, &record.act),
            };
            failures.extend(self.check(expectation, step, &said).await);
        }
        if !heard {
            failures.push(nothing_said(self.unheard(name)));
        }
        failures
    }

    fn act(&self, narrative: &str, act: &str) -> Option<&Act> {
        let narratives = self.narrative.with_composed();
        let narrative = narratives.into_iter().find(|known| known.name() == narrative)?;
        narrative.acts().iter().find(|known| known.name() == act)
    }

    fn unheard(&self, name: &str) -> String {
        let narratives = self.narrative.with_composed();
        let acts: Vec<&str> = narratives
            .iter()
            .flat_map(|narrative| narrative.acts().iter().map(Act::name))
            .collect();
        if acts.contains(&name) {
            return format!("act `{name}` was not played");
        }
        match nearest(name, acts.iter().copied()) {
            Some(near) => format!("the narrative has no act `{name}`; did you mean `{near}`?"),
            None => format!(
                "the narrative has no act `{name}`; its acts are `{}`",
                acts.join("`, `")
            ),
        }
    }

    async fn check(&self, expectation: &Expectation, step: &str, said: &Said<'_>) -> Vec<Failure> {
        let mut failures = Vec::new();
        for check in &expectation.checks {
            let why = match check {
                Check::Judge {
                    prompt,
                    choice,
                    at_least,
                } => {
                    let question = judge::question(prompt, said.text, self.options.timeouts);
                    self.announce(step, &question).await;
                    match judge::ask(self.models, choice, question).await {
                        Ok(verdict) if verdict.score >= *at_least => None,
                        Ok(verdict) => Some(format!(
                            "the judge gives {} of 10, less than {at_least}, to `{prompt}`: {}",
                            verdict.score, verdict.reason
                        )),
                        Err(error) => Some(format!("{error:#}")),
                    }
                }
                check => check.failure(said),
            };
            failures.extend(why.map(|why| Failure {
                step: Some(step.to_owned()),
                why,
                reply: Some(said.text.to_owned()),
            }));
        }
        failures
    }

    /// Lets a recording know who asks.
    async fn announce(&self, step: &str, question: &botticelli_llm::Request) {
        let step = format!("judge of {step}");
        let call = PlannedCall {
            narrative: self.narrative.name(),
            act: "judge",
            step: &step,
            provider: "",
            model: None,
            prompt_hash: &question.prompt_hash(),
            input_tokens: 0,
            max_output_tokens: None,
            timeout: question.timeouts.total,
            budget: self.narrative.budget(),
            of_act: self.narrative.spend(),
            of_run: self.narrative.spend(),
        };
        // The ledgers of tests keep no account, so nothing can go wrong.
        self.ledger.reserve(&call).await.ok();
    }
}

fn nothing_said(why: String) -> Failure {
    Failure {
        step: None,
        why,
        reply: None,
    }
}

/// Whether `step` is one of the act that a test calls `name`: its name, or with those of the acts around it. Numbers of
/// repetitions are passed over.
fn is_step_of(step: &str, name: &str) -> bool {
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = step.split('/').filter(|part| !is_number(part)).collect();
    let wanted: Vec<&str> = name.split('/').map(str::trim).collect();
    parts.ends_with(&wanted)
}

impl Outcome<'_> {
    fn in_words(&self, is_colored: bool) -> String {
        let paint = |text: &str, code: &str| {
            if is_colored {
                format!("\u{1b}[{code}m{text}\u{1b}[0m")
            } else {
                text.to_owned()
            }
        };
        let file = self.test.file.display();
        let name = tame(&self.test.name);
        if self.failures.is_empty() {
            let tokens = self.run.usage.input_tokens + self.run.usage.output_tokens;
            let acts = plural(self.acts, "act");
            return format!("{} {file}: {name} ({acts}, {tokens} tokens)\n", paint("PASS", "32"));
        }
        let mut text = format!("{} {file}: {name}\n", paint("FAIL", "31"));
        for Failure { step, why, reply } in &self.failures {
            let of_step = step.as_ref().map(|step| format!("`{step}` ")).unwrap_or_default();
            // Writing into a text cannot fail.
            let _ = writeln!(text, "     {of_step}{}", tame(why).replace('\n', "\n     "));
            if let Some(reply) = reply {
                let _ = writeln!(text, "     | {}", short(reply));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let failures = self
            .failures
            .iter()
            .map(|failure| json!({ "step": failure.step, "why": failure.why, "reply": failure.reply }));
        json!({
            "file": self.test.file,
            "name": self.test.name,
            "passed": self.failures.is_empty(),
            "failures": failures.collect::<Vec<_>>(),
            "acts": self.acts,
            "calls": self.run.calls,
            "usage": self.run.usage,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_known_by_its_act_and_those_around_it() {
        assert!(is_step_of("1/tip/draft", "draft"));
        assert!(is_step_of("3/tip/draft/2", "draft"));
        assert!(is_step_of("3/tip/2/draft", "tip/draft"));
        assert!(!is_step_of("1/tip/redraft", "draft"));
        assert!(!is_step_of("1/post/draft", "tip/draft"));
        assert!(!is_step_of("1/draft/idea", "draft"));
    }
}
