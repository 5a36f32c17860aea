//! A model in two words, of which the second comes when it is let go.

use std::sync::Arc;

use botticelli_llm::{Finish, LanguageModel, Reply, ReplyFuture, Request, Usage};
use tokio::sync::{Semaphore, watch};

pub(crate) struct Puppet {
    begun: watch::Sender<usize>,
    dropped: watch::Sender<usize>,
    go: Semaphore,
}

/// Counts a call that was dropped before its end.
struct Call<'a> {
    dropped: &'a watch::Sender<usize>,
    is_over: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.dropped.send_modify(|count| *count += 1);
        }
    }
}

impl Puppet {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: watch::Sender::new(0),
            dropped: watch::Sender::new(0),
            go: Semaphore::new(0),
        })
    }

    /// Waits until `count` calls have said their first word.
    pub(crate) async fn begun(&self, count: usize) {
        self.begun.subscribe().wait_for(|begun| *begun >= count).await.unwrap();
    }

    /// Waits until a call was dropped.
    pub(crate) async fn dropped(&self) {
        self.dropped.subscribe().wait_for(|dropped| *dropped > 0).await.unwrap();
    }

    /// Lets one call come to its end.
    pub(crate) fn go(&self) {
        self.go.add_permits(1);
    }
}

impl LanguageModel for Puppet {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move { self.stream(request, &mut |_: &str| {}).await })
    }

    fn stream<'a>(&'a self, _: &'a Request, on_text: &'a mut (dyn FnMut(&str) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let mut call = Call {
                dropped: &self.dropped,
                is_over: false,
            };
            on_text("one");
            self.begun.send_modify(|count| *count += 1);
            self.go.acquire().await.unwrap().forget();
            on_text(" two");
            call.is_over = true;
            Ok(Reply {
                text: "one two".to_owned(),
                json: None,
                usage: Usage {
                    input_tokens: 1,
                    output_tokens: 2,
                    ..Usage::default()
                },
                finish: Finish::Stop,
                model: "puppet".to_owned(),
                request_id: None,
                remaining: None,
            })
        })
    }

    fn provider(&self) -> &'static str {
        "puppet"
    }
}
