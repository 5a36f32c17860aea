//! The replies of finished acts.

use botticelli_actors::{clear_checkpoints, load_checkpoint, save_checkpoint};
use serde_json::{Value, json};

use crate::roll::with_actors;

#[tokio::test]
async fn the_first_record_of_a_step_stands_until_its_job_ends() {
    let database = with_actors().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let load =
        async |job: i64, step: &str| -> Option<Value> { load_checkpoint(&database.pool, job, step).await.unwrap() };
    assert_eq!(load(1, "1/idea").await, None);
    for reply in ["hats", "cats"] {
        save_checkpoint(&mut connection, 1, "1/idea", &json!(reply))
            .await
            .unwrap();
    }
    save_checkpoint(&mut connection, 1, "2/idea", &json!("bats"))
        .await
        .unwrap();
    save_checkpoint(&mut connection, 2, "1/idea", &json!("rats"))
        .await
        .unwrap();
    assert_eq!(load(1, "1/idea").await, Some(json!("hats")));
    assert_eq!(load(1, "2/idea").await, Some(json!("bats")));

    clear_checkpoints(&mut connection, &[1]).await.unwrap();
    assert_eq!(load(1, "1/idea").await, None);
    assert_eq!(load(2, "1/idea").await, Some(json!("rats")));
}
