//! What stands around narratives in tests: files, commands, media and state in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use botticelli_llm::{Media, MediaKind};
use botticelli_narrative::{
    ArgumentKind, CommandCall, CommandProblem, CommandRunner, Commands, Files, MediaFetcher, PortError, PortFuture,
    StateReader,
};
use serde_json::Value;

/// Files by name.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) BTreeMap<&'static str, &'static str>);

impl Files for Shelf {
    fn text(&self, name: &str) -> Result<String, String> {
        let text = self.0.get(name).map(|text| (*text).to_owned());
        text.ok_or_else(|| format!("there is no file `{name}`"))
    }

    fn media(&self, name: &str, kind: Option<MediaKind>, mime: Option<&str>) -> Result<Media, String> {
        let text = self.text(name)?;
        let guessed = match name.rsplit('.').next() {
            Some("md") => "text/markdown",
            Some("pdf") => "application/pdf",
            _ => "image/png",
        };
        Ok(medium(kind.unwrap_or(MediaKind::Image), mime.unwrap_or(guessed), &text))
    }

    fn decoded(&self, base64: &str, kind: Option<MediaKind>, mime: Option<&str>) -> Result<Media, String> {
        Ok(medium(
            kind.unwrap_or(MediaKind::Image),
            mime.unwrap_or("image/png"),
            base64,
        ))
    }
}

pub(crate) fn medium(kind: MediaKind, mime: &str, bytes: &str) -> Media {
    Media {
        kind,
        mime: mime.to_owned(),
        filename: None,
        bytes: Arc::from(bytes.as_bytes()),
    }
}

/// A platform with one command, `messages.send`, that wants `channel_id` and `content`.
pub(crate) struct OneCommand;

impl Commands for OneCommand {
    fn check(&self, platform: &str, command: &str, args: &[(String, Option<Value>)]) -> Vec<CommandProblem> {
        let problem = |argument: Option<&str>, message: String| CommandProblem {
            argument: argument.map(str::to_owned),
            message,
            help: None,
        };
        if (platform, command) != ("discord", "messages.send") {
            return vec![problem(None, format!("{platform} has no command `{command}`"))];
        }
        let mut problems = Vec::new();
        for wanted in ["channel_id", "content"] {
            if args.iter().all(|(key, _)| key != wanted) {
                problems.push(problem(None, format!("`{command}` wants `{wanted}`")));
            }
        }
        for (key, value) in args {
            if key == "channel_id"
                && value
                    .as_ref()
                    .is_some_and(|id| id.as_str().is_none_or(|id| id.parse::<u64>().is_err()))
            {
                problems.push(problem(Some(key), "`channel_id` is not a number in quotes".to_owned()));
            }
        }
        problems
    }

    fn kind(&self, _: &str, _: &str, _: &str) -> ArgumentKind {
        ArgumentKind::Value
    }
}

/// A platform with one command that takes a `table`, a `filter` and whatever else.
pub(crate) struct Rows;

impl Commands for Rows {
    fn check(&self, _: &str, _: &str, _: &[(String, Option<Value>)]) -> Vec<CommandProblem> {
        Vec::new()
    }

    fn kind(&self, platform: &str, command: &str, argument: &str) -> ArgumentKind {
        match (platform, command, argument) {
            ("database", "change", "table") => ArgumentKind::Name,
            ("database", "change", "filter") => ArgumentKind::Filter,
            _ => ArgumentKind::Value,
        }
    }
}

/// Answers commands and addresses with what is prepared for them, and remembers what was asked.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) answers: BTreeMap<&'static str, Value>,
    pub(crate) calls: Mutex<Vec<CommandCall>>,
    pub(crate) media: BTreeMap<&'static str, Media>,
    pub(crate) fetched: Mutex<Vec<String>>,
    pub(crate) state: BTreeMap<String, Value>,
}

impl CommandRunner for World {
    fn run<'a>(&'a self, call: &'a CommandCall) -> PortFuture<'a, Result<Value, PortError>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(call.clone());
            let answer = self.answers.get(call.command.as_str()).cloned();
            Ok(answer.ok_or_else(|| PortError::new("50013: missing permissions")))
        })
    }
}

impl MediaFetcher for World {
    fn fetch<'a>(&'a self, url: &'a str, _: Option<MediaKind>, _: Option<&'a str>) -> PortFuture<'a, Media> {
        Box::pin(async move {
            self.fetched.lock().unwrap().push(url.to_owned());
            let media = self.media.get(url).cloned();
            media.ok_or_else(|| PortError::new("it answered 404"))
        })
    }
}

impl StateReader for World {
    fn read<'a>(&'a self, keys: &'a [String]) -> PortFuture<'a, BTreeMap<String, Value>> {
        Box::pin(async move {
            let known = keys
                .iter()
                .filter_map(|key| Some((key.clone(), self.state.get(key)?.clone())));
            Ok(known.collect())
        })
    }
}
