//! Whether an answer is what was asked for.

use std::collections::BTreeMap;

use botticelli_llm::{ErrorClass, LlmError, Reply};
use serde_json::Value;

use super::{
    ActFailure,
    extraction::{json_in, looks_like_json},
};
use crate::narrative::{Answer, Capture};

/// An answer that can be used.
pub(super) struct Usable {
    /// Without surrounding blanks; JSON that stood in the midst of other words stands alone here.
    pub(super) text: String,
    pub(super) json: Option<Value>,
    /// The model's words, where they are not the text.
    pub(super) raw: Option<String>,
}

/// A reply that cannot be used, and why.
pub(super) fn unusable(reply: &Reply, provider: &str, why: &str) -> LlmError {
    LlmError::new(ErrorClass::Malformed, provider, why)
        .with_model(&reply.model)
        .with_answer(&reply.text)
        .with_usage(reply.usage)
}

/// Reads `reply` as what was asked for.
///
/// # Errors
///
/// [`LlmError`] of the class `Malformed`, with the reply's text and usage.
pub(super) fn read(answer: &Answer, captures: &[Capture], reply: &Reply, provider: &str) -> Result<Usable, LlmError> {
    let bad = |detail: &str| unusable(reply, provider, detail);
    let text = reply.text.trim();
    if text.is_empty() {
        return Err(bad("it is blank"));
    }
    let plain = || Usable {
        text: text.to_owned(),
        json: None,
        raw: None,
    };
    let usable = match answer {
        Answer::Text => match &reply.json {
            None => Ok(plain()),
            Some(_) => Err(bad("it is JSON where text was asked for")),
        },
        Answer::Schema(_) => match &reply.json {
            Some(json) => Ok(Usable {
                json: Some(json.clone()),
                ..plain()
            }),
            None => Err(bad("it is text where JSON was asked for")),
        },
        Answer::TextOrJson if !looks_like_json(text) => Ok(plain()),
        Answer::TextOrJson | Answer::Json => {
            let json = json_in(text).ok_or_else(|| bad("it is not JSON, or not whole"))?;
            let is_bare = serde_json::from_str::<Value>(text).is_ok();
            Ok(Usable {
                text: if is_bare { text.to_owned() } else { json.to_string() },
                raw: (!is_bare).then(|| reply.text.clone()),
                json: Some(json),
            })
        }
    }?;
    match captured(captures, &usable.text, usable.json.as_ref()) {
        Ok(_) => Ok(usable),
        Err(missing) => Err(bad(&missing.to_string())),
    }
}

/// The parts of a reply that are kept in the state.
///
/// # Errors
///
/// [`ActFailure::NoCapture`] of the first that is not there.
pub(super) fn captured(
    captures: &[Capture],
    text: &str,
    json: Option<&Value>,
) -> Result<BTreeMap<String, Value>, ActFailure> {
    let whole = || json.cloned().unwrap_or_else(|| Value::from(text));
    let kept = captures.iter().map(|capture| {
        let part = capture.path.part(&whole()).cloned();
        let part = part.ok_or_else(|| ActFailure::NoCapture {
            key: capture.key.clone(),
            path: capture.path.clone(),
        });
        Ok((capture.key.clone(), part?))
    });
    kept.collect()
}

/// What a model is told about an answer that cannot be used.
pub(super) fn complaint(why: &str) -> String {
    format!(
        "Your answer cannot be used: {why}. Give the whole answer again, corrected, as JSON only and without any other words."
    )
}
