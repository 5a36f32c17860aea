//! A call ends once, with the transaction that makes use of its answer.

use botticelli_ledger::{CallId, CallState, Charge, LedgerError, Period, Scope, Usage, fail, release, settle};

use crate::{Desk, reservation, tokens, used};

const ROW: &str = "select state, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, is_estimated,
                          cost_micros, error_class, request_id from botticelli.model_calls";

#[tokio::test]
async fn an_answer_settles_its_call_with_all_that_its_provider_told() {
    let desk = Desk::new().await;
    let call = desk.granted(&reservation(&[], &[])).await;
    let usage = Usage {
        input_tokens: 50,
        output_tokens: 30,
        cached_input_tokens: 20,
        cache_write_tokens: 10,
        reasoning_tokens: 5,
        is_estimated: false,
    };
    let mut connection = desk.database.pool.acquire().await.unwrap();
    let before = settle(&mut connection, call, &usage, 777, Some("req-1")).await.unwrap();
    assert_eq!(before, CallState::Reserved);
    assert_eq!(desk.database.row(ROW).await, "settled|50|30|20|10|5|f|777||req-1");
}

#[tokio::test]
async fn a_call_that_has_ended_does_not_end_again_however_it_is_tried() {
    let desk = Desk::new().await;
    let one = reservation(&[tokens(Scope::Fleet, Period::None, 10_000)], &[]);
    let pool = &desk.database.pool;
    let mut connection = pool.acquire().await.unwrap();
    for (first, standing) in [
        (CallState::Settled, "10|1|100|0|0|0"),
        (CallState::Failed, "110|2|1100|0|0|0"),
        (CallState::Released, "110|2|1100|0|0|0"),
    ] {
        let call = desk.granted(&one).await;
        match first {
            CallState::Settled => settle(&mut connection, call, &used(10, 0), 100, None).await.unwrap(),
            CallState::Failed => fail(pool, call, "timeout", Charge::Unknown, None).await.unwrap(),
            _ => release(pool, call).await.unwrap(),
        };
        let row = desk.database.rows(&format!("{ROW} where id = {call}")).await;
        assert_eq!(
            settle(&mut connection, call, &used(99, 99), 99, None).await.unwrap(),
            first
        );
        assert_eq!(fail(pool, call, "other", Charge::Nothing, None).await.unwrap(), first);
        assert_eq!(release(pool, call).await.unwrap(), first);
        assert!(!first.can_end());
        assert_eq!(desk.database.rows(&format!("{ROW} where id = {call}")).await, row);
        assert_eq!(desk.standing("fleet").await, standing);
    }
}

#[tokio::test]
async fn of_two_that_end_a_call_at_the_same_time_one_does_and_the_other_hears_how() {
    let desk = Desk::new().await;
    let pool = &desk.database.pool;
    let one = reservation(&[tokens(Scope::Fleet, Period::None, 10_000)], &[]);
    for commits in [true, false] {
        let call = desk.granted(&one).await;
        let mut transaction = botticelli_database::transaction(pool).await.unwrap();
        settle(&mut transaction, call, &used(10, 0), 100, None).await.unwrap();
        let other = tokio::spawn({
            let pool = pool.clone();
            async move { release(&pool, call).await.unwrap() }
        });
        desk.database.until_waiting_for_locks(1).await;
        let (expected, state) = if commits {
            transaction.commit().await.unwrap();
            (CallState::Settled, "settled")
        } else {
            transaction.rollback().await.unwrap();
            (CallState::Reserved, "released")
        };
        assert_eq!(other.await.unwrap(), expected);
        let now = format!("select state from botticelli.model_calls where id = {call}");
        assert_eq!(desk.database.row(&now).await, state);
    }
    assert_eq!(desk.standing("fleet").await, "10|1|100|0|0|0");
}

#[tokio::test]
async fn a_call_that_is_not_on_record_is_an_error_that_says_so() {
    let desk = Desk::new().await;
    let mut connection = desk.database.pool.acquire().await.unwrap();
    let unknown = settle(&mut connection, CallId(4711), &used(1, 1), 1, None)
        .await
        .unwrap_err();
    assert!(matches!(unknown, LedgerError::Unknown(CallId(4711))));
    assert!(
        unknown
            .to_string()
            .starts_with("call 4711 of a language model is not on record")
    );
    let unknown = release(&desk.database.pool, CallId(4711)).await.unwrap_err();
    assert!(matches!(unknown, LedgerError::Unknown(_)));
}

#[tokio::test]
async fn what_went_wrong_and_the_providers_name_for_it_are_kept_as_far_as_they_are_short() {
    let desk = Desk::new().await;
    let call = desk.granted(&reservation(&[], &[])).await;
    let (class, request) = ("rate\0_limited", "ä".repeat(300));
    fail(&desk.database.pool, call, class, Charge::Unknown, Some(&request))
        .await
        .unwrap();
    let row = "select state, input_tokens, output_tokens, is_estimated, cost_micros, error_class, length(request_id) from botticelli.model_calls";
    assert_eq!(desk.database.row(row).await, "failed|60|40|t|1000|rate_limited|200");
}
