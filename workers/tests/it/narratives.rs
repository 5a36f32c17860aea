//! What narratives do beside asking: rows of targets, state, and an account of every call.

use botticelli_testkit::LlmReply;

use crate::bench::{Bench, Options};

/// An actor `say` whose narrative answers with rows.
const ROWS: &str = r#"
toc = ["say"]
[narrative]
name = "say"
target = "achievements"
[acts.say]
prompt = "Name an achievement of {{ args.game | default('chess') }}."
state_capture = { last = "$.title" }
"#;

fn with(narrative: &'static str) -> Options {
    Options {
        narrative: Some(narrative),
        ..Options::default()
    }
}

fn text(json: &str) -> LlmReply {
    LlmReply::Text(json.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_output_becomes_a_row_of_its_target_with_the_end_of_its_job() {
    let bench = Bench::with(with(ROWS)).await;
    bench.llm.reply_next(text(
        "Here:\n```json\n{\"title\": \"Fork\", \"points\": 5, \"tags\": []}\n```",
    ));
    bench.enqueue("say").await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    let rows = "select title, points, tags, narrative, act, run_id > 0, model, prompt_hash is not null
                from botticelli_content.achievements";
    assert_eq!(bench.database.row(rows).await, "Fork|5|[]|say|say|t|stub|t");
    let state = "select scope, key, value from botticelli.narrative_state";
    assert_eq!(bench.database.row(state).await, "global|last|\"Fork\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rows_that_the_table_cannot_take_are_asked_for_again_with_the_reason() {
    let bench = Bench::with(with(ROWS)).await;
    bench.llm.reply_next(text(r#"{"title": "Fork", "points": 5}"#));
    bench.enqueue("say").await;
    bench.ended(1).await;
    for (job, (bad, reason)) in [
        (r#"{"title": "Pin", "points": "many"}"#, "`points`"),
        (r#"{"title": "Skewer", "points": [1]}"#, "`points`"),
    ]
    .into_iter()
    .enumerate()
    {
        bench.llm.reply_next(text(bad));
        bench.llm.reply_next(text(r#"{"title": "Pin", "points": 3}"#));
        bench.enqueue("say").await;
        bench.ended(2 + job).await;
        let requests = bench.llm.requests();
        let told = requests.last().unwrap().prompt();
        assert!(
            told.contains(bad) && told.contains("Your answer cannot be used: ") && told.contains(reason),
            "{told}"
        );
    }
    assert_eq!(bench.runs().await, ["1|success|"; 3]);
    let rows = "select title, points from botticelli_content.achievements order by id";
    assert_eq!(bench.database.rows(rows).await, ["Fork|5", "Pin|3", "Pin|3"]);
}

/// While it is asked there is no table, and when it has answered there is one of another shape.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_turns_out_at_the_end_that_the_table_cannot_take_is_told_in_the_next_try() {
    let bench = Bench::with(with(ROWS)).await;
    bench
        .database
        .execute(
            "create function public.other_table() returns trigger language plpgsql as $$
             begin
               if not exists (select from pg_namespace where nspname = 'botticelli_content') then
                 create schema botticelli_content;
                 create table botticelli_content.achievements (title text, points bigint);
               end if;
               return new;
             end $$;
             create trigger other_table before insert on botticelli.act_checkpoints
             for each row execute function public.other_table()",
        )
        .await;
    bench.llm.reply_next(text(r#"{"title": "Pin", "points": "many"}"#));
    bench.llm.reply_next(text(r#"{"title": "Pin", "points": 3}"#));
    bench.enqueue("say").await;
    bench.ended(1).await;
    let runs = bench.runs().await;
    assert!(
        runs[0].starts_with("1|failure|") && runs[0].contains("points"),
        "{runs:?}"
    );
    assert_eq!(runs[1..], ["2|success|"]);
    let requests = bench.llm.requests();
    let told = requests.last().unwrap().prompt();
    assert!(
        told.contains("\"many\"") && told.contains("Your answer cannot be used: ") && told.contains("`points`"),
        "{told}"
    );
    let kept = "select count(*) from botticelli.act_checkpoints";
    assert_eq!(bench.database.row(kept).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_call_is_on_the_ledger_once_with_what_it_used() {
    let bench = Bench::with(with(ROWS)).await;
    bench.llm.reply_next(text("no JSON {"));
    bench.llm.reply_next(text(r#"{"title": "Fork"}"#));
    bench.enqueue("say").await;
    bench.ended(1).await;
    let calls = "select state, actor, narrative, act, step, provider, error_class, input_tokens > 0
                 from botticelli.model_calls order by id";
    assert_eq!(
        bench.database.rows(calls).await,
        [
            "failed|say|say|say|1/say|openai|malformed|t",
            "settled|say|say|say|1/say|openai||t"
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_budget_that_is_used_up_lets_the_job_wait_before_anything_is_sent() {
    let bench = Bench::with(Options {
        more: "[budgets.daily]\nperiod = 'day'\ncalls = 1\n",
        ..with(ROWS)
    })
    .await;
    bench.llm.reply_next(text(r#"{"title": "Fork"}"#));
    bench.enqueue("say").await;
    bench.ended(1).await;
    bench.enqueue("say").await;
    let waits = "(select count(*) from botticelli.actor_server_executions where outcome = 'interrupted') = 1";
    bench.database.until(waits).await;
    let runs = bench.runs().await;
    assert!(
        runs[1].contains("`[budgets.daily]`: the budget of the fleet for a day"),
        "{runs:?}"
    );
    assert_eq!(bench.llm.requests().len(), 1);
    assert_eq!(bench.waiting().await, ["scheduled|1"]);
}

/// An act that names no model asks the provider's own, whose price is known before anything is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_money_for_a_call_is_set_aside_at_the_price_of_the_model_that_is_asked() {
    let bench = Bench::with(Options {
        more: "[budgets.daily]\nperiod = 'day'\nusd = 0.5\n[prices.\"openai/stub\"]\ninput = 1.0\noutput = 1000.0\n",
        ..with(ROWS)
    })
    .await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    let runs = bench.runs().await;
    // No day has room for it, so it does not wait for the next.
    assert!(
        runs[0].contains("failure") && runs[0].contains("of 0.5 USD 0 are used and 0 reserved, and it may need 1.0000"),
        "{runs:?}"
    );
    assert_eq!(bench.llm.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_model_without_a_price_is_not_asked_on_a_budget_of_money() {
    let bench = Bench::with(Options {
        more: "[budgets.daily]\nperiod = 'day'\nusd = 0.5\n",
        ..with(ROWS)
    })
    .await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    let runs = bench.runs().await;
    assert!(runs[0].contains(r#"write `[prices."openai/stub"]`"#), "{runs:?}");
    assert_eq!(bench.llm.requests().len(), 0);
}

/// The price is that of the name that was asked for, where the longer one of the answer has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_model_that_answers_under_a_longer_name_costs_what_was_said_of_the_short_one() {
    let bench = Bench::with(Options {
        more: "[budgets.daily]\nperiod = 'day'\nusd = 5.0\n[prices.\"openai/stub\"]\ninput = 1.0\noutput = 1000.0\n",
        ..with(ROWS)
    })
    .await;
    bench
        .llm
        .reply_next(LlmReply::Dated(serde_json::json!({ "title": "Fork" })));
    bench.enqueue("say").await;
    bench.ended(1).await;
    let cost = "select state, cost_micros > 1000 from botticelli.ended_calls";
    assert_eq!(bench.database.rows(cost).await, ["settled|t"]);
}

/// Two jobs of one workflow have nothing in common but their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_job_of_a_workflow_may_spend_what_its_narrative_says() {
    const ONCE: &str = r#"
toc = ["say"]
[narrative]
name = "say"
target = "achievements"
spend = { calls = 1 }
[acts.say]
prompt = "Name an achievement."
"#;
    let bench = Bench::with(with(ONCE)).await;
    for _ in 0..2 {
        bench.llm.reply_next(text(r#"{"title": "Fork"}"#));
    }
    let two = r#"select from botticelli.enqueue_workflow(
        '[{"name": "a", "queue": "say"}, {"name": "b", "queue": "say", "needs": ["a"]}]')"#;
    bench.database.execute(two).await;
    bench.ended(2).await;
    assert_eq!(bench.runs().await, ["1|success|", "1|success|"]);
}
