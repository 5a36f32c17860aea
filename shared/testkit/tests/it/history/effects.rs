use botticelli_testkit::history::{Event, FencedEffect, Outcome, make_effects, note_effects};

use super::{Story, attempt, ending, is_refused};
use crate::TestResult;

/// Spoils the effect that the first worker had before it was lost.
fn spoil(change: impl FnOnce(&mut FencedEffect)) -> impl FnOnce(&mut Story) {
    |story| change(&mut story.state.effects.as_mut().unwrap_or(&mut Vec::new())[0])
}

#[test]
fn an_effect_after_a_lost_lease_is_refused() {
    is_refused(
        spoil(|effect| effect.number = 6),
        "job 7: worker first had an effect on the database for attempt 1 after worker second had claimed the job",
    );
    is_refused(
        spoil(|effect| effect.made_at = 3_000_001),
        "job 7: worker first had an effect on the database for attempt 1 after that had ended as lost",
    );
}

#[test]
fn an_effect_of_an_attempt_that_the_worker_did_not_have_is_refused() {
    is_refused(
        spoil(|effect| effect.number = 3),
        "job 7: worker first had an effect on the database for attempt 1 before it claimed the job",
    );
    is_refused(
        spoil(|effect| effect.worker = "third".to_owned()),
        "job 7: worker third had an effect on the database for attempt 1 in claim 3, but that attempt was worker first's in claim 3",
    );
    is_refused(
        spoil(|effect| effect.attempt = 3),
        "job 7: worker first had an effect on the database for attempt 3, which has no end there",
    );
}

#[test]
fn an_effect_that_is_one_transaction_with_a_completion_is_had_with_it_and_once() {
    is_refused(
        spoil(|effect| effect.is_final = true),
        "job 7: an effect of attempt 1 was to be one transaction with its completion, but it ended as lost",
    );
    is_refused(
        |story| {
            story
                .state
                .effects
                .iter_mut()
                .flatten()
                .for_each(|effect| effect.is_final = true);
            story.state.endings[0] = ending(3, attempt(1, "first"), Outcome::Completed);
        },
        "job 7: the effect that is one transaction with its completion was had twice",
    );
}

#[test]
fn an_attempt_has_one_effect_and_no_completed_one_has_none() {
    is_refused(
        |story| {
            let effects = story.state.effects.get_or_insert_default();
            effects.push(effects[1].clone());
        },
        "job 7: attempt 2 has more than one effect on the database",
    );
    is_refused(
        |story| drop(story.state.effects.get_or_insert_default().pop()),
        "job 7: attempt 2 was completed without an effect on the database",
    );
}

#[test]
fn an_effect_outside_of_the_database_that_begins_after_the_worker_was_refused_is_refused() {
    is_refused(
        |story| {
            story.log.insert(
                8,
                Event::Effect {
                    attempt: attempt(1, "first"),
                },
            );
        },
        "job 7: worker first has an effect for attempt 1 at log:9, though its end as completed was answered at log:8",
    );
}

#[tokio::test]
async fn an_effect_that_is_noted_again_because_the_answer_was_lost_is_there_once() -> TestResult {
    let database = botticelli_testkit::database().await;
    make_effects(&database.pool).await?;
    let mut connection = database.pool.acquire().await?;
    let worker = "8d4e41a4-2f7f-4a4b-9f55-6a5c6f3b0f11";
    for attempts in [&[(7, 1)][..], &[(7, 1), (8, 1)]] {
        note_effects(&mut connection, 3, worker, attempts, false).await?;
    }
    let effects = database.rows("select job, attempt from effects order by number").await;
    assert_eq!(effects, ["7|1", "8|1"]);
    Ok(())
}
