//! Acts that are played side by side.

use std::sync::atomic::{AtomicUsize, Ordering};

use botticelli_llm::{Finish, LanguageModel, Reply, ReplyFuture, Request, Usage};
use botticelli_narrative::{OneModel, Ports, parse, run};
use serde_json::json;
use tokio::sync::Barrier;

use crate::stage::{Line, Stage, options};

const TEXT: &str = "
[narrative.n]
toc = ['idea', ['left', 'right'], 'sum']
[acts]
idea = 'Idea?'
left = 'Left of {{idea}}'
right = 'Right of {{idea}}'
sum = '{{left}} and {{right}}'
";

#[tokio::test]
async fn acts_of_a_stage_do_not_see_each_other_and_those_behind_see_all() {
    let stage = Stage::saying(["tea", "l", "r", "both"]);
    let run = stage.play(TEXT).await.unwrap();
    assert_eq!(
        stage.conversations()[1..],
        [
            "User: Idea?\nAssistant: tea\nUser: Left of tea",
            "User: Idea?\nAssistant: tea\nUser: Right of tea",
            "User: Idea?\nAssistant: tea\nUser: Left of tea\nAssistant: l\nUser: Right of tea\nAssistant: r\nUser: l and r"
        ]
    );
    assert_eq!((run.acts_run, run.outputs.len()), (4, 1));
}

#[tokio::test]
async fn an_act_of_a_stage_is_played_to_its_end_although_another_fails() {
    let stage = Stage::with([Line::Say("tea"), Line::Fail, Line::Say("r")]);
    let error = stage.play(TEXT).await.unwrap_err();
    assert_eq!(error.to_string(), "act 2 `left` of narrative `n` failed");
    let steps: Vec<String> = stage.records.lock().unwrap().keys().cloned().collect();
    assert_eq!(steps, ["1/idea", "1/right"]);

    stage.lines.lock().unwrap().extend([Line::Say("l"), Line::Say("both")]);
    let run = stage.play(TEXT).await.unwrap();
    assert_eq!((run.acts_run, run.acts_resumed), (2, 2));
}

/// Answers only when as many questions as it waits for have come in.
struct Together {
    barrier: Barrier,
    asked: AtomicUsize,
}

impl LanguageModel for Together {
    fn generate<'a>(&'a self, request: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async move {
            // The first and the last act are alone in their stages.
            if matches!(self.asked.fetch_add(1, Ordering::SeqCst), 1 | 2) {
                self.barrier.wait().await;
            }
            Ok(Reply {
                text: request.messages.last().unwrap().text().into_owned(),
                json: None,
                usage: Usage::default(),
                finish: Finish::Stop,
                model: "together".to_owned(),
                request_id: None,
                remaining: None,
            })
        })
    }

    fn provider(&self) -> &'static str {
        "together"
    }
}

#[tokio::test]
async fn acts_of_a_stage_are_asked_at_the_same_time() {
    let model = Together {
        barrier: Barrier::new(2),
        asked: AtomicUsize::new(0),
    };
    let narrative = parse("n.toml", TEXT).and_then(|file| file.narrative(None)).unwrap();
    let (models, stage) = (OneModel(&model), Stage::default());
    let run = run(&narrative, &Ports::bare(&models, &stage), &options(json!({})))
        .await
        .unwrap();
    assert_eq!(run.outputs[0].text, "Left of Idea? and Right of Idea?");
}
