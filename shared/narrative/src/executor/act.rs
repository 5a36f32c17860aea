//! One act: its inputs, its call and its record.

use botticelli_llm::{ErrorClass, LanguageModel, LlmError, Message, Request, Timeouts, Usage};
use tracing::{Instrument as _, Span, field};

use super::{ActFailure, RunOptions, seed::seed_of};
use crate::{
    narrative::{Act, InputSource, Narrative, Question, TableInput},
    ports::{ActRecord, Ports},
    table::render,
    template::{Reply, Values},
};

/// What stands in the conversation for a question whose every part has `history_retention = "drop"`.
const DROPPED: &str = "(omitted)";

/// One playing of a narrative: what its acts have said so far.
pub(super) struct Frame<'n> {
    pub(super) ports: &'n Ports<'n>,
    pub(super) options: &'n RunOptions,
    pub(super) narrative: &'n Narrative,
    /// The carousel's counter, from 1.
    pub(super) iteration: u32,
    /// The carousel's end.
    pub(super) iterations: u32,
    /// The turns that later acts see.
    pub(super) conversation: Vec<Message>,
    /// The replies that later texts may name.
    pub(super) replies: Vec<Reply>,
}

impl Frame<'_> {
    /// Adds a turn of each side to the conversation.
    pub(super) fn say(&mut self, question: String, answer: String) {
        self.conversation.push(Message::user(question));
        self.conversation.push(Message::assistant(answer));
    }

    /// The record of `act`: the saved one, or the one that `playing` gives, which is saved then; true for a saved one.
    pub(super) async fn record(
        &self,
        act: &Act,
        step: &str,
        playing: impl Future<Output = Result<ActRecord, ActFailure>> + Send,
    ) -> Result<(ActRecord, bool), ActFailure> {
        let key = format!("{}{step}", self.options.step_prefix);
        let store = self.ports.checkpoints;
        let failed = |source| ActFailure::Checkpoint {
            step: key.clone(),
            source,
        };
        if let Some(record) = store.load(&key).await.map_err(failed)? {
            return Ok((record, true));
        }
        let span = tracing::info_span!(
            "act.run",
            "narrative.name" = self.narrative.name,
            "act.name" = act.name,
            "act.index" = self.replies.len(),
            "llm.model" = field::Empty,
            "llm.tokens_in" = field::Empty,
            "llm.tokens_out" = field::Empty,
        );
        let record = playing.instrument(span).await?;
        store.save(&key, &record).await.map_err(failed)?;
        Ok((record, false))
    }
}

/// Asks the model.
pub(super) async fn ask(
    frame: &Frame<'_>,
    act: &Act,
    question: &Question,
    step: &str,
) -> Result<ActRecord, ActFailure> {
    let options = frame.options;
    let values = Values {
        replies: &frame.replies,
        iteration: frame.iteration,
        iterations: frame.iterations,
        arguments: &options.args,
    };
    let mut parts = Vec::new();
    for input in &question.inputs {
        let text = match &input.source {
            InputSource::Text(template) => template.render(&values)?,
            InputSource::Table(table) => rows(frame, table).await?,
        };
        parts.push((text, input.kept));
    }
    let whole = joined(parts.iter().map(|(text, _)| text.as_str()));
    if whole.is_empty() {
        return Err(ActFailure::BlankPrompt);
    }
    let kept = joined(parts.iter().filter(|(_, kept)| *kept).map(|(text, _)| text.as_str()));

    let mut messages = frame.conversation.clone();
    messages.push(Message::user(whole));
    let request = Request {
        model: question.model.clone(),
        system: question
            .system
            .as_ref()
            .map(|system| system.render(&values).map(Into::into))
            .transpose()?,
        schema: question.schema.clone(),
        max_tokens: question.max_tokens,
        temperature: question.temperature,
        seed: options.seed.map(|seed| seed_of(seed, step)),
        ..Request::of(messages, Timeouts::within(options.act_timeout))
    };
    let model = frame.ports.model;
    let reply = model.generate(&request).await?;
    let span = Span::current();
    span.record("llm.model", reply.model.as_str());
    span.record("llm.tokens_in", reply.usage.input_tokens);
    span.record("llm.tokens_out", reply.usage.output_tokens);

    let text = reply.text.trim();
    if text.is_empty() {
        return Err(unusable(model, reply, "it is blank"));
    }
    if request.schema.is_some() != reply.json.is_some() {
        return Err(unusable(
            model,
            reply,
            "it is JSON where text was asked for, or text where JSON was",
        ));
    }
    Ok(ActRecord {
        narrative: frame.narrative.name.clone(),
        act: act.name.clone(),
        iteration: frame.iteration,
        prompt: Some(if kept.is_empty() { DROPPED.to_owned() } else { kept }),
        reply: text.to_owned(),
        json: reply.json,
        provider: Some(model.provider().to_owned()),
        model: Some(reply.model),
        usage: reply.usage,
        finish: Some(reply.finish),
    })
}

fn unusable(model: &dyn LanguageModel, reply: botticelli_llm::Reply, detail: &str) -> ActFailure {
    LlmError::new(ErrorClass::Malformed, model.provider(), detail)
        .with_model(reply.model)
        .with_usage(reply.usage)
        .with_answer(reply.text)
        .into()
}

/// Brings the rows of an act that asks no model.
pub(super) async fn fetch(frame: &Frame<'_>, act: &Act, tables: &[TableInput]) -> Result<ActRecord, ActFailure> {
    let mut parts = Vec::new();
    for table in tables {
        parts.push(rows(frame, table).await?);
    }
    Ok(ActRecord {
        narrative: frame.narrative.name.clone(),
        act: act.name.clone(),
        iteration: frame.iteration,
        prompt: None,
        reply: joined(parts.iter().map(String::as_str)),
        json: None,
        provider: None,
        model: None,
        usage: Usage::default(),
        finish: None,
    })
}

async fn rows(frame: &Frame<'_>, input: &TableInput) -> Result<String, ActFailure> {
    let query = &input.query;
    let rows = frame
        .ports
        .tables
        .read(query)
        .await
        .map_err(|source| ActFailure::Table {
            table: query.table.clone(),
            source,
        })?;
    if rows.is_empty() {
        // Asked about nothing, a model invents something.
        return if input.required {
            Err(ActFailure::NoRows {
                table: query.table.clone(),
            })
        } else {
            Ok(String::new())
        };
    }
    Ok(render(input.format, &query.columns, &rows))
}

/// The parts that say something, with a blank line between them.
fn joined<'t>(parts: impl Iterator<Item = &'t str>) -> String {
    parts
        .filter(|part| !part.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}
