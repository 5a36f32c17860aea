//! Changes of rows by narratives, of which a model's reply says which rows are meant.

use botticelli_testkit::LlmReply;

use crate::bench::{Bench, Options};

const MARK: &str = r#"
toc = ["pick", "mark"]
[narrative]
name = "say"
description = "Marks the post that a model picks."
skip_content_generation = true
[bots.mark]
platform = "database"
command = "update_table"
table_name = "tips"
where_clause = "title = '{{ pick }}'"
required = true
[bots.mark.updates]
state = "It's {{ pick }}"
[acts]
pick = "Which post is the best?"
mark = "bots.mark"
"#;

const TIPS: &str = "
create schema botticelli_content;
create table botticelli_content.tips (
  id bigint generated always as identity primary key, title text, state text
);
insert into botticelli_content.tips (title) values ('Tea'), ('O''Brien'), ('x'), ('it''s ''x''')";

/// The rows after a model has answered `reply`.
async fn rows_after(reply: &str) -> Vec<String> {
    let bench = Bench::with(Options {
        narrative: Some(MARK),
        more: "[narratives]\ncommands = [\"database update_table\"]\n",
        ..Options::default()
    })
    .await;
    bench.database.execute(TIPS).await;
    bench.llm.reply_next(LlmReply::Text(reply.to_owned()));
    bench.enqueue("say").await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    let rows = "select title, coalesce(state, '-') from botticelli_content.tips order by id";
    bench.database.rows(rows).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reply_that_would_widen_the_filter_changes_no_row() {
    let rows = rows_after("x' or id > 0 or title = 'x").await;
    assert_eq!(rows, ["Tea|-", "O'Brien|-", "x|-", "it's 'x'|-"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_name_with_a_quote_in_it_changes_exactly_its_row() {
    let rows = rows_after("O'Brien").await;
    assert_eq!(rows, ["Tea|-", "O'Brien|It's O'Brien", "x|-", "it's 'x'|-"]);
    let rows = rows_after("it's 'x'").await;
    assert_eq!(rows, ["Tea|-", "O'Brien|-", "x|-", "it's 'x'|It's it's 'x'"]);
}
