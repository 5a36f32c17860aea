//! Values that cannot be used are all reported at once, each with its place and the way out.

use crate::{TestResult, load, refusal};

#[test]
fn every_problem_of_the_file_is_reported_at_once() -> TestResult {
    let text = r#"
[server]
database_url = "mysql://localhost/x"
metrics_port = 8080

[llm]
backend = "openai"

[queue]
lease = "5s"

[actors.posting]
narrative = "post.toml"
narrative_name = "post"
schedule = "every 2 fortnights"
platform = "discord"
"#;
    let expected = "\
7 problems in the settings
`botticelli.toml`:2:2: key `server.health_port`: port 8080 is taken by `server.metrics_port`; choose another
`botticelli.toml`:3:16: key `server.database_url`: the address does not begin with `postgres://` or `postgresql://`
`botticelli.toml`:6:2: key `llm.base_url`: backend `openai` needs it; write the service's address such as `https://api.openai.com/v1`
`botticelli.toml`:6:2: key `llm.model`: backend `openai` needs it; write the model's name as the service knows it
`botticelli.toml`:10:9: key `queue.lease`: a lease of 5s does not survive two lost heartbeats of 2s; write at least `6s`
`botticelli.toml`:12:9: key `actors.posting.channel_id`: platform `discord` needs it; write the channel's number in quotes
`botticelli.toml`:15:12: key `actors.posting.schedule`: schedule `every 2 fortnights`: `fortnights` is not a unit; use s, m, h, d or w
  every 2 fortnights
          ^^^^^^^^^^
write `every <duration>` such as `every 2 hours`, or a cron expression such as `0 9 * * MON-FRI` or `@daily`; `at <time>`, `immediate` and `manual` are schedules too";
    assert_eq!(refusal(text, &[])?, expected);
    Ok(())
}

#[test]
fn each_value_that_cannot_be_used_is_refused_with_the_way_out() -> TestResult {
    for (text, expected) in [
        (
            "[server]\napi_port = 9090\n",
            "2:12: key `server.api_port`: port 9090 is taken by `server.metrics_port`; choose another",
        ),
        (
            "[server]\nschema = \"Fleet B\"\n",
            "2:10: key `server.schema`: `Fleet B` is not a name for a schema; write a lowercase letter or `_`, then up to 39 of \
             `a-z`, `0-9` and `_`; `public`, `information_schema` and what begins with `pg_` are for others",
        ),
        (
            "[llm]\ntimeout = \"0s\"\n",
            "2:11: key `llm.timeout`: the duration must be longer than zero",
        ),
        (
            "[llm]\nbackend = \"scripted\"\n",
            "1:2: key `llm.script`: backend `scripted` needs it; write the path of the file with the replies",
        ),
        (
            "[llm]\nbase_url = \"api.openai.com\"\n",
            "2:12: key `llm.base_url`: the address does not begin with `http://` or `https://`",
        ),
        (
            "[discord]\nbase_url = \"http://\"\n",
            "2:12: key `discord.base_url`: the address names no host",
        ),
        (
            "[telemetry]\notlp_endpoint = \"https://me:secret@host/\"\n",
            "2:17: key `telemetry.otlp_endpoint`: the address holds a user or password; addresses are shown in the settings, so remove it",
        ),
        (
            "[telemetry]\nlog = \" \"\n",
            "2:7: key `telemetry.log`: the level is missing; write `info`, or `off` for no log",
        ),
        (
            "[queue]\nmax_attempts = 1001\n",
            "2:16: key `queue.max_attempts`: 1001 attempts are more than 1000",
        ),
        (
            "[queue]\ndead_retention = \"101 years\"\n",
            "2:18: key `queue.dead_retention`: 101years is longer than 100 years",
        ),
        (
            "[queue]\nbackoff_cap = \"1s\"\n",
            "2:15: key `queue.backoff_cap`: 1s is shorter than `queue.backoff_base`, 2s",
        ),
        (
            "[scheduler]\nrescue_interval = \"0s\"\n",
            "2:19: key `scheduler.rescue_interval`: the duration must be longer than zero",
        ),
    ] {
        assert_eq!(refusal(text, &[])?, format!("`botticelli.toml`:{expected}"));
    }
    Ok(())
}

#[test]
fn zero_durations_of_the_queue_are_refused() -> TestResult {
    for key in [
        "lease",
        "heartbeat",
        "poll_interval",
        "job_timeout",
        "drain_timeout",
        "backoff_base",
        "backoff_cap",
        "history_retention",
        "dead_retention",
    ] {
        let refused = refusal(&format!("[queue]\n{key} = \"0s\"\n"), &[])?;
        let expected = format!("key `queue.{key}`: the duration must be longer than zero");
        assert!(refused.contains(&expected), "{refused}");
    }
    Ok(())
}

#[test]
fn several_ports_may_be_zero() -> TestResult {
    let settings = load("[server]\nmetrics_port = 0\nhealth_port = 0\napi_port = 0\n", &[])?;
    assert_eq!(settings.server.api_port, 0);
    Ok(())
}

#[test]
fn a_lease_of_exactly_three_heartbeats_is_accepted() -> TestResult {
    let settings = load("[queue]\nlease = \"9s\"\nheartbeat = \"3s\"\n", &[])?;
    assert_eq!(settings.queue.lease.as_secs(), 9);
    Ok(())
}

#[test]
fn providers_prices_budgets_and_narratives_are_checked() -> TestResult {
    let text = "
[llm]
backend = 'gemni'
[narratives]
env = ['A B']
readable_tables = ['products']
commands = ['messages.send']
[providers.gemini]
wire = 'gemini'
model = ' '
base_url = 'gemini.example'
limits = { concurrency = 0 }
[providers.here]
wire = 'embedded'
model = 'm'
models = ['m-*']
[providers.openai]
wire = 'openai'
model = 'm'
[prices.'gemini']
input = -1.0
output = 1.0
[budgets.none]
period = 'day'
[budgets.whose]
period = 'run'
actor = 'nobody'
calls = 0
";
    let told = refusal(text, &[])?;
    assert_eq!(
        told.lines().skip(1).collect::<Vec<_>>(),
        [
            "`botticelli.toml`:3:11: key `llm.backend`: unknown value `gemni`; did you mean `gemini`?",
            "`botticelli.toml`:5:7: key `narratives.env`: `A B` is not the name of a variable",
            "`botticelli.toml`:6:19: key `narratives.readable_tables`: `products` is not a table; write its schema and its name, such as \"shop.products\"",
            "`botticelli.toml`:7:12: key `narratives.commands`: `messages.send` is not a command; write platform and command, such as \"discord messages.send\"",
            "`botticelli.toml`:10:9: key `providers.gemini.model`: write the name of the model that is asked where a narrative names none",
            "`botticelli.toml`:11:12: key `providers.gemini.base_url`: the address does not begin with `http://` or `https://`",
            "`botticelli.toml`:12:26: key `providers.gemini.limits.concurrency`: a limit of 0 lets nothing through; leave it out to set none",
            "`botticelli.toml`:15:9: key `providers.here.model`: the embedded model needs none; leave it out",
            "`botticelli.toml`:16:10: key `providers.here.models`: the embedded model needs none; leave it out",
            "`botticelli.toml`:17:12: key `providers.openai`: this name is that of a `backend` of `[llm]`; give the provider another one",
            "`botticelli.toml`:20:9: key `prices.gemini`: name the provider and the model, such as \"openai/gpt-5*\", where `*` stands for any text",
            "`botticelli.toml`:21:9: key `prices.gemini.input`: a price is from 0 to 1000000 dollars for a million tokens",
            "`botticelli.toml`:23:10: key `budgets.none`: a budget wants `tokens`, `calls` or `usd`",
            "`botticelli.toml`:27:9: key `budgets.whose.actor`: there is no actor `nobody`",
            "`botticelli.toml`:28:9: key `budgets.whose.calls`: the limit must be at least 1",
        ]
    );
    Ok(())
}
