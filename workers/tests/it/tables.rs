//! Rows of the narratives' tables in the hands of jobs.

use botticelli_testkit::LlmReply;

use crate::bench::{Bench, Options};

const TELL: &str = r#"
toc = ["say"]
[narrative]
name = "say"
description = "Tells what it finds."
target = "potential_posts"
[acts]
say = ["tables.tips", "Tell it."]
[tables.tips]
table_name = "tips"
columns = ["title"]
where = "title like 'T%' or title in ('Coffee')"
limit = 1
format = "text"
pull_and_delete = true
"#;

const TIPS: &str = "
create schema botticelli_content;
create table botticelli_content.tips (
  id bigint generated always as identity primary key, title text, pulled_at timestamptz, pulled_by bigint, pulled_for text
);
insert into botticelli_content.tips (title) values ('Tea'), ('Milk'), ('Coffee')";

async fn bench() -> Bench {
    Bench::with(Options {
        narrative: Some(TELL),
        ..Options::default()
    })
    .await
}

/// The rows of which the model was told, in the order of its being asked.
fn told(bench: &Bench) -> Vec<&'static str> {
    let prompts = bench.llm.requests().into_iter().map(|request| format!("{request:?}"));
    prompts
        .map(|prompt| {
            let found = ["Tea", "Coffee"].into_iter().find(|title| prompt.contains(title));
            found.unwrap_or("nothing")
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_row_that_is_pulled_is_told_by_one_job_and_by_that_again_when_it_is_tried_again() {
    let bench = bench().await;
    bench.database.execute(TIPS).await;
    bench.llm.reply_next(LlmReply::Garbage);
    for jobs in 1..=2 {
        bench.enqueue("say").await;
        bench.ended(jobs).await;
    }
    assert_eq!(told(&bench), ["Tea", "Tea", "Coffee"]);
    let pulled = "select title, pulled_by is not null from botticelli_content.tips order by id";
    assert_eq!(bench.database.rows(pulled).await, ["Tea|t", "Milk|f", "Coffee|t"]);
    assert_eq!(
        bench
            .database
            .row("select count(distinct pulled_by) from botticelli_content.tips")
            .await,
        "2"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_job_that_is_given_up_gives_back_what_it_pulled() {
    let bench = bench().await;
    bench.database.execute(TIPS).await;
    bench.llm.reply_next(LlmReply::Refusal("not about tea".to_owned()));
    bench.enqueue("say").await;
    bench.ended(1).await;
    let last = "select state from botticelli.job_history";
    assert_eq!(bench.database.row(last).await, "discarded");
    let pulled = "select count(*) from botticelli_content.tips where pulled_at is not null or pulled_by is not null";
    assert_eq!(bench.database.row(pulled).await, "0");
    bench.enqueue("say").await;
    bench.ended(2).await;
    assert_eq!(told(&bench), ["Tea", "Tea"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_round_of_a_job_pulls_rows_of_its_own() {
    let bench = bench().await;
    bench.database.execute(TIPS).await;
    bench
        .database
        .execute("select botticelli.enqueue('say', '{\"iterations\": 2}')")
        .await;
    bench
        .database
        .until("not exists (select from botticelli.waiting_jobs) and not exists (select from botticelli.claims)")
        .await;
    let mut told = told(&bench);
    told.sort_unstable();
    assert_eq!(told, ["Coffee", "Tea"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_table_that_is_not_there_yet_has_no_rows_and_asks_no_model() {
    let bench = bench().await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    assert_eq!(told(&bench), [""; 0]);
    let runs = bench.runs().await;
    assert!(runs[0].contains("tips"), "the table is named: {runs:?}");
}
