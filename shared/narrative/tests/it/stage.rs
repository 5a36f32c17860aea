//! A model that says what it is told to, rows in memory, and a way to play a document with them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use botticelli_llm::{ErrorClass, Finish, LanguageModel, LlmError, Reply, ReplyFuture, Request, Timeouts, Usage};
use botticelli_narrative::{
    ActRecord, Audience, Checkpoints, NarrativeRun, OneModel, PortError, PortFuture, Ports, Receipt, Row, RunError,
    RunOptions, Surroundings, TableQuery, TableReader, open, run,
};
use serde_json::{Value, json};

use crate::surroundings::{Rows, Shelf, World};

/// What the scripted model does next.
pub(crate) enum Line {
    Say(&'static str),
    Fail,
    /// The call fails so.
    FailAs(ErrorClass),
}

#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) lines: Mutex<VecDeque<Line>>,
    pub(crate) rows: BTreeMap<String, Vec<Row>>,
    pub(crate) records: Mutex<BTreeMap<String, ActRecord>>,
    pub(crate) requests: Mutex<Vec<Request>>,
    pub(crate) queries: Mutex<Vec<TableQuery>>,
    /// The names of the reads.
    pub(crate) keys: Mutex<Vec<String>>,
    pub(crate) heard: Mutex<Vec<(String, bool)>>,
    /// Steps whose records cannot be saved.
    pub(crate) full: Vec<String>,
    pub(crate) world: World,
    pub(crate) files: Shelf,
    pub(crate) receipts: Mutex<Vec<(String, Receipt)>>,
}

impl Stage {
    pub(crate) fn saying(lines: impl IntoIterator<Item = &'static str>) -> Self {
        Self::with(lines.into_iter().map(Line::Say))
    }

    pub(crate) fn with(lines: impl IntoIterator<Item = Line>) -> Self {
        Self {
            lines: Mutex::new(lines.into_iter().collect()),
            ..Self::default()
        }
    }

    pub(crate) fn rows(mut self, table: &str, rows: Value) -> Self {
        self.rows
            .insert(table.to_owned(), serde_json::from_value(rows).unwrap());
        self
    }

    pub(crate) async fn play(&self, text: &str) -> Result<NarrativeRun, RunError> {
        self.play_with(text, None, &options(json!({}))).await
    }

    pub(crate) async fn play_with(
        &self,
        text: &str,
        name: Option<&str>,
        options: &RunOptions,
    ) -> Result<NarrativeRun, RunError> {
        let surroundings = Surroundings {
            files: Some(&self.files),
            commands: Some(&Rows),
            environment: None,
        };
        let narrative = open("test.toml", text, &surroundings)
            .and_then(|file| file.narrative(name))
            .unwrap();
        crate::json_schema::must_accept(text);
        let models = OneModel(self);
        let ports = Ports {
            tables: self,
            commands: &self.world,
            media: &self.world,
            state: &self.world,
            audience: self,
            ..Ports::bare(&models, self)
        };
        run(&narrative, &ports, options).await
    }

    /// The conversations that the model was asked to continue, one line per message.
    pub(crate) fn conversations(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let lines = |request: &Request| {
            let said = request
                .messages
                .iter()
                .map(|message| format!("{:?}: {}", message.role, message.text()));
            said.collect::<Vec<_>>().join("\n")
        };
        requests.iter().map(lines).collect()
    }

    /// The last message of the `index`th request.
    pub(crate) fn prompt(&self, index: usize) -> String {
        self.requests.lock().unwrap()[index]
            .messages
            .last()
            .unwrap()
            .text()
            .into_owned()
    }
}

pub(crate) fn options(args: Value) -> RunOptions {
    RunOptions {
        args: serde_json::from_value(args).unwrap(),
        ..RunOptions::new(Timeouts::within(Duration::from_mins(1)))
    }
}

impl LanguageModel for Stage {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move {
            self.requests.lock().unwrap().push(request.clone());
            let line = self.lines.lock().unwrap().pop_front();
            match line {
                Some(Line::Say(text)) => Ok(Reply {
                    text: text.to_owned(),
                    json: request.schema.as_ref().and_then(|_| serde_json::from_str(text).ok()),
                    usage: Usage {
                        input_tokens: 10,
                        output_tokens: 2,
                        ..Usage::default()
                    },
                    finish: Finish::Stop,
                    model: request.model.clone().unwrap_or_else(|| "house".to_owned()),
                    request_id: None,
                    remaining: None,
                }),
                Some(Line::FailAs(class)) => Err(LlmError::new(class, "script", "as told")),
                Some(Line::Fail) | None => Err(LlmError::new(ErrorClass::Overloaded, "script", "no line left")),
            }
        })
    }

    fn provider(&self) -> &'static str {
        "script"
    }
}

impl TableReader for Stage {
    fn read<'a>(&'a self, query: &'a TableQuery, key: &'a str) -> PortFuture<'a, Option<Vec<Row>>> {
        Box::pin(async move {
            self.queries.lock().unwrap().push(query.clone());
            self.keys.lock().unwrap().push(key.to_owned());
            self.rows
                .get(&query.table)
                .cloned()
                .map(Some)
                .ok_or_else(|| PortError::new(format!("no table `{}`", query.table)))
        })
    }
}

impl Checkpoints for Stage {
    fn load<'a>(&'a self, step: &'a str) -> PortFuture<'a, Option<ActRecord>> {
        Box::pin(async move { Ok(self.records.lock().unwrap().get(step).cloned()) })
    }

    fn save<'a>(&'a self, step: &'a str, record: &'a ActRecord, receipts: &'a [Receipt]) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let paid = receipts.iter().map(|receipt| (step.to_owned(), receipt.clone()));
            self.receipts.lock().unwrap().extend(paid);
            if self.full.iter().any(|full| full == step) {
                return Err(PortError::new("the lease is lost"));
            }
            let earlier = self.records.lock().unwrap().insert(step.to_owned(), record.clone());
            assert!(earlier.is_none(), "step `{step}` was saved twice");
            Ok(())
        })
    }
}

impl Audience for Stage {
    fn ended(&self, _: &str, record: &ActRecord, is_resumed: bool) {
        self.heard.lock().unwrap().push((record.act.clone(), is_resumed));
    }
}
