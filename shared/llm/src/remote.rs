//! A model behind HTTP, whatever it speaks: one call from the request to the checked reply.

mod connection;
mod foreign;
mod frames;
mod limits;
mod rejection;
mod said;

use tokio::time::timeout;

pub(crate) use connection::Connection;
pub(crate) use frames::Framing;
pub(crate) use said::{Counted, End, Said};

use crate::expectation::Expectation;
use crate::wires::{Asked, Dialect, Fault, Unsayable};
use crate::{ErrorClass, LanguageModel, LlmError, MediaKind, Reply, ReplyFuture, Request, Timeouts, Usage};
use connection::Body;
use foreign::Foreign;
use frames::Frames;

/// Text that has come so far, and who wants to hear of it.
type OnText<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A service and what it speaks.
pub(crate) struct Remote {
    pub(crate) connection: Connection,
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) model: String,
}

impl Remote {
    /// One call. What has come so far is kept in `said`, so that a call that ends badly still tells what it cost.
    async fn call(&self, asked: &Asked<'_>, on_text: Option<OnText<'_>>, said: &mut Said) -> Result<Reply, LlmError> {
        let request = asked.request;
        let expected = Expectation::of(request, self)?;
        let body = self.dialect.body(asked).map_err(|Unsayable(detail)| {
            LlmError::new(ErrorClass::Unsupported, self.provider(), detail).with_model(asked.model)
        })?;
        let endpoint = self.dialect.endpoint(&self.connection.base, asked);
        let mut body = self.connection.post(endpoint, body, request.timeouts).await?;
        if !body.status.is_success() {
            let bytes = body.remains().await;
            return Err(rejection::classify(&body.foreign(asked.model, &bytes)));
        }
        match on_text {
            Some(on_text) if body.is_streamed(self.dialect.framing()) => {
                self.listen(&mut body, asked, on_text, said).await?;
            }
            on_text => {
                let bytes = body.whole(asked.model).await?;
                let foreign = body.foreign(asked.model, &bytes);
                if bytes.trim_ascii().is_empty() {
                    return Err(foreign.bad("the body is empty; check that `base_url` leads to the API".to_owned()));
                }
                let read = self.dialect.whole(&bytes, said);
                read.map_err(|fault| fault_of(&fault, &foreign))?;
                if let Some(on_text) = on_text.filter(|_| !said.text.is_empty()) {
                    on_text(&said.text);
                }
            }
        }
        said.conclude(&expected, &body.foreign(asked.model, &[]), request)
    }

    /// Reads a streamed answer to its end.
    async fn listen(
        &self,
        body: &mut Body<'_>,
        asked: &Asked<'_>,
        on_text: OnText<'_>,
        said: &mut Said,
    ) -> Result<(), LlmError> {
        let mut frames = Frames::new(self.dialect.framing());
        let mut told = 0;
        while !said.is_complete {
            let Some(chunk) = body.chunk().await? else {
                frames.close();
                break;
            };
            frames.feed(&chunk);
            self.hear(&mut frames, body, asked, said)?;
            if frames.is_too_long() || said.text.len() > connection::BODY_LIMIT {
                return Err(body.too_long(asked.model));
            }
            if let Some(news) = said.text.get(told..).filter(|news| !news.is_empty()) {
                on_text(news);
                told = said.text.len();
            }
        }
        if !said.is_complete {
            self.hear(&mut frames, body, asked, said)
                .map_err(|error| match error.class {
                    // What stands behind the last line break is half an event when the connection was cut.
                    ErrorClass::Malformed if frames.has_events() => body.cut_short(),
                    _ => error,
                })?;
        }
        if let Some(news) = said.text.get(told..).filter(|news| !news.is_empty()) {
            on_text(news);
        }
        if said.is_complete || said.end.is_some() {
            Ok(())
        } else if frames.has_events() {
            Err(body.cut_short())
        } else {
            let foreign = body.foreign(asked.model, frames.beginning());
            Err(foreign.bad(format!(
                "the body holds no events: `{}`; check that `base_url` leads to the API",
                foreign.excerpt()
            )))
        }
    }

    fn hear(&self, frames: &mut Frames, body: &Body<'_>, asked: &Asked<'_>, said: &mut Said) -> Result<(), LlmError> {
        while let Some(event) = frames.next() {
            if said.is_complete {
                break;
            }
            let heard = self.dialect.event(&event, said);
            heard.map_err(|fault| fault_of(&fault, &body.foreign(asked.model, &event)))?;
        }
        Ok(())
    }

    async fn answer(&self, request: &Request, on_text: Option<OnText<'_>>) -> Result<Reply, LlmError> {
        let asked = Asked {
            request,
            model: request.model.as_deref().unwrap_or(&self.model),
            is_streamed: on_text.is_some(),
        };
        let Timeouts { total, .. } = request.timeouts;
        let mut said = Said::default();
        let outcome = timeout(total, self.call(&asked, on_text, &mut said)).await;
        outcome
            .unwrap_or_else(|_| Err(LlmError::timed_out(self.provider(), total).with_model(asked.model)))
            .map_err(|error| with_what_was_said(error, said, &asked))
    }
}

/// An answer that had begun is kept with the error, and so is its cost.
fn with_what_was_said(mut error: LlmError, said: Said, asked: &Asked<'_>) -> LlmError {
    if error.model.is_none() {
        error.model = Some(asked.model.to_owned());
    }
    if error.usage.is_none() && said.has_begun() {
        let guess = Usage::estimated(asked.request, &said.text);
        let mut usage = said.counted.usage(|| guess);
        // A stream tells its sums at the end, and at its beginning that one token has come.
        if usage.output_tokens < guess.output_tokens {
            usage.output_tokens = guess.output_tokens;
            usage.is_estimated = true;
        }
        error.usage = Some(usage);
    }
    if error.answer.is_none() && !said.text.is_empty() {
        error.answer = Some(said.text);
    }
    error
}

fn fault_of(fault: &Fault, foreign: &Foreign<'_>) -> LlmError {
    match fault {
        Fault::Complaint(complaint) => rejection::hidden(complaint, foreign),
        Fault::Garbage(problem) => foreign.bad(format!(
            "it is not what the API says ({}): `{}`; check that `base_url` leads to the API",
            foreign.safe(problem),
            foreign.excerpt()
        )),
    }
}

impl LanguageModel for Remote {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(self.answer(request, None))
    }

    fn stream<'a>(&'a self, request: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        Box::pin(self.answer(request, Some(on_text)))
    }

    fn provider(&self) -> &str {
        &self.connection.provider
    }

    fn own_model(&self) -> Option<&str> {
        Some(&self.model)
    }

    fn takes(&self, kind: MediaKind) -> bool {
        self.dialect.takes(kind)
    }
}
