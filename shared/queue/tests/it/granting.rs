//! What a role needs to enqueue, as docs/sql.md has it.

use crate::Bench;

/// The block of SQL under a heading of docs/sql.md.
fn block_under(heading: &str) -> String {
    let docs = include_str!("../../../../docs/sql.md");
    let section = docs.split(heading).nth(1).expect("the heading is there");
    let block = section.split("```sql\n").nth(1).expect("there is SQL under it");
    block.split("```").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_role_with_the_rights_that_are_written_down_can_enqueue_in_every_way_and_do_nothing_else() {
    let bench = Bench::new().await;
    // Roles belong to the server, which other tests share.
    let role: String = bench
        .database
        .row("select 'producer_' || substr(md5(random()::text), 1, 12)")
        .await;
    let grants = block_under("### Who may enqueue").replace(" to producer;", &format!(" to {role};"));
    bench.database.execute(&format!("create role {role}; {grants}")).await;
    let mut transaction = bench.database.pool.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("set local role {role}")))
        .execute(&mut *transaction)
        .await
        .unwrap();
    for enqueue in [
        "select botticelli.enqueue('posting')",
        "select * from botticelli.enqueue_many('posting', array['{}', '{}']::jsonb[])",
        "select botticelli.enqueue('posting', unique_by => '{}'), botticelli.enqueue('posting', unique_by => '{}')",
        "select botticelli.enqueue('posting', '{\"limit\": 2}', unique_by => '{*}', unique_while => 'waiting')",
        "select botticelli.enqueue('posting', '{\"limit\": 2}', unique_by => '{*}', unique_while => 'waiting')",
        "select * from botticelli.enqueue_workflow('[{\"name\": \"a\", \"queue\": \"posting\"},
           {\"name\": \"b\", \"queue\": \"posting\", \"needs\": [\"a\"]}]', 'w')",
    ] {
        if let Err(error) = sqlx::raw_sql(enqueue).execute(&mut *transaction).await {
            panic!("{enqueue}: {error}");
        }
    }
    let forbidden = sqlx::raw_sql("delete from botticelli.waiting_jobs")
        .execute(&mut *transaction)
        .await;
    assert!(forbidden.is_err());
    drop(transaction);
    bench
        .database
        .execute(&format!("drop owned by {role}; drop role {role}"))
        .await;
}
