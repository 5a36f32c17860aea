//! Carrying out commands on Discord: what each way to fail means, and commands of several requests.

mod arguments;
mod behaviour;
mod wire;

use std::time::Duration;

use botticelli_platforms::{CommandCall, CommandError, CommandRunner, Discord, DiscordOptions, find};
use botticelli_testkit::StubDiscord;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

const GUILD: &str = "1000000000000000001";
const CHANNEL: &str = "1100000000000000001";
/// 2040-01-01T00:00:00Z. Seen from there, every message of the stub is old.
const NOW: i64 = 2_208_988_800;
/// Milliseconds since 1970 where Discord's ids begin.
const EPOCH: i64 = 1_420_070_400_000;

fn discord(stub: &StubDiscord) -> Discord {
    let options = DiscordOptions {
        base_url: stub.url(),
        ..DiscordOptions::new("secret-token".into())
    };
    Discord::new(&options).unwrap()
}

fn call(command: &str, args: &Value, nonce: Option<&str>) -> CommandCall {
    let args: Map<String, Value> = args.as_object().cloned().unwrap();
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    CommandCall {
        command: find("discord", command).unwrap(),
        args,
        nonce: nonce.map(str::to_owned),
        now,
    }
}

async fn run(stub: &StubDiscord, command: &str, args: &Value, nonce: Option<&str>) -> Result<Value, CommandError> {
    discord(stub).run(&call(command, args, nonce)).await
}

/// Runs a command as of the stub's clock, by which ids are made.
async fn run_now(stub: &StubDiscord, command: &str, args: &Value) -> Result<Value, CommandError> {
    let newest = stub
        .messages(CHANNEL)
        .last()
        .and_then(|message| message.id.parse::<i64>().ok())
        .unwrap_or_default();
    let now = DateTime::<Utc>::from_timestamp_millis((newest >> 22) + EPOCH).unwrap();
    let call = CommandCall {
        now: now + Duration::from_secs(1),
        ..call(command, args, None)
    };
    discord(stub).run(&call).await
}

/// Sends a message as another bot would, and returns its id.
async fn sent_message(stub: &StubDiscord, text: &str) -> Result<String, CommandError> {
    let sent = run(
        stub,
        "messages.send",
        &json!({ "channel_id": CHANNEL, "content": text }),
        None,
    )
    .await?;
    Ok(sent["id"].as_str().unwrap().to_owned())
}

/// An id that is made at [`NOW`].
fn new_id(number: i64) -> String {
    (((NOW * 1000 - EPOCH) << 22) + number).to_string()
}
