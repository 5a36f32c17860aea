//! A small model inside this process: SmolLM2-135M-Instruct, run by candle and held to its JSON schema by llguidance.
//!
//! One thread of its own computes, one request at a time; the requests behind it wait in the order of their arrival. The
//! weights are read when the first request comes, so that a process which never asks stays light.

mod chat;
mod embedded_error;
mod engine;
mod grammar;
mod model_file;
mod requantized;
mod sampler;
mod service;
mod stops;
mod telling;
mod threads;
mod vocabulary;

use std::cell::OnceCell;
use std::num::NonZero;
use std::path::PathBuf;
use std::pin::pin;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub use embedded_error::EmbeddedError;

use crate::expectation::Expectation;
use crate::{ErrorClass, LanguageModel, LlmError, Reply, ReplyFuture, Request};
use engine::Engine;
use service::Job;

/// The name under which this backend appears in logs and errors.
const PROVIDER: &str = "embedded";

/// The name of the only model there is.
const MODEL: &str = Embedded::MODEL;

/// Where the model is and what it may use.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The file that `scripts/fetch-model` fetches.
    pub model_path: PathBuf,
    /// A directory for the faster copy of the model, 138 MiB, made at the first request. Is created when missing.
    pub cache_dir: PathBuf,
    /// Threads that compute. 1 is a good neighbour, and on a busy machine it is also the fastest.
    ///
    /// candle reads the size of its own thread pool from the process's environment, once. A process that wants this
    /// number to hold is started with [`Embedded::THREADS_VARIABLE`] set to it; another size is reported in the log.
    pub threads: NonZero<usize>,
}

/// The model in this process. Dropping it ends its thread after the token that is being computed.
#[derive(Debug)]
pub struct Embedded {
    jobs: mpsc::Sender<Job>,
}

impl Embedded {
    /// The only model that it has.
    pub const MODEL: &'static str = "SmolLM2-135M-Instruct";
    /// The environment variable from which candle takes the size of its thread pool when the process starts.
    pub const THREADS_VARIABLE: &str = "RAYON_NUM_THREADS";

    /// Checks the model's file, which reads 94 MiB, and starts the thread. Loads nothing yet.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError`] when the file is missing, cut short or another one, with the command that fetches it.
    pub fn open(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        model_file::verify(&options.model_path)?;
        // One place: the next request waits at the channel, the others at their `send`, in the order of their arrival.
        let (jobs, queue) = mpsc::channel(1);
        std::thread::Builder::new()
            .name("language-model".to_owned())
            .spawn(move || {
                let confined = OnceCell::new();
                service::serve(queue, || {
                    confined.get_or_init(|| threads::confine(options.threads));
                    Engine::load(&options)
                });
            })
            .map_err(EmbeddedError::Thread)?;
        Ok(Self { jobs })
    }

    async fn answer(
        &self,
        request: &Request,
        pieces: Option<mpsc::UnboundedSender<String>>,
    ) -> Result<Reply, LlmError> {
        let limit = request.timeouts.total;
        timeout(limit, self.ask(request, pieces))
            .await
            .unwrap_or_else(|_| Err(LlmError::timed_out(PROVIDER, limit).with_model(MODEL)))
    }

    async fn ask(&self, request: &Request, pieces: Option<mpsc::UnboundedSender<String>>) -> Result<Reply, LlmError> {
        let expected = Expectation::of(request, self)?;
        if let Some(other) = request.model.as_deref().filter(|model| *model != MODEL) {
            return Err(unsupported(format!(
                "there is no model `{other}` here; name `{MODEL}` or none"
            )));
        }
        let (answer, answered) = oneshot::channel();
        let job = Job {
            request: request.clone(),
            answer,
            pieces,
        };
        self.jobs.send(job).await.map_err(|_| thread_is_gone())?;
        // Whoever stops waiting here drops the receiver, and the thread notices that before its next token.
        let (text, finish, usage) = answered.await.map_err(|_| thread_is_gone())??;
        let json = expected
            .read(&text, finish, MODEL)
            .map_err(|error| error.with_usage(usage))?;
        Ok(Reply {
            text,
            json,
            usage,
            finish,
            model: MODEL.to_owned(),
            request_id: None,
            remaining: None,
        })
    }
}

impl LanguageModel for Embedded {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(self.answer(request, None))
    }

    fn stream<'a>(&'a self, request: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let (tell, mut pieces) = mpsc::unbounded_channel();
            let mut answer = pin!(self.answer(request, Some(tell)));
            let reply = loop {
                tokio::select! {
                    biased;
                    Some(piece) = pieces.recv() => on_text(&piece),
                    reply = &mut answer => break reply,
                }
            };
            while let Ok(piece) = pieces.try_recv() {
                on_text(&piece);
            }
            reply
        })
    }

    fn provider(&self) -> &str {
        PROVIDER
    }

    fn own_model(&self) -> Option<&str> {
        Some(MODEL)
    }

    fn serves(&self, model: &str) -> bool {
        model == MODEL
    }
}

fn thread_is_gone() -> LlmError {
    unavailable("its thread has ended; restart the process".to_owned())
}

/// Trouble of this machine, which may pass.
fn unavailable(detail: String) -> LlmError {
    LlmError::new(ErrorClass::Overloaded, PROVIDER, detail)
}

fn unsupported(detail: String) -> LlmError {
    LlmError::new(ErrorClass::Unsupported, PROVIDER, detail).with_model(MODEL)
}

fn bad_reply(detail: String) -> LlmError {
    LlmError::new(ErrorClass::Malformed, PROVIDER, detail).with_model(MODEL)
}
