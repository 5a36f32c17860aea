//! Connections that break while a job runs.

use std::time::Duration;

use botticelli_testkit::LlmReply;

use crate::bench::{Bench, CONNECTIONS, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_whose_connections_were_cut_is_recorded_all_the_same() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("generation").await;
    bench.llm.request(1).await;
    let cut =
        format!("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{CONNECTIONS}'");
    let listens =
        format!("select from pg_stat_activity where application_name = '{CONNECTIONS}' and query like 'LISTEN%'");
    // The one that listens is to be among them, and the database does not announce it.
    while bench.database.rows(&listens).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bench.database.rows(&cut).await;
    bench.llm.release();
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'generation')")
        .await;
    assert_eq!(bench.runs().await[0], "1|success|");
    // It hears of new jobs again as well.
    bench.enqueue("say").await;
    bench
        .database
        .until("exists (select from botticelli.job_history where queue = 'say')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_end_that_could_not_be_recorded_is_recorded_later() {
    let bench = Bench::new().await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    // A row that is written with the end of a run, and not before, is locked: recording begins and cannot go on.
    let mut lock = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.actor_server_state for update")
        .execute(&mut *lock)
        .await
        .unwrap();
    bench.llm.release();
    let cut = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = '{CONNECTIONS}' and wait_event_type = 'Lock'"
    );
    // The database does not announce that somebody waits for a lock.
    while bench.database.rows(&cut).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    lock.rollback().await.unwrap();
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    assert_eq!(bench.llm.requests().len(), 1);
}

const REFUSED: &str = "select state, errors #>> '{0,error}' from botticelli.job_history where queue = 'generation'";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_end_that_the_database_refuses_discards_the_job_and_frees_its_slot() {
    for constraint in [
        "botticelli.potential_posts add constraint picky check (text_content <> 'Unwanted.')",
        "botticelli.actor_server_executions add constraint picky check (outcome in ('running', 'failure'))",
        // Not even the run can be closed.
        "botticelli.actor_server_executions add constraint picky check (outcome = 'running')",
    ] {
        let bench = Bench::new().await;
        bench.database.execute(&format!("alter table {constraint}")).await;
        bench.llm.reply_next(LlmReply::Text("Unwanted.".to_owned()));
        bench.enqueue("generation").await;
        bench.ended(1).await;
        let ended = bench.database.row(REFUSED).await;
        assert!(
            ended.starts_with("discarded|the end of the run could not be recorded") && ended.contains("picky"),
            "{ended}"
        );
        let table = constraint.split(' ').next().unwrap_or_default();
        bench
            .database
            .execute(&format!("alter table {table} drop constraint picky"))
            .await;
        bench.enqueue("generation").await;
        bench
            .database
            .until("exists (select from botticelli.job_history where queue = 'generation' and state = 'completed')")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_ends_that_are_recorded_together_one_that_is_refused_keeps_no_other_from_it() {
    let bench = Bench::with(Options {
        more: "[actors.crowd]\nkind = \"generation\"\nnarrative = \"say.toml\"\nnarrative_name = \"say\"\nslots = 9\nmax_waiting = 99",
        ..Options::default()
    })
    .await;
    let constraint = "alter table botticelli.potential_posts add constraint picky check (text_content <> 'Unwanted.')";
    bench.database.execute(constraint).await;
    // What tells of changes cannot be set up beside the lock.
    bench.ended(0).await;
    bench.llm.hold();
    bench.enqueue("say").await;
    bench.llm.request(1).await;
    // Its end has to wait, and the others gather behind it.
    let mut lock = bench.database.pool.begin().await.unwrap();
    sqlx::query("select from botticelli.actor_server_executions for update")
        .execute(&mut *lock)
        .await
        .unwrap();
    bench.llm.release();
    bench.database.until_waiting_for_locks(1).await;
    for text in ["Wanted.", "Unwanted.", "Welcome."] {
        bench.llm.reply_next(LlmReply::Text(text.to_owned()));
        bench.enqueue("crowd").await;
    }
    bench
        .database
        .until("(select count(*) from botticelli.act_checkpoints) = 4")
        .await;
    lock.rollback().await.unwrap();
    bench.ended(4).await;
    let posts = "select text_content from botticelli.potential_posts order by 1";
    assert_eq!(bench.database.rows(posts).await, ["Wanted.", "Welcome."]);
    let states = "select state, count(*) from botticelli.job_history where queue = 'crowd' group by 1 order by 1";
    assert_eq!(bench.database.rows(states).await, ["completed|2", "discarded|1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_follower_without_a_queue_is_no_reason_to_lose_what_was_done() {
    let bench = Bench::new().await;
    bench
        .database
        .execute("delete from botticelli.queues where name = 'curation'")
        .await;
    bench.enqueue("generation").await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    let posts = "select count(*) from botticelli.potential_posts";
    assert_eq!(bench.database.row(posts).await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_cannot_be_saved_at_once_is_saved_later_and_asked_for_once() {
    let bench = Bench::new().await;
    bench
        .database
        .execute(
            "create sequence public.times;
             create function public.refuse() returns trigger language plpgsql as $$
             begin
               if nextval('public.times') <= 3 then
                 raise exception 'not now' using errcode = '53300';
               end if;
               return new;
             end $$;
             create trigger refuse before insert on botticelli.act_checkpoints
             for each row execute function public.refuse()",
        )
        .await;
    bench.enqueue("say").await;
    bench.ended(1).await;
    assert_eq!(bench.runs().await, ["1|success|"]);
    assert_eq!(bench.llm.requests().len(), 1);
    let calls = "select state from botticelli.model_calls";
    assert_eq!(bench.database.rows(calls).await, ["settled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_acts_that_are_saved_together_one_that_cannot_be_keeps_no_other_from_it() {
    let bench = Bench::with(Options {
        say: "slots = 9",
        ..Options::default()
    })
    .await;
    // What it says is not known to be for ever.
    bench
        .database
        .execute(
            "create function public.refuse() returns trigger language plpgsql as $$
             begin
               if new.record ->> 'reply' = 'Unwanted.' then
                 raise exception 'not this one';
               end if;
               return new;
             end $$;
             create trigger refuse before insert on botticelli.act_checkpoints
             for each row execute function public.refuse()",
        )
        .await;
    bench.ended(0).await;
    bench.llm.hold();
    for text in ["Unwanted.", "Wanted.", "Welcome."] {
        bench.llm.reply_next(LlmReply::Text(text.to_owned()));
        bench.enqueue("say").await;
    }
    bench.llm.request(3).await;
    bench.llm.release();
    bench.ended(2).await;
    assert_eq!(bench.runs().await.iter().filter(|run| *run == "1|success|").count(), 2);
    assert_eq!(bench.waiting().await, ["running|1"]);
    assert_eq!(bench.llm.requests().len(), 3, "no answer is asked for again");
}
