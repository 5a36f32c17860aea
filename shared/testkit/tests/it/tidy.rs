//! The rules of the house, held against the manifests and the sources of the workspace.
//!
//! A rule is a row of a table below. To break one on purpose, change its row and say why in `ARCHITECTURE.md`.

mod statements;
mod tables;
mod workspace;

use crate::TestResult;
use tables::owners_of_tables;
use workspace::{Room, Source, rooms, sources};

/// A crate of the outside, and the rooms that may name it in their dependencies. A final `*` stands for any rest.
///
/// Development dependencies are free: a test may speak HTTP to what it tests.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("apalis*", &["bench", "queue", "workers"]),
    ("axum*", &["bench", "control", "llm-server", "testkit"]),
    ("cap-std", &["media"]),
    ("infer", &["media"]),
    ("opentelemetry*", &["telemetry", "testkit"]),
    ("ractor*", &["workers"]),
    ("reqwest*", &["client", "llm", "media", "platforms"]),
    ("tracing-opentelemetry", &["telemetry"]),
    ("tracing-subscriber", &["telemetry"]),
];

/// A room, and the only rooms it may know. A room without a row is free, but for [`NEVER_KNOWS`].
const KNOWS_ONLY: &[(&str, &[&str])] = &[
    ("actors", &["database"]),
    // It fills a port of narratives, so it knows what they ask for.
    ("content", &["database", "narrative", "toml-document"]),
    ("database", &[]),
    ("ledger", &["database"]),
    ("llm", &[]),
    ("llm-server", &["llm"]),
    ("media", &[]),
    ("narrative", &["llm", "toml-document"]),
    ("platforms", &[]),
    ("posts", &["database"]),
    ("queue", &["database"]),
    ("schedule", &[]),
    ("settings", &["database", "schedule", "toml-document"]),
    ("timetable", &["database", "queue", "schedule"]),
    ("toml-document", &[]),
];

/// A room, and rooms it may not know; `shared` stands for every room that is not a binary, and not `bench`, which measures them.
const NEVER_KNOWS: &[(&str, &[&str])] = &[
    ("scheduler", &["narrative", "llm", "platforms", "workers"]),
    ("shared", &["cli", "scheduler", "workers"]),
    ("workers", &["cli", "scheduler"]),
];

/// The rooms with a `main`.
const BINARIES: &[&str] = &["cli", "scheduler", "workers"];

/// Rooms that no user runs; the rules on sources leave them alone, as they do `tests/`.
const FOR_TESTS: &[&str] = &["bench", "testkit"];

/// A piece of code, and the files that may hold it: paths from the root, where a final `/` stands for all below.
const CODE: &[(&[&str], &[&str])] = &[
    (
        &[
            "env::var(",
            "env::var_os(",
            "env::vars(",
            "env::vars_os(",
            "env::args(",
            "env::args_os(",
        ],
        &[
            "cli/src/main.rs",
            "cli/src/wiring.rs",
            "scheduler/src/main.rs",
            "scheduler/src/wiring.rs",
            "workers/src/main.rs",
            "workers/src/wiring.rs",
        ],
    ),
    (
        &["Utc::now(", "Local::now(", "Instant::now(", "SystemTime::now("],
        &["shared/schedule/src/clock.rs", "shared/queue/src/stray_watch.rs"],
    ),
];

/// File names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common.rs",
    "error.rs",
    "errors.rs",
    "helper.rs",
    "helpers.rs",
    "mod.rs",
    "types.rs",
    "util.rs",
    "utils.rs",
];

/// Longer files hold more than one concept.
const MOST_LINES: usize = 500;

#[test]
fn a_crate_of_the_outside_is_named_only_by_the_rooms_it_is_for() -> TestResult {
    let mut broken = Vec::new();
    for room in rooms()? {
        for (pattern, allowed) in OUTSIDE {
            let named = room.dependencies.iter().find(|dependency| matches(dependency, pattern));
            if let Some(dependency) = named.filter(|_| !allowed.contains(&room.name.as_str())) {
                broken.push(format!(
                    "{} depends on {dependency}, which is only for {allowed:?}",
                    room.name
                ));
            }
        }
    }
    none(&broken)
}

#[test]
fn the_arrows_between_rooms_point_the_agreed_way() -> TestResult {
    let mut broken = Vec::new();
    for room in rooms()? {
        let is_shared = !BINARIES.contains(&room.name.as_str()) && room.name != "bench";
        for known in room.known.iter().map(String::as_str) {
            let only = KNOWS_ONLY.iter().find(|(name, _)| *name == room.name);
            let is_unknown_to_it = only.is_some_and(|(_, allowed)| !allowed.contains(&known));
            let is_out_of_bounds = NEVER_KNOWS.iter().any(|(name, never)| {
                (*name == room.name || (is_shared && *name == "shared")) && never.contains(&known)
            });
            if is_unknown_to_it || is_out_of_bounds {
                broken.push(format!("{} may not know {known}", room.name));
            }
        }
    }
    none(&broken)
}

#[test]
fn the_testkit_is_for_tests_only() -> TestResult {
    let knows_it = |room: &Room| {
        FOR_TESTS
            .iter()
            .any(|name| room.known.iter().any(|known| known == name))
    };
    let broken: Vec<String> = rooms()?.into_iter().filter(knows_it).map(|room| room.name).collect();
    none(&broken)
}

#[test]
fn every_row_of_the_rules_names_a_room_that_exists() -> TestResult {
    let names: Vec<String> = rooms()?.into_iter().map(|room| room.name).collect();
    let of_arrows = KNOWS_ONLY.iter().chain(NEVER_KNOWS).map(|(name, _)| *name);
    let owners = owners_of_tables()?;
    let mentioned = of_arrows
        .chain(BINARIES.iter().chain(FOR_TESTS).copied())
        .chain(owners.values().map(String::as_str));
    let unknown = mentioned.filter(|name| *name != "shared" && !names.iter().any(|room| room == name));
    none(
        &unknown
            .map(|name| format!("no room is called {name}"))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn a_table_is_named_in_sql_only_by_the_room_that_owns_it() -> TestResult {
    let owners = owners_of_tables()?;
    let mut broken = Vec::new();
    for source in product_sources()? {
        for (line, text) in source.code() {
            let foreign =
                tables::named_in(text).find(|table| owners.get(*table).is_some_and(|owner| *owner != source.room));
            if let Some(table) = foreign {
                broken.push(format!(
                    "{}:{line} names the table {table} of {}",
                    source.path, owners[table]
                ));
            }
        }
    }
    none(&broken)
}

#[test]
fn the_environment_and_the_clock_are_read_in_one_place_each() -> TestResult {
    let mut broken = Vec::new();
    for source in product_sources()? {
        for (pieces, allowed) in CODE {
            if allowed.iter().any(|allowed| is_at(&source.path, allowed)) {
                continue;
            }
            for (line, text) in source.code() {
                let piece = pieces.iter().find(|piece| text.contains(*piece));
                broken.extend(
                    piece.map(|piece| format!("{}:{line} holds {piece}), which is for {allowed:?}", source.path)),
                );
            }
        }
    }
    none(&broken)
}

#[test]
fn file_names_say_what_is_inside() -> TestResult {
    let has_empty_name = |source: &Source| {
        EMPTY_NAMES
            .iter()
            .any(|name| source.path.ends_with(&format!("/{name}")))
    };
    let broken: Vec<String> = sources()?
        .into_iter()
        .filter(has_empty_name)
        .map(|source| source.path)
        .collect();
    none(&broken)
}

#[test]
fn no_file_grows_beyond_what_one_reads_at_a_time() -> TestResult {
    let mut broken = Vec::new();
    for source in sources()? {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            broken.push(format!("{} has {lines} lines, more than {MOST_LINES}", source.path));
        }
    }
    none(&broken)
}

fn product_sources() -> Result<Vec<Source>, Box<dyn std::error::Error>> {
    let mut sources = sources()?;
    sources.retain(|source| source.path.contains("/src/") && !FOR_TESTS.contains(&source.room.as_str()));
    Ok(sources)
}

fn matches(name: &str, pattern: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(name == pattern, |prefix| name.starts_with(prefix))
}

fn is_at(path: &str, allowed: &str) -> bool {
    if allowed.ends_with('/') {
        path.starts_with(allowed)
    } else {
        path == allowed
    }
}

fn none(broken: &[String]) -> TestResult {
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("\n  {}", broken.join("\n  ")).into())
    }
}
