//! A request for a chat completion, read strictly where it matters.

mod answer_form;
mod conversation;
mod elsewhere;

use botticelli_llm::{Request, Timeouts};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::refusal::Refusal;
use conversation::Conversation;

/// `OpenAI`'s limit.
const MOST_STOPS: usize = 4;

/// What a client wants to know, and how it wants to be told.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: Request,
    /// Whether the answer is to come piece by piece.
    pub(crate) is_streamed: bool,
    /// Whether a streamed answer ends with what it took.
    pub(crate) tells_usage: bool,
}

impl Question {
    /// The question of `body` to the model that is called `model` here.
    ///
    /// # Errors
    ///
    /// What of it cannot be done, with the parameter's name.
    pub(crate) fn read(body: &[u8], model: &str, timeouts: Timeouts) -> Result<Self, Refusal> {
        let fields: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Refusal::unreadable(format!("the body is not a JSON object ({error})")))?;
        let fields = Fields(fields);
        if let Some(other) = fields.read::<String>("model")?.filter(|asked| asked != model) {
            return Err(Refusal::unknown_model(&other, model));
        }
        elsewhere::refuse(&fields)?;
        let Conversation { system, messages } = Conversation::read(&fields)?;
        let request = Request {
            // Whatever it is called here, the backend knows its own.
            model: None,
            system,
            messages,
            schema: answer_form::schema(&fields)?,
            max_tokens: max_tokens(&fields)?,
            temperature: fields.between("temperature", 0.0, 2.0)?,
            top_p: fields.between("top_p", 0.0, 1.0)?,
            stop: stop(&fields)?,
            // Any bits are a seed, and clients may send negative ones.
            seed: fields.read::<i64>("seed")?.map(i64::cast_unsigned),
            timeouts,
        };
        let stream_options: Option<StreamOptions> = fields.read("stream_options")?;
        Ok(Self {
            request,
            is_streamed: fields.read("stream")?.unwrap_or(false),
            tells_usage: stream_options
                .and_then(|options| options.include_usage)
                .unwrap_or(false),
        })
    }
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// The parameters of a request. `null` is as good as none.
struct Fields(Map<String, Value>);

impl Fields {
    fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let value = self.value(name).map(T::deserialize).transpose();
        value.map_err(|error| Refusal::invalid(name, format!("`{name}` cannot be read: {error}")))
    }

    fn between(&self, name: &str, least: f32, most: f32) -> Result<Option<f32>, Refusal> {
        let number = self.read::<f32>(name)?;
        if number.is_some_and(|number| !(least..=most).contains(&number)) {
            return Err(Refusal::invalid(
                name,
                format!("`{name}` is not between {least} and {most}"),
            ));
        }
        Ok(number)
    }
}

/// `max_completion_tokens`, or `max_tokens`, its name before the reasoning models.
fn max_tokens(fields: &Fields) -> Result<Option<u32>, Refusal> {
    let mut limit = None;
    for name in ["max_completion_tokens", "max_tokens"] {
        let number = fields.read::<u32>(name)?;
        if number == Some(0) {
            return Err(Refusal::invalid(
                name,
                format!("`{name}` is 0; write at least 1, or leave it out"),
            ));
        }
        match (limit, number) {
            (Some(limit), Some(number)) if limit != number => {
                let message = "`max_tokens` and `max_completion_tokens` are not the same; leave one of them out";
                return Err(Refusal::invalid(name, message));
            }
            (None, number) => limit = number,
            _ => {}
        }
    }
    Ok(limit)
}

fn stop(fields: &Fields) -> Result<Vec<String>, Refusal> {
    let stops = match fields.value("stop") {
        Some(Value::String(one)) => vec![one.clone()],
        _ => fields.read::<Vec<String>>("stop")?.unwrap_or_default(),
    };
    if stops.len() > MOST_STOPS {
        return Err(Refusal::invalid(
            "stop",
            format!("`stop` has more than {MOST_STOPS} texts; leave some out"),
        ));
    }
    if stops.iter().any(String::is_empty) {
        return Err(Refusal::invalid("stop", "a text of `stop` is empty; leave it out"));
    }
    Ok(stops)
}
