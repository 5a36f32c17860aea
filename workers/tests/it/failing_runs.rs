//! Runs that fail: each is recorded with its reason, and none takes the worker down.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use botticelli_llm::{Finish, LanguageModel, Reply, ReplyFuture, Request, Usage};
use botticelli_testkit::LlmReply;

use crate::bench::{Bench, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_model_that_answers_badly_fails_the_run_with_its_reason_and_is_asked_again() {
    let refused = |status, code: &str| LlmReply::Status {
        status,
        code: code.to_owned(),
        retry_after: None,
    };
    let bench = Bench::new().await;
    for (job, (reply, reason)) in [
        (LlmReply::Garbage, "gave an unusable answer"),
        (LlmReply::Text(String::new()), "gave an unusable answer"),
        (LlmReply::Html, "is unavailable"),
        (LlmReply::Close, "is unavailable"),
        (refused(500, "server_error"), "is unavailable"),
    ]
    .into_iter()
    .enumerate()
    {
        bench.llm.reply_next(reply.clone());
        bench.enqueue("say").await;
        bench.ended(job + 1).await;
        let runs = bench.runs().await.split_off(2 * job);
        assert_eq!(runs.len(), 2, "{reply:?}: {runs:?}");
        assert!(
            runs[0].starts_with("1|failure|") && runs[0].contains(reason),
            "{runs:?}"
        );
        assert!(runs[0].contains("`say`"), "the act is named: {runs:?}");
        assert_eq!(runs[1], "2|success|");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rate_limit_lets_the_job_wait_and_costs_it_no_try() {
    let bench = Bench::new().await;
    bench.llm.reply_next(LlmReply::Status {
        status: 429,
        code: "rate_limit_exceeded".to_owned(),
        retry_after: None,
    });
    bench.enqueue("say").await;
    bench.ended(1).await;
    let runs = bench.runs().await;
    assert!(
        runs[0].starts_with("1|interrupted|") && runs[0].contains("429"),
        "{runs:?}"
    );
    assert_eq!(runs[1..], ["2|success|"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_that_repeating_cannot_help_is_final() {
    let bench = Bench::new().await;
    bench.llm.reply_next(LlmReply::Status {
        status: 401,
        code: "invalid_api_key".to_owned(),
        retry_after: None,
    });
    bench.enqueue("say").await;
    bench.ended(1).await;
    let history = "select state, attempt, errors #>> '{0,error}' from botticelli.job_history";
    let ended = bench.database.row(history).await;
    assert!(
        ended.starts_with("discarded|1|") && ended.contains("refused the request"),
        "{ended}"
    );
    assert_eq!(bench.llm.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_whose_tries_are_used_up_is_discarded_with_every_error() {
    let bench = Bench::with(Options {
        queue: "max_attempts = 3",
        ..Options::default()
    })
    .await;
    bench.llm.reply_with(|_| LlmReply::Garbage);
    bench.enqueue("say").await;
    bench.ended(1).await;
    let history = "select state, attempt, jsonb_array_length(errors) from botticelli.job_history";
    assert_eq!(bench.database.row(history).await, "discarded|3|3");
    assert_eq!(bench.runs().await.len(), 3);
    let kept = "select count(*) from botticelli.act_checkpoints";
    assert_eq!(bench.database.row(kept).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_that_takes_too_long_is_cut_off_and_the_setting_is_named() {
    let bench = Bench::with(Options {
        queue: "job_timeout = \"200ms\"\nmax_attempts = 1",
        ..Options::default()
    })
    .await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.ended(1).await;
    assert_eq!(
        bench.runs().await,
        ["1|failure|the run took longer than `[queue] job_timeout` = 200ms"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_act_that_gets_no_answer_fails_and_is_asked_again() {
    let bench = Bench::with(Options {
        act_timeout: Some("300ms"),
        ..Options::default()
    })
    .await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(2).await;
    bench.llm.release();
    bench.ended(1).await;
    let runs = bench.runs().await;
    assert!(
        runs[0].starts_with("1|failure|") && runs[0].contains("did not answer within 300ms"),
        "{runs:?}"
    );
    assert_eq!(runs.last().map(String::as_str), Some("2|success|"));
}

/// Panics when it is asked for the first time.
#[derive(Default)]
struct Panicking {
    has_panicked: AtomicBool,
}

impl LanguageModel for Panicking {
    fn generate<'a>(&'a self, _: &'a Request) -> ReplyFuture<'a> {
        Box::pin(async {
            assert!(self.has_panicked.swap(true, Ordering::SeqCst), "out of\0\nink");
            Ok(Reply {
                text: "All is well.".to_owned(),
                json: None,
                usage: Usage::default(),
                finish: Finish::Stop,
                model: "panicking".to_owned(),
                request_id: None,
                remaining: None,
            })
        })
    }

    fn provider(&self) -> &'static str {
        "panicking"
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_panic_is_a_failed_run_and_the_worker_goes_on() {
    let bench = Bench::with(Options {
        model: Some(Arc::new(Panicking::default())),
        ..Options::default()
    })
    .await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    // The character that no database takes is not in the way.
    assert_eq!(
        bench.runs().await,
        ["1|failure|the handler panicked: out of ink", "2|success|"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_row_inserted_by_hand_with_bad_arguments_is_discarded_by_name() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            r#"insert into botticelli.waiting_jobs (queue, kind, args, max_attempts) values
               ('say', 'narrative', '{"iterations": 0}', 5),
               ('say', 'narrative', '{"narrative_name": "sya"}', 5),
               ('say', 'narrative', '{"topic": "cats"}', 5)"#,
        )
        .await;
    bench.ended(3).await;
    let runs = bench.runs().await;
    assert!(
        runs[0].contains("the arguments of the job are not those of kind `narrative`"),
        "{runs:?}"
    );
    assert!(
        runs[1].contains("has no narrative `sya`; did you mean `say`?"),
        "{runs:?}"
    );
    assert!(runs[2].contains("unknown field `topic`"), "{runs:?}");
    bench.enqueue("say").await;
    bench.ended(4).await;
    assert_eq!(bench.runs().await[3], "1|success|");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wait_that_a_provider_asks_for_is_believed_up_to_an_hour() {
    let bench = Bench::new().await;
    bench.llm.reply_next(LlmReply::Status {
        status: 429,
        code: "rate_limit_exceeded".to_owned(),
        retry_after: Some(1_000_000),
    });
    bench.enqueue("say").await;
    bench
        .database
        .until("exists (select from botticelli.jobs where state <> 'running' and attempt = 1)")
        .await;
    let wait = "select extract(epoch from job.run_at - run.completed_at) between 3500 and 3601
                from botticelli.jobs as job join botticelli.actor_server_executions as run on run.job_id = job.id";
    assert_eq!(bench.database.row(wait).await, "t");
}
