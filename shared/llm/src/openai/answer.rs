//! What a successful response says.

use reqwest::StatusCode;

use super::wire::{Choice, Completion};
use super::{Foreign, rejection};
use crate::expectation::Expectation;
use crate::{Finish, LlmError, Reply, Usage};

/// Reads the body of a response with status 2xx.
pub(super) fn read(foreign: &Foreign<'_>, expected: &Expectation) -> Result<Reply, LlmError> {
    if foreign.body.trim_ascii().is_empty() {
        return Err(foreign.bad("the body is empty; check that `base_url` leads to the API".to_owned()));
    }
    let completion: Completion = serde_json::from_slice(foreign.body).map_err(|error| {
        foreign.bad(format!(
            "the body is not a chat completion ({error}): `{}`; check that `base_url` leads to the API",
            foreign.excerpt()
        ))
    })?;
    let Some(Choice { message, finish_reason }) = completion.choices.into_iter().next() else {
        return Err(match completion.error {
            Some(error) => rejection::classify(hidden_status(&error), foreign),
            None => foreign.bad(format!("the body holds no choices: `{}`", foreign.excerpt())),
        });
    };
    let (content, refusal) = message.map_or((None, None), |said| (said.content, said.refusal));
    if let Some(refusal) = refusal.filter(|text| !text.is_empty()) {
        return Err(foreign.declined(foreign.safe(&refusal)));
    }
    let finish = match finish_reason.as_deref() {
        Some("content_filter") => {
            return Err(foreign.declined("the provider's content filter stopped the answer".to_owned()));
        }
        Some(reason @ ("tool_calls" | "function_call")) => {
            return Err(foreign.bad(format!("it wants to call a tool (`{reason}`), and none was offered")));
        }
        Some("length") => Finish::Length,
        // Compatible services have names of their own for a regular end, and some have none.
        _ => Finish::Stop,
    };
    let model = completion.model.unwrap_or_else(|| foreign.model.to_owned());
    let text = content.unwrap_or_default();
    let json = expected.read(&text, finish, &model)?;
    let usage = completion.usage.map_or_else(Usage::default, |tokens| Usage {
        input_tokens: tokens.prompt_tokens,
        output_tokens: tokens.completion_tokens,
        ..Usage::default()
    });
    Ok(Reply {
        text,
        json,
        usage,
        finish,
        model,
        request_id: None,
        remaining: None,
    })
}

/// Gateways that have sent `200` already put the status of the service behind them into the error object.
fn hidden_status(error: &serde_json::Value) -> StatusCode {
    error
        .get("code")
        .and_then(serde_json::Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::BAD_GATEWAY)
}
