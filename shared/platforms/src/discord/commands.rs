//! Carrying commands out.

mod channels;
mod endpoint;
mod messages;
mod posts;
mod shape;
mod split;

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Discord, answer, not_answered};
use crate::{CommandCall, CommandError, CommandFuture, CommandRunner, CommandSpec, SendError};
use endpoint::Request;

/// A list of a thousand members takes half a megabyte.
const MAX_BODY: usize = 8 << 20;
/// The longest rate limit that a command of several requests waits out between them.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// How often one request of them is tried.
const MAX_TRIES: u32 = 4;

impl CommandRunner for Discord {
    fn run<'a>(&'a self, call: &'a CommandCall) -> CommandFuture<'a> {
        Box::pin(self.carry_out(call))
    }
}

/// A call with its arguments in the form that goes over the wire.
struct Checked<'a> {
    call: &'a CommandCall,
    command: &'static CommandSpec,
    args: Map<String, Value>,
}

impl Checked<'_> {
    /// An argument that is a text on the wire, ids included; empty where it is not given.
    fn text(&self, name: &str) -> &str {
        self.args.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn failure(&self, error: SendError) -> CommandError {
        CommandError::of(self.command, error)
    }
}

impl Discord {
    async fn carry_out(&self, call: &CommandCall) -> Result<Value, CommandError> {
        let command = call.command;
        let args = command
            .read_args(&call.args)
            .map_err(|problems| CommandError::Arguments {
                command: command.name,
                problems,
            })?;
        let checked = Checked { call, command, args };
        match command.name {
            "channels.get" => self.get_channel(&checked).await,
            "channels.get_or_create" => self.get_or_create_channel(&checked).await,
            "forum.list_posts" => self.list_posts(&checked).await,
            "messages.send" => self.send_messages(&checked).await,
            "messages.clear" => self.clear_messages(&checked).await,
            "messages.bulk_delete" => self.bulk_delete_messages(&checked).await,
            _ => {
                let request = endpoint::request(&checked);
                let body = self.ask(&request).await.map_err(|error| checked.failure(error))?;
                shape::result(&checked, body).map_err(|error| checked.failure(error))
            }
        }
    }

    /// Makes one attempt; `Null` where the answer has no body or none is wanted.
    async fn ask(&self, request: &Request) -> Result<Value, SendError> {
        let mut url = self.url(&request.segments);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut sent = self.client.request(request.method.clone(), url);
        if let Some(reason) = &request.reason {
            sent = sent.header("x-audit-log-reason", reason);
        }
        if let Some(body) = &request.body {
            sent = sent.json(body);
        }
        match sent.send().await {
            Ok(response) if request.is_status_enough => answer::success(response).await.map(|()| Value::Null),
            Ok(response) => answer::json(response, MAX_BODY).await,
            Err(error) => Err(not_answered(&error)),
        }
    }

    /// As [`Self::ask`], for what follows on an earlier request of the same command: short rate limits are waited out,
    /// because the command cannot be left where it stands.
    async fn ask_next(&self, request: &Request) -> Result<Value, SendError> {
        let mut tries = 1;
        loop {
            match self.ask(request).await {
                Err(SendError::NotSent {
                    retry_after: Some(wait),
                    ..
                }) if wait <= MAX_PAUSE && tries < MAX_TRIES => {
                    tokio::time::sleep(wait).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::command::Answer;
    use crate::discord::catalogue;

    #[test]
    fn only_commands_of_their_own_code_are_composed() {
        let composed: Vec<_> = catalogue::commands()
            .filter(|command| matches!(command.answer, Answer::Composed))
            .map(|command| command.name)
            .collect();
        let expected = [
            "channels.get",
            "channels.get_or_create",
            "messages.send",
            "messages.clear",
            "messages.bulk_delete",
            "forum.list_posts",
        ];
        assert_eq!(composed, expected);
    }
}
