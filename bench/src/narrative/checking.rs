//! Checking very many narrative files as `botticelli narrative check` does, beside reading them as plain TOML.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use botticelli_narrative::{Report, Surroundings, check};
use botticelli_workers::{NarrativeFiles, PlatformCommands};
use clap::Args;
use serde_json::json;

use crate::{
    cost::{Cost, Stopwatch},
    print, rounded,
};

/// One file: tables, a command, a schema, texts with names in them, a file, a narrative of another file, repetitions.
const FILE: &str = r#"
#:schema narrative.schema.json

[config.default]
model = "gpt-5-mini"
temperature = 0.7
max_tokens = 400

[narrative.digest_{number}]
description = "What community {number} talked about, and a post of it."
system = "You write for community {number}. Keep to the house rules."
target = "potential_posts"
toc = ["recent", "themes", "choice", "draft", "review", "post"]
budget = { rpm_multiplier = 0.5, tpm_multiplier = 0.5 }

[narrative.digest_{number}.carousel]
iterations = 3
continue_on_error = true

[narrative.greeting_{number}]
target = "potential_posts"
toc = ["occasion", "greeting"]

[acts]
recent = "tables.recent"
occasion = "Name an occasion for a greeting in {{ args.community | default('community {number}') }}."
greeting = "Greet everybody on this occasion: {{ occasion }}"

[acts.themes]
prompt = """
These are the posts of the last days:
{{ recent }}
Name three themes, each with one sentence. This is round {{ iteration }} of {{ iterations }}."""
temperature = 0.2
history = "none"

[acts.choice]
prompt = "Choose the theme that nobody wrote about yet. Themes:\n{{ themes }}"
schema = "schemas.choice"
repairs = 2

[acts.draft]
input = [
  "tables.best",
  { file = "house.md" },
  { type = "bot_command", platform = "discord", command = "channels.list", args = { guild_id = "1234567890" }, required = false, history_retention = "summary" },
  "Write a post on {{ choice.json.theme }} for {{ choice.json.readers }}.",
]
fallback = ["gpt-5"]
when = "choice.json.score >= 5"

[[acts.draft.examples]]
user = "Write a post on tea for beginners."
assistant = "Tea is patience that you can drink. Boil, wait, breathe, and pour a cup for whoever sits beside you."

[acts.review]
narrative = "narrative:shared/review.toml"

[acts.post]
prompt = "Write the final post. Draft:\n{{ draft }}\nReview:\n{{ review }}"
schema = "schemas.post"
history = ["draft", "review"]
state_capture = { last_post_{number} = "body" }

[tables.recent]
table_name = "approved_posts"
columns = ["text_content", "approved_at"]
where = "approved_at > now() - interval '7 days' and curation_score >= 6"
order_by = "approved_at desc"
limit = 20
format = "markdown"
required = false

[tables.best]
table_name = "approved_posts"
columns = ["text_content"]
where = "curation_score >= 9"
order_by = "curation_score desc"
limit = 3
format = "text"
required = false

[schemas.choice]
type = "object"
required = ["theme", "readers", "score"]
properties.theme = { type = "string", maxLength = 80 }
properties.readers = { type = "string" }
properties.score = { type = "integer", minimum = 1, maximum = 10 }

[schemas.post]
type = "object"
required = ["body"]
properties.body = { type = "string", pattern = "^[A-Z].{40,220}[.!?]$" }
properties.tags = { type = "array", items = { type = "string" }, maxItems = 5 }
"#;

const REVIEW: &str = r#"
[narrative]
name = "review"
description = "A review of a draft."
toc = ["faults", "verdict"]

[acts]
faults = "Name what is wrong in the draft above."
verdict = "Say in one sentence what has to change: {{ faults }}"
"#;

const RULES: &str = "# House rules\n\nBe kind. Be brief. Say nothing that you would not say to a guest.\n";

#[derive(Args)]
pub(crate) struct Check {
    /// Files.
    #[arg(long, default_value_t = 1000)]
    files: u32,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The command-line program, which is measured too where it is given: `target/release/botticelli`.
    #[arg(long)]
    program: Option<PathBuf>,
}

pub(crate) fn run(options: &Check) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let paths = write_all(directory.path(), options.files)?;
    for round in 1..=options.rounds {
        let (plain, bytes) = read_plainly(&paths)?;
        let (checked, acts) = check_all(&paths)?;
        let by_program = match &options.program {
            Some(program) => Some(check_by(program, directory.path())?),
            None => None,
        };
        print(&json!({
            "bench": "check", "round": round, "files": options.files, "bytes": bytes, "acts": acts,
            "wall_s": rounded(checked.wall.as_secs_f64()), "cpu_s": rounded(checked.processor.as_secs_f64()),
            "plain_toml_s": rounded(plain.wall.as_secs_f64()),
            "ratio_to_plain_toml": rounded(checked.processor.as_secs_f64() / plain.processor.as_secs_f64()),
            "program_wall_s": by_program.map(|cost| rounded(cost.wall.as_secs_f64())),
        }));
    }
    Ok(())
}

fn write_all(directory: &Path, files: u32) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir(directory.join("shared"))?;
    fs::write(directory.join("shared/review.toml"), REVIEW)?;
    fs::write(directory.join("house.md"), RULES)?;
    let mut paths = Vec::new();
    for number in 1..=files {
        let path = directory.join(format!("digest-{number}.toml"));
        fs::write(&path, FILE.replace("{number}", &number.to_string()))?;
        paths.push(path);
    }
    Ok(paths)
}

fn read_plainly(paths: &[PathBuf]) -> anyhow::Result<(Cost, usize)> {
    let stopwatch = Stopwatch::start();
    let mut bytes = 0;
    for path in paths {
        let text = fs::read_to_string(path)?;
        let table: toml::Table = text.parse()?;
        ensure!(table.contains_key("narrative"), "{} is empty", path.display());
        bytes += text.len();
    }
    Ok((stopwatch.stop(), bytes))
}

fn check_all(paths: &[PathBuf]) -> anyhow::Result<(Cost, usize)> {
    let environment = BTreeMap::new();
    let stopwatch = Stopwatch::start();
    let mut acts = 0;
    for path in paths {
        let text = fs::read_to_string(path)?;
        let files = NarrativeFiles::of(path, None)?;
        let surroundings = Surroundings {
            files: Some(&files),
            commands: Some(&PlatformCommands),
            environment: Some(&environment),
        };
        let Report { diagnostics, file, .. } = check(&path.display().to_string(), &text, &surroundings);
        let file = file.with_context(|| format!("wrong: {diagnostics:?}"))?;
        acts += file.narratives().map(|narrative| narrative.acts().len()).sum::<usize>();
    }
    Ok((stopwatch.stop(), acts))
}

/// The whole program, its start included.
fn check_by(program: &Path, directory: &Path) -> anyhow::Result<Cost> {
    let stopwatch = Stopwatch::start();
    let ended = Command::new(program)
        .args(["narrative", "check", "--no-database"])
        .arg(directory)
        .current_dir(directory)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{} cannot be started; build it with --release", program.display()))?;
    ensure!(ended.success(), "the check failed");
    Ok(stopwatch.stop())
}
