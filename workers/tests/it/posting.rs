//! Posting: what was published is known, and no post blocks the ones behind it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use botticelli_platforms::{Capabilities, Outgoing, Platform, Rejection, SendError, SendFuture, Sent};
use tokio::sync::Semaphore;

use crate::bench::{Bench, Options};

type Answer = Result<&'static str, SendError>;

/// A platform that answers as it is told, one answer for each permit.
struct Stub {
    answers: Mutex<VecDeque<Answer>>,
    permits: Semaphore,
}

impl Stub {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            permits: Semaphore::new(0),
        })
    }
}

impl Platform for Stub {
    fn name(&self) -> &'static str {
        "noop"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_chars: 2000,
            idempotency_window: Some(Duration::from_mins(1)),
            read_back: false,
        }
    }

    fn send<'a>(&'a self, _: &'a Outgoing) -> SendFuture<'a> {
        Box::pin(async {
            self.permits.acquire().await.unwrap().forget();
            let answer = self.answers.lock().unwrap().pop_front().unwrap();
            answer.map(|id| Sent {
                message_id: id.to_owned(),
                deduplicated: false,
            })
        })
    }
}

async fn with_approved(posts: usize, queue: &'static str, platform: &Arc<Stub>) -> Bench {
    let platform: Arc<dyn Platform> = Arc::clone(platform) as _;
    let bench = Bench::with(Options {
        queue,
        platform: Some(platform),
        ..Options::default()
    })
    .await;
    for number in 1..=posts {
        let statement = format!(
            "with post as (
               insert into botticelli.potential_posts (text_content, source, job_id, output_no, status)
               values ('Post {number}.', 'by hand', 0, {number}, 'approved') returning *
             )
             insert into botticelli.approved_posts (
               potential_post_id, text_content, content_type, source, tags, curation_score, curation_notes, approved_by
             )
             select id, text_content, content_type, source, tags, 8, 'Fine.', 'by hand' from post"
        );
        bench.database.execute(&statement).await;
    }
    bench
        .database
        .execute(r#"select botticelli.enqueue('posting', '{"limit": 3}')"#)
        .await;
    bench
}

const DELIVERIES: &str = "select state, message_id, job_id from botticelli.deliveries order by id";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_that_comes_to_be_after_its_job_was_cut_off_is_recorded_all_the_same() {
    let platform = Stub::answering([Ok("m1")]);
    let bench = with_approved(1, "job_timeout = \"2s\"\nmax_attempts = 1", &platform).await;
    bench.ended(1).await;
    assert_eq!(bench.database.rows(DELIVERIES).await, ["unconfirmed||"]);
    platform.permits.add_permits(1);
    bench
        .database
        .until("exists (select from botticelli.deliveries where state = 'published' and message_id = 'm1')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_that_is_stopped_after_a_message_shows_it_and_leaves_the_rest_for_the_next() {
    let limited = SendError::NotSent {
        retry_after: Some(Duration::from_mins(1)),
        detail: "slow down".to_owned(),
    };
    let platform = Stub::answering([Ok("m1"), Err(limited)]);
    platform.permits.add_permits(2);
    let bench = with_approved(3, "", &platform).await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|failure|delivery 2: slow down"]);
    let shown =
        "select skills_succeeded, skills_failed, metadata ->> 'messages' from botticelli.actor_server_executions";
    assert_eq!(bench.database.row(shown).await, r#"1|1|["m1"]"#);
    assert_eq!(
        bench.database.rows(DELIVERIES).await,
        ["published|m1|", "planned||", "planned||"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_that_nobody_knows_ends_its_delivery_and_not_the_channel() {
    let refused = SendError::Rejected {
        class: Rejection::Unknown,
        code: Some(99_999),
        detail: "No.".to_owned(),
    };
    let platform = Stub::answering([Err(refused), Ok("m2")]);
    platform.permits.add_permits(2);
    let bench = with_approved(2, "", &platform).await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|failure|delivery 1: refused (code 99999): No."]);
    assert_eq!(bench.database.rows(DELIVERIES).await, ["failed||", "published|m2|"]);
}
