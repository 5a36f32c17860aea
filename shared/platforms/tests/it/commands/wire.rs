//! Every command on the wire: its method, path, query, body and answer.

mod in_channel;
mod in_server;

use botticelli_platforms::{Effect, commands};
use botticelli_testkit::StubDiscord;
use serde_json::Value;

use super::{CHANNEL, GUILD, run, sent_message};
use crate::TestResult;
use in_channel::{of_channels, of_messages, of_reactions, of_threads};
use in_server::{of_events, of_members, of_roles, of_server};

const THREAD: &str = "1200000000000000001";
const USER: &str = "1300000000000000001";
const ROLE: &str = "1400000000000000001";
const EVENT: &str = "1500000000000000001";

/// A command, its arguments, the request that does it, its body, and fields of the answer.
struct Row {
    command: &'static str,
    args: Value,
    request: String,
    body: Value,
    answer: Value,
}

fn row(command: &'static str, args: Value, request: impl Into<String>, body: Value, answer: Value) -> Row {
    let request = request.into();
    Row {
        command,
        args,
        request,
        body,
        answer,
    }
}

fn rows(message: &str) -> Vec<Row> {
    let mut rows = of_server();
    rows.extend(of_events());
    rows.extend(of_members());
    rows.extend(of_roles());
    rows.extend(of_channels());
    rows.extend(of_messages(message));
    rows.extend(of_reactions(message));
    rows.extend(of_threads());
    rows
}

#[tokio::test]
async fn every_command_sends_what_discord_documents_and_answers_what_upstream_did() -> TestResult {
    let mut seen = Vec::new();
    for number in 0.. {
        // A server of its own for each command, because some of them delete what others look at.
        let stub = StubDiscord::start().await;
        stub.add_channel(GUILD, CHANNEL, "general", 0);
        let message = sent_message(&stub, "Ciao").await?;
        let Some(row) = rows(&message).into_iter().nth(number) else {
            break;
        };
        let answer = run(&stub, row.command, &row.args, Some("n1"))
            .await
            .map_err(|error| error.to_string())?;

        let request = stub.requests().pop().ok_or("nothing was sent")?;
        let sent = format!("{} {}", request.method, request.path.trim_start_matches("/api/v10/"));
        assert_eq!(sent, row.request, "{}", row.command);
        assert_eq!(request.body, row.body, "{}", row.command);
        assert!(
            holds(&answer, &row.answer),
            "{}: {answer:#} lacks {:#}",
            row.command,
            row.answer
        );
        seen.push(row.command);
    }
    let all = commands("discord").map(|command| command.name);
    let untested: Vec<_> = all.filter(|name| !seen.contains(name)).collect();
    assert!(untested.is_empty(), "{untested:?}");
    Ok(())
}

#[tokio::test]
async fn every_answer_but_a_list_is_an_object_and_reading_sends_no_body() -> TestResult {
    let stub = StubDiscord::start().await;
    stub.add_channel(GUILD, CHANNEL, "general", 0);
    let message = sent_message(&stub, "Ciao").await?;
    for row in rows(&message) {
        let command = botticelli_platforms::find("discord", row.command).ok_or("no such command")?;
        if command.effect == Effect::Read {
            let answer = run(&stub, row.command, &row.args, None)
                .await
                .map_err(|error| error.to_string())?;
            assert!(answer.is_object() || answer.is_array(), "{}: {answer}", row.command);
            assert!(
                stub.requests()
                    .iter()
                    .skip(1)
                    .all(|request| request.method == "GET" && request.body.is_null())
            );
        }
    }
    Ok(())
}

/// Whether each field of `part` is in `whole`, with lists of the same length.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|found| holds(found, value))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (whole, part) => whole == part,
    }
}
