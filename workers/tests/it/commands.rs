//! Commands of Discord in the hands of jobs: what may be run, and what is run once however often the job is tried.

use botticelli_testkit::{DiscordFault, LlmReply, StubDiscord};

use crate::bench::{Bench, Options};

const CHANNEL: &str = "1100000000000000001";

/// Sends a message, makes a channel, and then asks a model, which may fail.
const ANNOUNCE: &str = r#"
toc = ["send", "make", "say"]
[narrative]
name = "say"
description = "Announces."
target = "thoughts"
[bots.send]
platform = "discord"
command = "messages.send"
channel_id = "1100000000000000001"
content = "Hello"
required = true
[bots.make]
platform = "discord"
command = "channels.create"
guild_id = "1000000000000000001"
name = "news"
kind = "text"
required = true
[acts]
send = "bots.send"
make = "bots.make"
say = "Say something about {{ make.name }}."
"#;

/// Looks at the channels, and asks a model.
const LOOK: &str = r#"
toc = ["look", "say"]
[narrative]
name = "say"
description = "Looks."
target = "thoughts"
[bots.look]
platform = "discord"
command = "channels.list"
guild_id = "1000000000000000001"
cache_duration = 3600
required = true
[acts]
look = "bots.look"
say = "Say something about {{ look }}."
"#;

async fn bench(narrative: &'static str, commands: &str) -> (Bench, StubDiscord) {
    let discord = StubDiscord::start().await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "token").unwrap();
    let more = format!(
        "[discord]\nbase_url = \"{}\"\ntoken_file = \"{}\"\n[narratives]\ncommands = [{commands}]\n",
        discord.url(),
        token.path().display()
    );
    let bench = Bench::with(Options {
        narrative: Some(narrative),
        more: more.leak(),
        ..Options::default()
    })
    .await;
    (bench, discord)
}

/// The requests that change something.
fn changes(discord: &StubDiscord) -> Vec<String> {
    let requests = discord.requests().into_iter().filter(|request| request.method != "GET");
    requests
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_command_that_changes_something_is_run_only_where_the_settings_allow_it() {
    let (bench, discord) = bench(ANNOUNCE, r#""discord channels.*""#).await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    let runs = bench.runs().await;
    assert!(
        runs[0].contains("narratives may not run `discord messages.send`"),
        "{runs:?}"
    );
    assert_eq!(changes(&discord), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_that_is_tried_again_does_not_repeat_what_was_carried_out() {
    let (bench, discord) = bench(ANNOUNCE, r#""discord *""#).await;
    bench.llm.reply_next(LlmReply::Garbage);
    bench
        .llm
        .reply_next(LlmReply::Json(serde_json::json!({ "text": "Hello" })));
    bench.enqueue("say").await;
    bench.ended(1).await;
    let outcomes = "select attempt, outcome from botticelli.actor_server_executions order by attempt";
    assert_eq!(bench.database.rows(outcomes).await, ["1|failure", "2|success"]);
    assert_eq!(discord.messages(CHANNEL).len(), 1);
    assert_eq!(changes(&discord).len(), 2);
    assert!(bench.llm.requests()[1].prompt().contains("about news"));
}

/// Discord made the message and the channel, and nobody heard of it: the message has a nonce, the channel has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_may_have_been_carried_out_is_asked_again_only_where_that_is_safe() {
    let (bench, discord) = bench(ANNOUNCE, r#""discord *""#).await;
    let send = format!("POST channels/{CHANNEL}/messages");
    discord.fail_next(DiscordFault::CommitThenReset);
    discord.fail_call(
        "POST guilds/1000000000000000001/channels",
        DiscordFault::CommitThenReset,
    );
    bench.enqueue("say").await;
    bench.ended(1).await;
    let runs = bench.runs().await;
    let last = runs.last().unwrap();
    assert!(
        last.contains(
            "`discord channels.create` was begun by an earlier run, and nobody knows whether it was carried out"
        ),
        "{runs:#?}"
    );
    assert_eq!(discord.messages(CHANNEL).len(), 1, "{send}");
    let news = |discord: &StubDiscord| {
        let channels = discord.channels("1000000000000000001");
        channels.iter().filter(|channel| channel["name"] == "news").count()
    };
    assert_eq!(news(&discord), 1);
    assert_eq!(bench.llm.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_may_be_used_for_as_long_as_its_narrative_says() {
    let (bench, discord) = bench(LOOK, "").await;
    for jobs in 1..=2 {
        bench
            .llm
            .reply_next(LlmReply::Json(serde_json::json!({ "text": "Hello" })));
        bench.enqueue("say").await;
        bench.ended(jobs).await;
    }
    let outcomes = "select outcome from botticelli.actor_server_executions";
    assert_eq!(bench.database.rows(outcomes).await, ["success", "success"]);
    assert_eq!(discord.requests().len(), 1);
    assert_eq!(bench.llm.requests()[0].prompt(), bench.llm.requests()[1].prompt());
}

/// The second try is refused before anything is done, which says nothing of what the first one did.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_try_that_did_nothing_does_not_make_an_earlier_one_forgotten() {
    let (bench, discord) = bench(ANNOUNCE, r#""discord *""#).await;
    bench.llm.hold();
    discord.fail_next(DiscordFault::CommitThenReset);
    discord.fail_next(DiscordFault::Refused {
        status: 403,
        code: 50013,
        message: "Missing Permissions".to_owned(),
    });
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    let begun = "select (select count(*) from botticelli.actor_server_executions), record #>> '{}' < (
                   select to_char(started_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')
                   from botticelli.actor_server_executions where attempt = 2)
                 from botticelli.act_checkpoints where step like '%send%/begun'";
    assert_eq!(bench.database.rows(begun).await, ["3|t"]);
    assert_eq!(discord.messages(CHANNEL).len(), 1);
    bench.llm.release();
}
