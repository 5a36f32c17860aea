//! Rows that are taken: each by one job, by that job again, and by nobody else.

use std::collections::BTreeSet;

use botticelli_content::{Puller, ReadableTables, check, give_back, pull_rows};
use botticelli_narrative::{Order, Row, TableQuery};
use botticelli_testkit::{TestDatabase, database};
use serde_json::json;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::shelf::{columns, filter, read, with_tips};

fn pull(limit: u32) -> TableQuery {
    TableQuery {
        order_by: Vec::new(),
        limit,
        pull: true,
        ..columns("tips", &["n"])
    }
}

async fn queue(length: i64) -> TestDatabase {
    with_tips((1..=length).map(|n| json!({"n": n})).collect()).await
}

fn numbers(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| row["n"].as_i64().unwrap()).collect()
}

async fn take(pool: &PgPool, query: &TableQuery, job: i64, step: &str) -> Vec<i64> {
    let mut transaction = pool.begin().await.unwrap();
    let rows = pull_rows(&mut transaction, query, Puller { job, step }).await.unwrap();
    transaction.commit().await.unwrap();
    numbers(&rows)
}

#[tokio::test]
async fn what_one_job_has_taken_neither_others_nor_plain_reads_get() {
    let database = queue(5).await;
    assert_eq!(take(&database.pool, &pull(2), 1, "a").await, [1, 2]);
    assert_eq!(take(&database.pool, &pull(2), 2, "a").await, [3, 4]);
    assert_eq!(read(&database, &columns("tips", &["n"])).await, r#"[{"n":5}]"#);
    assert_eq!(
        database
            .rows("select n, pulled_by, pulled_at is not null from botticelli_content.tips order by n")
            .await,
        ["1|1|t", "2|1|t", "3|2|t", "4|2|t", "5||f"]
    );
}

#[tokio::test]
async fn the_same_read_of_the_same_job_gets_the_same_rows_again() {
    let database = queue(5).await;
    let filtered = TableQuery {
        filter: filter("n > 1 and created_at > now() - interval '1 minute'"),
        order_by: Order::parse("n desc").unwrap(),
        ..pull(2)
    };
    assert_eq!(take(&database.pool, &filtered, 1, "a").await, [5, 4]);
    // Whatever they are like meanwhile, and whatever else there is.
    database
        .execute(
            "update botticelli_content.tips set created_at = now() - interval '1 hour' where n > 3;
             insert into botticelli_content.tips (n) values (9)",
        )
        .await;
    assert_eq!(take(&database.pool, &filtered, 1, "a").await, [5, 4]);
    let all_columns = TableQuery {
        columns: Vec::new(),
        ..filtered.clone()
    };
    assert_eq!(take(&database.pool, &all_columns, 1, "a").await, [5, 4]);
    assert_eq!(take(&database.pool, &filtered, 2, "a").await, [9, 3]);
}

#[tokio::test]
async fn another_step_and_another_read_of_the_same_job_get_other_rows() {
    let database = queue(6).await;
    assert_eq!(take(&database.pool, &pull(2), 1, "1/a").await, [1, 2]);
    assert_eq!(take(&database.pool, &pull(2), 1, "2/a").await, [3, 4]);
    assert_eq!(take(&database.pool, &pull(1), 1, "1/a").await, [5]);
    assert_eq!(take(&database.pool, &pull(2), 1, "2/a").await, [3, 4]);
}

#[tokio::test]
async fn a_job_that_got_nothing_gets_what_has_come_since() {
    let database = queue(1).await;
    assert_eq!(take(&database.pool, &pull(5), 1, "a").await, [1]);
    assert_eq!(take(&database.pool, &pull(5), 2, "a").await, [0_i64; 0]);
    database
        .execute("insert into botticelli_content.tips (n) values (2)")
        .await;
    assert_eq!(take(&database.pool, &pull(5), 2, "a").await, [2]);
}

#[tokio::test]
async fn a_sample_is_taken_at_random_and_once() {
    let database = queue(100).await;
    let sample = TableQuery {
        sample: Some(10),
        order_by: Order::parse("n").unwrap(),
        ..pull(100)
    };
    let taken = take(&database.pool, &sample, 1, "a").await;
    assert_eq!(taken.len(), 10);
    assert!(taken.is_sorted());
    assert_eq!(take(&database.pool, &sample, 1, "a").await, taken);
    let others: BTreeSet<i64> = take(&database.pool, &sample, 2, "a").await.into_iter().collect();
    assert!(taken.iter().all(|n| !others.contains(n)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_pullers_at_once_each_row_goes_to_one() {
    let database = queue(120).await;
    let pullers = (1..=8_i64).map(|job| {
        let pool = database.pool.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for step in 0.. {
                let rows = take(&pool, &pull(3), job, &step.to_string()).await;
                if rows.is_empty() {
                    break;
                }
                taken.extend(rows);
            }
            taken
        })
    });
    let mut taken = Vec::new();
    for puller in pullers.collect::<Vec<_>>() {
        taken.extend(puller.await.unwrap());
    }
    // Rows that another held at that moment are left for those that come later.
    taken.extend(take(&database.pool, &pull(1000), 9, "rest").await);
    taken.sort_unstable();
    assert_eq!(taken, (1..=120).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_that_are_being_taken_are_passed_over_and_nobody_waits() {
    let database = queue(3).await;
    let mut open = database.pool.begin().await.unwrap();
    let puller = Puller { job: 1, step: "a" };
    assert_eq!(numbers(&pull_rows(&mut open, &pull(2), puller).await.unwrap()), [1, 2]);
    assert_eq!(take(&database.pool, &pull(2), 2, "a").await, [3]);
    // Given up before it was committed, it is as if it had not been.
    open.rollback().await.unwrap();
    assert_eq!(take(&database.pool, &pull(2), 3, "a").await, [1, 2]);
}

#[tokio::test]
async fn a_run_that_was_killed_behind_its_read_sees_the_same_when_it_is_resumed() {
    let database = queue(4).await;
    let killed = PgPoolOptions::new()
        .max_connections(1)
        .connect(&database.url)
        .await
        .unwrap();
    assert_eq!(take(&killed, &pull(2), 1, "a").await, [1, 2]);
    // The next one dies with its server process before the end of its transaction.
    let mut open = killed.begin().await.unwrap();
    let second = Puller { job: 1, step: "b" };
    assert_eq!(numbers(&pull_rows(&mut open, &pull(2), second).await.unwrap()), [3, 4]);
    let process: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *open)
        .await
        .unwrap();
    database
        .execute(&format!("select pg_terminate_backend({process}, 10000)"))
        .await;
    drop(open);

    assert_eq!(take(&database.pool, &pull(2), 1, "a").await, [1, 2]);
    assert_eq!(take(&database.pool, &pull(2), 1, "b").await, [3, 4]);
    assert_eq!(take(&database.pool, &pull(2), 2, "a").await, [0_i64; 0]);
}

#[tokio::test]
async fn what_a_job_gives_back_others_get() {
    let database = queue(4).await;
    take(&database.pool, &pull(2), 1, "a").await;
    take(&database.pool, &pull(2), 2, "a").await;
    let mut connection = database.pool.acquire().await.unwrap();
    // A table of the same schema that knows nothing of jobs is left alone.
    database
        .execute("create table botticelli_content.plain (pulled_by text)")
        .await;
    assert_eq!(give_back(&mut connection, 1).await.unwrap(), 2);
    assert_eq!(give_back(&mut connection, 1).await.unwrap(), 0);
    assert_eq!(take(&database.pool, &pull(9), 3, "a").await, [1, 2]);
}

#[tokio::test]
async fn rows_are_given_back_in_the_order_of_their_ids_so_that_nobody_who_changes_some_waits_in_a_circle() {
    let database = queue(2).await;
    take(&database.pool, &pull(2), 1, "a").await;
    // The first row comes last on the disk.
    database
        .execute("update botticelli_content.tips set n = n where id = 1")
        .await;
    let mut holder = database.pool.begin().await.unwrap();
    let row = "select n from botticelli_content.tips where id = $1 for update";
    sqlx::query(row).bind(1_i64).execute(&mut *holder).await.unwrap();
    // While one waits for the first row it holds no other.
    let mut giver = database.pool.acquire().await.unwrap();
    let process: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *giver)
        .await
        .unwrap();
    let giving = tokio::spawn(async move { give_back(&mut giver, 1).await.unwrap() });
    let waits = format!("select count(*) from pg_locks where pid = {process} and not granted");
    while database.row(&waits).await == "0" {
        tokio::task::yield_now().await;
    }
    let at_once = format!("{row} nowait");
    sqlx::query(sqlx::AssertSqlSafe(at_once))
        .bind(2_i64)
        .execute(&mut *holder)
        .await
        .unwrap();
    holder.rollback().await.unwrap();
    assert_eq!(giving.await.unwrap(), 2);
}

#[tokio::test]
async fn a_table_that_fails_keeps_no_other_from_being_given_back() {
    let database = queue(1).await;
    take(&database.pool, &pull(1), 1, "a").await;
    database
        .execute(
            "create table botticelli_content.a_stubborn_one (like botticelli_content.tips including all);
             insert into botticelli_content.a_stubborn_one (n, pulled_by) values (1, 1);
             alter table botticelli_content.a_stubborn_one add check (pulled_by is not null)",
        )
        .await;
    let mut transaction = database.pool.begin().await.unwrap();
    assert_eq!(give_back(&mut transaction, 1).await.unwrap(), 1);
    transaction.commit().await.unwrap();
    assert_eq!(take(&database.pool, &pull(1), 2, "a").await, [1]);
}

#[tokio::test]
async fn a_pull_has_as_long_as_a_read_and_the_rest_of_its_transaction_has_what_it_had() {
    let database = queue(1).await;
    database
        .execute(
            "create function public.note_limit() returns trigger language plpgsql as
               $$ begin new.n := extract(epoch from current_setting('statement_timeout')::interval); return new; end $$;
             create trigger note_limit before update on botticelli_content.tips for each row execute function public.note_limit()",
        )
        .await;
    let mut transaction = database.pool.begin().await.unwrap();
    let limit = "select current_setting('statement_timeout')";
    let before: String = sqlx::query_scalar(limit).fetch_one(&mut *transaction).await.unwrap();
    assert_ne!(before, "10s");
    let puller = Puller { job: 1, step: "a" };
    let rows = pull_rows(&mut transaction, &pull(1), puller).await.unwrap();
    assert_eq!(numbers(&rows), [10]);
    let after: String = sqlx::query_scalar(limit).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_table_that_cannot_tell_who_took_a_row_is_refused_with_what_it_lacks() {
    let database = database().await;
    database
        .execute(
            "create schema botticelli_content;
             create table botticelli_content.tips (n int);
             insert into botticelli_content.tips values (1);
             create view botticelli_content.view_of_tips as select * from botticelli_content.tips",
        )
        .await;
    let mut connection = database.pool.acquire().await.unwrap();
    let puller = Puller { job: 1, step: "a" };
    let refusal = pull_rows(&mut connection, &pull(1), puller)
        .await
        .unwrap_err()
        .to_string();
    let way_out = "alter table \"botticelli_content\".\"tips\" add id bigint generated always as identity primary key, add \
                   pulled_at timestamptz, add pulled_by bigint, add pulled_for text";
    assert_eq!(
        refusal,
        format!("rows of table `tips` cannot be taken: it lacks what tells who took a row; `{way_out}` adds it")
    );
    let mistakes = check(&database.pool, &pull(1), &ReadableTables::default())
        .await
        .unwrap();
    assert_eq!(mistakes[0].detail, refusal);
    let view = TableQuery {
        table: "view_of_tips".to_owned(),
        ..pull(1)
    };
    let refusal = pull_rows(&mut connection, &view, puller).await.unwrap_err().to_string();
    assert!(refusal.contains("it is a view"), "{refusal}");

    database.execute(way_out).await;
    assert_eq!(take(&database.pool, &pull(1), 1, "a").await, [1]);
}
