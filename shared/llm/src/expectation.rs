//! Our own check of every answer against the request's JSON schema.
//!
//! Providers promise to enforce schemas, and some of them drop `pattern` and lengths or ignore the whole schema silently.

use std::sync::Arc;

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::compiled_schemas::compiled;
use crate::{ErrorClass, Finish, LanguageModel, LlmError, Message, Request, Role};

/// Broken rules that are named in one message. More would not help a model or a reader to correct the answer.
const NAMED_BREACHES: usize = 3;

/// What a request wants the text of its answer to be.
pub(crate) struct Expectation {
    provider: String,
    schema: Option<Arc<Validator>>,
    max_tokens: Option<u32>,
}

impl Expectation {
    /// Looks at `request` before `backend` is asked: compiles its schema, so that a wrong one is found before the model is
    /// paid for an answer, and makes sure that the backend can take its files.
    ///
    /// # Errors
    ///
    /// [`ErrorClass::Invalid`] when the schema is not one, [`ErrorClass::Unsupported`] for a file that cannot be shown.
    pub(crate) fn of(request: &Request, backend: &dyn LanguageModel) -> Result<Self, LlmError> {
        let provider = backend.provider();
        let mut answers = request
            .messages
            .iter()
            .filter(|message| message.role == Role::Assistant);
        if answers.any(|message| message.media().next().is_some()) {
            let detail = "the model's side of the conversation shows a file, and only the user's side can";
            return Err(LlmError::new(ErrorClass::Unsupported, provider, detail));
        }
        let mut shown = request.messages.iter().flat_map(Message::media);
        if let Some(media) = shown.find(|media| !backend.takes(media.kind)) {
            let detail = format!(
                "it takes no files of the kind `{}`; leave the file out or ask another provider",
                media.kind
            );
            return Err(LlmError::new(ErrorClass::Unsupported, provider, detail));
        }
        let schema = match &request.schema {
            None => None,
            Some(schema) => Some(compiled(schema).map_err(|error| {
                let detail = format!(
                    "the JSON schema of the reply is not valid: {}; correct the schema",
                    breach(&error)
                );
                LlmError::new(ErrorClass::Invalid, provider, detail)
            })?),
        };
        Ok(Self {
            provider: provider.to_owned(),
            schema,
            max_tokens: request.max_tokens,
        })
    }

    /// The JSON of an answer, `None` for free text.
    ///
    /// # Errors
    ///
    /// [`ErrorClass::Malformed`] in the name of `model` when the text is empty, not JSON or against the schema,
    /// [`ErrorClass::Truncated`] when the token limit cut its JSON short. Both carry the text.
    pub(crate) fn read(&self, text: &str, finish: Finish, model: &str) -> Result<Option<Value>, LlmError> {
        let unusable = |class: ErrorClass, detail: String| {
            LlmError::new(class, self.provider.as_str(), detail)
                .with_model(model)
                .with_answer(text)
        };
        let bad = |detail: String| unusable(ErrorClass::Malformed, detail);
        let nul = || bad("it holds the character U+0000, which nothing here can store".to_owned());
        if text.contains('\0') {
            return Err(nul());
        }
        let Some(validator) = &self.schema else {
            return match text.trim() {
                "" if finish == Finish::Length => Err(unusable(
                    ErrorClass::Truncated,
                    "the token limit cut it before its first word; raise `max_tokens`, which reasoning counts against"
                        .to_owned(),
                )),
                "" => Err(bad("the text is empty".to_owned())),
                _ => Ok(None),
            };
        };
        if finish == Finish::Length {
            let limit = self.max_tokens.map_or_else(
                || "the token limit".to_owned(),
                |limit| format!("the limit of {limit} tokens"),
            );
            return Err(unusable(
                ErrorClass::Truncated,
                format!("{limit} cut the JSON short; raise `max_tokens` or ask for less"),
            ));
        }
        let json = serde_json::from_str(without_fence(text))
            .map_err(|error| bad(format!("not JSON ({error}): `{}`", excerpt(text))))?;
        if holds_nul(&json) {
            return Err(nul());
        }
        let breaches: Vec<String> = validator
            .iter_errors(&json)
            .take(NAMED_BREACHES)
            .map(|error| breach(&error))
            .collect();
        if breaches.is_empty() {
            Ok(Some(json))
        } else {
            Err(bad(format!("against the JSON schema: {}", breaches.join("; "))))
        }
    }
}

/// Whether a string of the JSON, written with an escape, holds the one character that PostgreSQL refuses.
fn holds_nul(json: &Value) -> bool {
    match json {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Where a rule is broken and which rule it is. The value itself stays out: it may be a page of text.
fn breach(error: &ValidationError<'_>) -> String {
    let place = match error.instance_path().as_str() {
        "" => "the root",
        pointer => pointer,
    };
    format!(
        "at `{place}` {} (rule `{}`)",
        error.masked_with("the value"),
        error.schema_path()
    )
}

/// Models without grammars like to wrap their JSON in a Markdown code fence.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .map_or(text, |body| body.strip_prefix("json").unwrap_or(body).trim())
}

/// The start of a foreign text on one line, short enough for an error message and without control characters: they would
/// steer the terminal of whoever reads it, and a database refuses one of them.
pub(crate) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 200;
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|letter| !letter.is_control());
    match line.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{Media, MediaKind, Part, Scripted, Timeouts};

    fn expected(request: &Request) -> Result<Expectation, LlmError> {
        Expectation::of(request, &Scripted::repeating([]))
    }

    fn request(schema: Value) -> Request {
        Request {
            schema: Some(schema.into()),
            max_tokens: Some(7),
            ..Request::of([], Timeouts::within(Duration::from_secs(1)))
        }
    }

    fn read(schema: Value, text: &str) -> Result<Option<Value>, String> {
        expected(&request(schema))
            .and_then(|expected| expected.read(text, Finish::Stop, "m"))
            .map_err(|error| error.to_string())
    }

    fn post() -> Value {
        json!({
            "type": "object",
            "properties": {"title": {"type": "string", "pattern": "^[A-Z]"}, "tags": {"items": {"enum": ["a", "b"]}}},
            "required": ["title"],
        })
    }

    #[test]
    fn a_breach_names_the_pointer_and_the_rule() {
        let Err(message) = read(post(), r#"{"title": "lower", "tags": ["a", "c"]}"#) else {
            panic!("the answer breaks two rules");
        };
        assert!(
            message.contains("`/title`") && message.contains("`/properties/title/pattern`"),
            "{message}"
        );
        assert!(
            message.contains("`/tags/1`") && message.contains("`/properties/tags/items/enum`"),
            "{message}"
        );
        assert!(!message.contains("lower"), "{message}");
    }

    #[test]
    fn a_missing_property_is_reported_at_the_root() {
        let Err(message) = read(post(), "{}") else {
            panic!("the title is missing");
        };
        assert!(message.contains("the root") && message.contains("title"), "{message}");
    }

    #[test]
    fn json_inside_a_code_fence_is_read() {
        assert_eq!(
            read(post(), "```json\n{\"title\": \"Up\"}\n```"),
            Ok(Some(json!({"title": "Up"})))
        );
    }

    #[test]
    fn text_that_is_not_json_is_quoted() {
        let Err(message) = read(post(), "Sure! Here is your post:") else {
            panic!("this is prose");
        };
        assert!(
            message.contains("not JSON") && message.contains("Sure! Here"),
            "{message}"
        );
    }

    #[test]
    fn a_schema_that_is_not_one_is_refused_with_its_place() {
        let Err(message) = read(json!({"properties": {"title": {"type": "strin"}}}), "{}") else {
            panic!("there is no such type");
        };
        assert!(
            message.contains("refused") && message.contains("/properties/title/type"),
            "{message}"
        );
    }

    #[test]
    fn a_schema_with_a_foreign_reference_is_refused_and_nothing_is_fetched() {
        let Err(message) = read(json!({"$ref": "http://127.0.0.1:1/post.json"}), "{}") else {
            panic!("the reference cannot be resolved");
        };
        assert!(
            message.contains("not valid") && message.contains("127.0.0.1:1"),
            "{message}"
        );
    }

    #[test]
    fn json_that_the_token_limit_cut_is_truncated_and_carries_its_text() {
        let result =
            expected(&request(post())).and_then(|expected| expected.read(r#"{"title": "A"}"#, Finish::Length, "m"));
        let Err(error) = result else {
            panic!("the answer was cut");
        };
        assert_eq!(error.class, ErrorClass::Truncated);
        assert!(error.detail.contains("7 tokens"), "{error}");
        assert_eq!(error.answer.as_deref(), Some(r#"{"title": "A"}"#));
    }

    #[test]
    fn an_answer_with_a_nul_character_is_a_bad_reply_however_it_is_written() {
        for text in ["{\"title\": \"A\0\"}", r#"{"title": "A\u0000"}"#] {
            let Err(message) = read(post(), text) else {
                panic!("{text:?} cannot be stored");
            };
            assert!(message.contains("U+0000"), "{message}");
        }
    }

    #[test]
    fn a_file_that_the_backend_cannot_take_is_unsupported() {
        struct Blind;
        impl LanguageModel for Blind {
            fn generate<'a>(&'a self, request: &'a Request) -> crate::ReplyFuture<'a> {
                Box::pin(async {
                    Expectation::of(request, self)?;
                    Err(LlmError::timed_out("blind", Duration::ZERO))
                })
            }
            fn provider(&self) -> &'static str {
                "blind"
            }
        }
        let picture = Media {
            kind: MediaKind::Image,
            mime: "image/png".to_owned(),
            filename: None,
            bytes: [1].into(),
        };
        let turn = Message::of(Role::User, [Part::Media(picture.into())]);
        let request = Request::of([turn], Timeouts::within(Duration::from_secs(1)));
        let Err(error) = Expectation::of(&request, &Blind) else {
            panic!("the backend is blind");
        };
        assert_eq!(error.class, ErrorClass::Unsupported);
        assert!(error.to_string().contains("`image`"), "{error}");
        assert!(expected(&request).is_ok());
        let answer = Message::of(Role::Assistant, Arc::clone(&request.messages[0].parts));
        let request = Request::of([answer], request.timeouts);
        assert!(expected(&request).is_err_and(|error| error.class == ErrorClass::Unsupported));
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("<html>\n  <body>"), "<html> <body>");
        assert_eq!(excerpt("a\0b\u{1b}[2J"), "ab[2J");
        assert_eq!(excerpt(&"é".repeat(500)).chars().count(), 201);
    }
}
