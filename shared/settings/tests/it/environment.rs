//! The environment wins over the file, and a variable that means nothing is refused.

use botticelli_settings::{LlmBackend, LogFormat};
use secrecy::ExposeSecret;

use crate::{Folder, TestResult, load, refusal};

const ACTORS: &str = "[actors.a-b]\nnarrative = \"n.toml\"\nnarrative_name = \"n\"\n";

#[test]
fn a_variable_overrides_its_key_whatever_the_type() -> TestResult {
    let settings = load(
        "[server]\napi_port = 4000\n",
        &[
            ("BOTTICELLI_SERVER_API_PORT", "3001"),
            ("BOTTICELLI_SERVER_BIND", "0.0.0.0"),
            ("BOTTICELLI_SERVER_SCHEMA", "fleet_b"),
            ("BOTTICELLI_LLM_BACKEND", "scripted"),
            ("BOTTICELLI_LLM_SCRIPT", "replies.toml"),
            ("BOTTICELLI_LLM_MODEL", "42"),
            ("BOTTICELLI_QUEUE_LEASE", "1m"),
            ("BOTTICELLI_TELEMETRY_LOG_FORMAT", "json"),
        ],
    )?;
    assert_eq!(settings.server.api_port, 3001);
    assert_eq!(settings.server.bind.to_string(), "0.0.0.0");
    assert_eq!(settings.server.schema, "fleet_b");
    assert_eq!(settings.llm.backend, LlmBackend::Scripted);
    assert_eq!(settings.llm.model.as_deref(), Some("42"));
    assert_eq!(settings.queue.lease.as_secs(), 60);
    assert_eq!(settings.telemetry.log_format, LogFormat::Json);
    Ok(())
}

#[test]
fn a_variable_overrides_the_key_of_a_configured_actor() -> TestResult {
    let settings = load(
        ACTORS,
        &[
            ("BOTTICELLI_ACTORS_A_B_SCHEDULE", "every 10 seconds"),
            ("BOTTICELLI_ACTORS_A_B_ENABLED", "false"),
            ("BOTTICELLI_ACTORS_A_B_SLOTS", "3"),
        ],
    )?;
    let actor = settings.actors.get("a-b").ok_or("no actor")?;
    assert_eq!(
        (actor.schedule.as_str(), actor.enabled, actor.slots.get()),
        ("every 10 seconds", false, 3)
    );
    Ok(())
}

#[test]
fn the_embedded_defaults_can_be_overridden_too() -> TestResult {
    let settings = Folder::new()?.load(None, &[("BOTTICELLI_ACTORS_POSTING_SCHEDULE", "@hourly")])?;
    let schedule = settings.actors.get("posting").map(|actor| actor.schedule.as_str());
    assert_eq!(schedule, Some("@hourly"));
    Ok(())
}

#[test]
fn the_variables_of_other_programs_are_understood() -> TestResult {
    let settings = load(
        "[server]\ndatabase_url = \"postgres://file/db\"\n",
        &[
            ("DATABASE_URL", "postgres://env/db"),
            ("DISCORD_TOKEN", "a-token"),
            ("OPENAI_API_KEY", "a-key"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("PATH", "/usr/bin"),
        ],
    )?;
    let url = settings.server.database_url.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(url, Some("postgres://env/db"));
    assert_eq!(settings.discord_token()?.expose_secret(), "a-token");
    assert_eq!(settings.llm_api_key()?.ok_or("no key")?.expose_secret(), "a-key");
    assert_eq!(
        settings.telemetry.otlp_endpoint.as_deref(),
        Some("http://collector:4318")
    );
    Ok(())
}

#[test]
fn the_more_specific_variable_wins() -> TestResult {
    let settings = load(
        "",
        &[
            ("DATABASE_URL", "postgres://general/db"),
            ("BOTTICELLI_SERVER_DATABASE_URL", "postgres://specific/db"),
            ("LLM_API_KEY", "ours"),
            ("OPENAI_API_KEY", "theirs"),
        ],
    )?;
    let url = settings.server.database_url.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(url, Some("postgres://specific/db"));
    assert_eq!(settings.llm_api_key()?.ok_or("no key")?.expose_secret(), "ours");
    Ok(())
}

#[test]
fn an_empty_variable_counts_as_not_set() -> TestResult {
    let settings = load(
        "[server]\napi_port = 4000\n",
        &[
            ("BOTTICELLI_SERVER_API_PORT", ""),
            ("DATABASE_URL", ""),
            ("DISCORD_TOKEN", ""),
            ("BOTTICELLI_NO_SUCH_THING", ""),
        ],
    )?;
    assert_eq!(settings.server.api_port, 4000);
    assert!(settings.server.database_url.is_none());
    assert!(settings.discord_token().is_err());
    Ok(())
}

#[test]
fn an_unknown_variable_is_refused_with_a_suggestion() -> TestResult {
    for (name, expected) in [
        (
            "BOTTICELLI_SERVER_API_PROT",
            "no setting has this name; did you mean `BOTTICELLI_SERVER_API_PORT`?",
        ),
        (
            "BOTTICELLI_ACTORS_A_B_SHEDULE",
            "no setting has this name; did you mean `BOTTICELLI_ACTORS_A_B_SCHEDULE`?",
        ),
        (
            "BOTTICELLI_DATADIR",
            "no setting has this name; did you mean `BOTTICELLI_DATA_DIR`?",
        ),
        (
            "BOTTICELLI_XYZ",
            "no setting has this name; the names are `BOTTICELLI_<SECTION>_<KEY>`, such as `BOTTICELLI_SERVER_API_PORT`",
        ),
        (
            "BOTTICELLI_ACTORS_A_B_AFTER",
            "`actors.a-b.after` is a list; set it in the settings file",
        ),
    ] {
        assert_eq!(
            refusal(ACTORS, &[(name, "1")])?,
            format!("environment variable `{name}`: {expected}")
        );
    }
    Ok(())
}

#[test]
fn variables_that_other_parts_read_are_let_through() -> TestResult {
    load(
        "",
        &[
            ("BOTTICELLI_CONFIG", "x.toml"),
            ("BOTTICELLI_DATA_DIR", "/data"),
            ("BOTTICELLI_MODEL", "m.gguf"),
            ("BOTTICELLI_TEST_DATABASE_URL", "postgres://"),
            ("BOTTICELLI_API_SERVICE_HOST", "10.0.0.7"),
            ("BOTTICELLI_API_PORT", "tcp://10.0.0.7:3000"),
        ],
    )?;
    Ok(())
}

#[test]
fn a_variable_of_the_wrong_type_is_refused_by_its_name() -> TestResult {
    for (name, value, expected) in [
        (
            "BOTTICELLI_SERVER_API_PORT",
            "abc",
            "key `server.api_port`: invalid type: string \"abc\", expected u16",
        ),
        (
            "BOTTICELLI_SERVER_API_PORT",
            "70000",
            "key `server.api_port`: invalid value: integer `70000`, expected u16",
        ),
        (
            "BOTTICELLI_QUEUE_LEASE",
            "8",
            "key `queue.lease`: duration `8`: `8` has no unit; write `8s`, `8m` or `8h`",
        ),
        (
            "BOTTICELLI_QUEUE_HEARTBEAT",
            "0s",
            "key `queue.heartbeat`: the duration must be longer than zero",
        ),
    ] {
        assert_eq!(
            refusal("", &[(name, value)])?,
            format!("environment variable `{name}`: {expected}")
        );
    }
    Ok(())
}

#[test]
fn a_variable_that_could_mean_two_actors_is_refused() -> TestResult {
    let text = format!("{ACTORS}{}", ACTORS.replace("a-b", "a_b"));
    let expected = "environment variable `BOTTICELLI_ACTORS_A_B_ENABLED`: it could mean `actors.a-b.enabled` or \
                    `actors.a_b.enabled`; set the key in the settings file";
    assert_eq!(refusal(&text, &[("BOTTICELLI_ACTORS_A_B_ENABLED", "true")])?, expected);
    Ok(())
}
