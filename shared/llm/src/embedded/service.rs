//! The model's thread: one request at a time, and no panic ends it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use super::bad_reply;
use crate::{Finish, LlmError, Request, Usage};

/// A question, and who waits for the answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    /// Closed when nobody waits any longer: the time is up, or the caller has gone.
    pub(super) answer: oneshot::Sender<Result<(String, Finish, Usage), LlmError>>,
    /// Who hears the text as it grows.
    pub(super) pieces: Option<mpsc::UnboundedSender<String>>,
}

/// How a request ended that did not fail.
pub(super) enum Answered {
    /// The model said this.
    Said(String, Finish, Usage),
    /// Nobody waited any longer.
    Abandoned,
}

/// Something that answers requests.
pub(super) trait Answers {
    /// Answers `request`, asks `abandoned` before every token whether to go on, and tells the text to `on_text` meanwhile.
    fn answer(
        &mut self,
        request: &Request,
        abandoned: &dyn Fn() -> bool,
        on_text: Option<&mut dyn FnMut(&str)>,
    ) -> Result<Answered, LlmError>;
}

/// Answers `jobs` until their senders are gone.
///
/// The engine is loaded for the first of them, and again after a failure to load and after a panic, which may have left
/// anything behind in it.
pub(super) fn serve<E: Answers>(mut jobs: mpsc::Receiver<Job>, load: impl Fn() -> Result<E, LlmError>) {
    let mut engine: Option<E> = None;
    while let Some(Job {
        request,
        answer,
        pieces,
    }) = jobs.blocking_recv()
    {
        if answer.is_closed() {
            continue;
        }
        let mut loaded = engine.take();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut ready = match loaded.take() {
                Some(ready) => ready,
                None => load()?,
            };
            let mut tell = pieces.map(|pieces| {
                // Whoever left meanwhile does not miss a piece either.
                move |piece: &str| drop(pieces.send(piece.to_owned()))
            });
            let on_text = tell.as_mut().map(|tell| tell as &mut dyn FnMut(&str));
            let answered = ready.answer(&request, &|| answer.is_closed(), on_text);
            Ok((ready, answered))
        }));
        let result = match outcome {
            Ok(Ok((ready, answered))) => {
                engine = Some(ready);
                answered
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(bad_reply(format!("the computation panicked ({})", words_of(&*panic)))),
        };
        let result = match result {
            Ok(Answered::Said(text, finish, usage)) => Ok((text, finish, usage)),
            Ok(Answered::Abandoned) => continue,
            Err(error) => Err(error),
        };
        // Whoever left meanwhile does not miss the answer.
        answer.send(result).ok();
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;
    use std::time::Duration;

    use super::super::unavailable;
    use super::*;
    use crate::Timeouts;

    type Asked = oneshot::Receiver<Result<(String, Finish, Usage), LlmError>>;

    /// Does what the request's system instruction says, and answers with the number of its answers so far.
    struct Puppet {
        answers: usize,
        begun: mpsc::UnboundedSender<String>,
    }

    impl Answers for Puppet {
        fn answer(
            &mut self,
            request: &Request,
            abandoned: &dyn Fn() -> bool,
            _: Option<&mut dyn FnMut(&str)>,
        ) -> Result<Answered, LlmError> {
            let order = request.system.clone().unwrap_or_default();
            self.begun.send(order.to_string()).ok();
            match &*order {
                "panic" => panic!("no such token"),
                "wait" => {
                    while !abandoned() {
                        thread::yield_now();
                    }
                    Ok(Answered::Abandoned)
                }
                _ => {
                    self.answers += 1;
                    Ok(Answered::Said(self.answers.to_string(), Finish::Stop, Usage::default()))
                }
            }
        }
    }

    struct Stage {
        jobs: mpsc::Sender<Job>,
        begun: mpsc::UnboundedReceiver<String>,
    }

    impl Stage {
        fn new(failing_loads: usize) -> Self {
            let (jobs, queue) = mpsc::channel(1);
            let (begin, started) = mpsc::unbounded_channel();
            thread::spawn(move || {
                let failing = Cell::new(failing_loads);
                serve(queue, || {
                    if let Some(left) = failing.get().checked_sub(1) {
                        failing.set(left);
                        return Err(unavailable("disk full".to_owned()));
                    }
                    Ok(Puppet {
                        answers: 0,
                        begun: begin.clone(),
                    })
                });
            });
            Self { jobs, begun: started }
        }

        async fn put(&self, system: &str) -> Asked {
            let (answer, asked) = oneshot::channel();
            let request = Request {
                system: Some(system.into()),
                ..Request::of([], Timeouts::within(Duration::from_mins(1)))
            };
            let job = Job {
                request,
                answer,
                pieces: None,
            };
            assert!(self.jobs.send(job).await.is_ok(), "the thread is gone");
            asked
        }

        async fn ask(&self, system: &str) -> Result<String, String> {
            match self.put(system).await.await {
                Ok(result) => result.map(|(text, ..)| text).map_err(|error| error.to_string()),
                Err(_) => Err("the thread is gone".to_owned()),
            }
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_bad_reply_and_the_next_request_finds_a_fresh_engine() {
        let stage = Stage::new(0);
        assert_eq!(stage.ask("").await, Ok("1".to_owned()));
        assert_eq!(stage.ask("").await, Ok("2".to_owned()));
        let panicked = stage.ask("panic").await;
        assert!(panicked.is_err_and(|text| text.contains("unusable") && text.contains("no such token")));
        assert_eq!(stage.ask("").await, Ok("1".to_owned()));
    }

    #[tokio::test]
    async fn a_failed_load_is_tried_again_by_the_next_request() {
        let stage = Stage::new(1);
        assert!(stage.ask("").await.is_err_and(|text| text.contains("disk full")));
        assert_eq!(stage.ask("").await, Ok("1".to_owned()));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_frees_the_model_for_the_next() {
        let mut stage = Stage::new(0);
        let waiting = stage.put("wait").await;
        assert_eq!(stage.begun.recv().await.as_deref(), Some("wait"));
        drop(waiting);
        assert_eq!(stage.ask("").await, Ok("1".to_owned()));
    }

    #[tokio::test]
    async fn a_request_whose_caller_left_while_it_waited_is_not_begun() {
        let mut stage = Stage::new(0);
        let running = stage.put("wait").await;
        assert_eq!(stage.begun.recv().await.as_deref(), Some("wait"));
        let queued = stage.put("queued").await;
        drop(queued);
        drop(running);
        assert_eq!(stage.ask("last").await, Ok("1".to_owned()));
        assert_eq!(stage.begun.recv().await.as_deref(), Some("last"));
    }
}
