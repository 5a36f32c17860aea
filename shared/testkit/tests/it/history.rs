//! The checker believes a story that holds, and says of every other what is wrong with it.

mod cancellations;
mod effects;

use botticelli_testkit::history::{
    Attempt, Ending, Entry, Event, EventLog, FencedEffect, FinalJob, FinalState, Outcome, check, read_logs,
};

use crate::TestResult;

/// A story of one job, to be spoilt: lost by `first` on its first attempt, completed by `second` on its second.
struct Story {
    log: Vec<Event>,
    state: FinalState,
}

fn attempt(number: i32, worker: &str) -> Attempt {
    Attempt {
        job: 7,
        attempt: number,
        worker: worker.to_owned(),
    }
}

fn claimed(claim: i64, attempt: Attempt) -> Event {
    Event::Claimed { claim, attempt }
}

fn settling(outcome: Outcome, attempt: Attempt) -> Event {
    Event::Settling { outcome, attempt }
}

fn settled(outcome: Outcome, attempt: Attempt) -> Event {
    Event::Settled { outcome, attempt }
}

fn refused(outcome: Outcome, attempt: Attempt) -> Event {
    Event::Refused { outcome, attempt }
}

/// Ended as many seconds after 1970 as its claim's id says.
fn ending(claim: i64, attempt: Attempt, outcome: Outcome) -> Ending {
    Ending {
        ended_at: claim * 1_000_000,
        claim,
        attempt,
        outcome,
    }
}

/// Had just after the claim, and just before the attempt's end.
fn effect(claim: i64, attempt: &Attempt) -> FencedEffect {
    FencedEffect {
        number: claim + 1,
        claim,
        job: attempt.job,
        attempt: attempt.attempt,
        worker: attempt.worker.clone(),
        is_final: false,
        made_at: claim * 1_000_000 - 1,
    }
}

impl Story {
    fn that_holds() -> Self {
        let (first, second) = (attempt(1, "first"), attempt(2, "second"));
        Self {
            log: vec![
                Event::Offered { offer: 1 },
                Event::Accepted { offer: 1, job: 7 },
                claimed(3, first.clone()),
                Event::Effect { attempt: first.clone() },
                Event::Stopped { process: 42 },
                Event::Continued { process: 42 },
                settling(Outcome::Completed, first.clone()),
                refused(Outcome::Completed, first.clone()),
                claimed(5, second.clone()),
                Event::Effect {
                    attempt: second.clone(),
                },
                settling(Outcome::Completed, second.clone()),
                settled(Outcome::Completed, second.clone()),
            ],
            state: FinalState {
                jobs: vec![FinalJob {
                    job: 7,
                    offer: Some(1),
                    state: "completed".to_owned(),
                    attempt: 2,
                    interruptions: 0,
                    max_attempts: 3,
                    errors: 1,
                }],
                effects: Some(vec![effect(3, &first), effect(5, &second)]),
                endings: vec![ending(3, first, Outcome::Lost), ending(5, second, Outcome::Completed)],
            },
        }
    }

    /// What the checker has against it, or nothing.
    fn breaches(&self) -> Vec<String> {
        let entries: Vec<Entry> = (1..)
            .zip(&self.log)
            .map(|(line, event)| Entry {
                place: format!("log:{line}"),
                event: event.clone(),
            })
            .collect();
        check(&entries, &self.state).err().unwrap_or_default()
    }
}

/// Spoils the story and asserts that `breach` is among what the checker says of it.
#[track_caller]
fn is_refused(spoil: impl FnOnce(&mut Story), breach: &str) {
    let mut story = Story::that_holds();
    spoil(&mut story);
    let breaches = story.breaches();
    assert!(breaches.iter().any(|said| said == breach), "{breaches:#?}");
}

#[test]
fn a_story_that_holds_is_believed_and_summed_up() -> TestResult {
    let Story { log, state } = Story::that_holds();
    let entries: Vec<Entry> = log
        .into_iter()
        .map(|event| Entry {
            place: String::new(),
            event,
        })
        .collect();
    let summary = check(&entries, &state).map_err(|breaches| breaches.join("\n"))?;
    assert_eq!((summary.accepted, summary.refused, summary.repeated_effects), (1, 1, 1));
    assert_eq!(
        summary.to_string().lines().next(),
        Some(
            "1 jobs accepted, and 0 more of which the answer was lost: 1 completed; 0 lost, 0 invented, 0 settled twice"
        )
    );
    Ok(())
}

#[test]
fn a_job_that_is_gone_is_lost() {
    is_refused(
        |story| story.state = FinalState::default(),
        "job 7: accepted for offer 1 at log:2, and lost: the database has no such job",
    );
}

#[test]
fn a_job_that_nobody_offered_is_invented() {
    is_refused(
        |story| {
            let mut stranger = story.state.jobs[0].clone();
            (stranger.job, stranger.offer) = (8, None);
            story.state.jobs.push(stranger);
        },
        "job 8: it was invented: nobody offered it",
    );
    is_refused(
        |story| {
            let mut double = story.state.jobs[0].clone();
            double.job = 8;
            story.state.jobs.push(double);
        },
        "job 8: offer 1 was taken twice, also as job 7",
    );
}

#[test]
fn a_job_in_two_states_or_in_none_that_is_final_is_refused() {
    is_refused(
        |story| {
            let mut second = story.state.jobs[0].clone();
            second.state = "discarded".to_owned();
            story.state.jobs.push(second);
        },
        "job 7: it is in several states at once: completed, discarded",
    );
    is_refused(
        |story| story.state.jobs[0].state = "available".to_owned(),
        "job 7: its state in the end is available, and its last attempt ended as completed",
    );
    is_refused(
        |story| story.state.jobs[0].state = "discarded".to_owned(),
        "job 7: its state in the end is discarded, and its last attempt ended as completed",
    );
}

#[test]
fn an_end_confirmed_to_a_stale_worker_is_refused() {
    is_refused(
        |story| story.log[7] = settled(Outcome::Completed, attempt(1, "first")),
        "job 7: attempt 1 was settled as completed by worker first at log:8, but the database ended it as lost for worker first",
    );
    is_refused(
        |story| story.log[7] = settled(Outcome::Completed, attempt(1, "first")),
        "job 7: its end was confirmed twice, for attempt 1 at log:8 and for attempt 2 at log:12",
    );
}

#[test]
fn an_attempt_that_ends_twice_is_refused() {
    is_refused(
        |story| {
            let again = ending(5, attempt(2, "second"), Outcome::Retried);
            story.state.endings.push(again);
        },
        "job 7: attempt 2 ended twice in the database, as completed in claim 5 and as retried in claim 5",
    );
    is_refused(
        |story| story.log.push(settled(Outcome::Retried, attempt(2, "second"))),
        "job 7: attempt 2 was settled as completed at log:12 and as retried at log:13",
    );
}

#[test]
fn an_end_that_was_refused_and_took_effect_is_refused() {
    is_refused(
        |story| story.log[11] = refused(Outcome::Completed, attempt(2, "second")),
        "job 7: attempt 2 ended as completed for worker second, to which its end as completed was refused at log:12",
    );
}

#[test]
fn an_end_that_took_effect_without_an_answer_may_be_refused_to_who_asks_again() {
    let mut story = Story::that_holds();
    story.log[11] = Event::Unanswered {
        outcome: Outcome::Completed,
        attempt: attempt(2, "second"),
    };
    story.log.push(refused(Outcome::Completed, attempt(2, "second")));
    assert_eq!(story.breaches(), Vec::<String>::new());
}

#[test]
fn an_end_that_nobody_asked_for_is_refused() {
    is_refused(
        |story| drop(story.log.drain(10..)),
        "job 7: attempt 2 ended as completed for worker second, which never asked for that",
    );
    is_refused(
        |story| drop(story.log.drain(8..)),
        "job 7: attempt 2 ended as completed for worker second, which never heard of it",
    );
    is_refused(
        |story| drop(story.log.remove(9)),
        "job 7: attempt 2 was completed without an effect",
    );
}

#[test]
fn two_workers_with_the_same_attempt_are_refused() {
    is_refused(
        |story| story.log.push(claimed(6, attempt(2, "third"))),
        "job 7: attempt 2 was claimed twice, by worker second at log:9 and by worker third at log:13",
    );
    is_refused(
        |story| story.log[8] = claimed(5, attempt(2, "third")),
        "job 7: attempt 2 was claimed by worker third in claim 5 at log:9, but the database gave it to worker second in claim 5",
    );
    is_refused(
        |story| {
            story.log.push(Event::Effect {
                attempt: attempt(2, "third"),
            });
        },
        "job 7: worker third has an effect for attempt 2 at log:13, which it never claimed",
    );
}

#[test]
fn a_job_claimed_again_after_its_end_is_refused() {
    is_refused(
        |story| story.state.endings[0].outcome = Outcome::Completed,
        "job 7: it was claimed again as attempt 2 after attempt 1 had ended as completed",
    );
}

#[test]
fn attempts_that_do_not_grow_by_one_are_refused() {
    is_refused(
        |story| drop(story.state.endings.remove(0)),
        "job 7: it is at attempt 2, but the attempts that ended are [2]",
    );
    is_refused(
        |story| drop(story.state.endings.remove(0)),
        "job 7: attempt 1 was claimed by worker first at log:3, but has no end in the database",
    );
    is_refused(
        |story| story.state.endings[0].claim = 9,
        "job 7: attempt 2 is of claim 5, which is not later than claim 9 of attempt 1",
    );
}

#[test]
fn interruptions_and_errors_that_do_not_add_up_are_refused() {
    is_refused(
        |story| story.state.jobs[0].interruptions = 1,
        "job 7: it counts 1 interruptions, but 0 of its attempts were interrupted",
    );
    is_refused(
        |story| story.state.jobs[0].errors = 0,
        "job 7: it keeps 0 errors, but 1 of its attempts failed",
    );
}

#[test]
fn a_job_tried_more_often_than_it_may_be_or_given_up_early_is_refused() {
    is_refused(
        |story| story.state.jobs[0].max_attempts = 1,
        "job 7: it was tried 2 times and had 1 tries, but is completed in the end",
    );
    is_refused(
        |story| {
            story.state.jobs[0].state = "discarded".to_owned();
            story.state.endings[1].outcome = Outcome::Lost;
        },
        "job 7: it was tried 2 times and had 3 tries, but is discarded in the end",
    );
}

#[test]
fn logs_are_read_back_and_a_line_that_was_being_written_does_not_count() -> TestResult {
    use std::io::Write;

    let directory = tempfile::tempdir()?;
    let path = directory.path().join("worker-1.jsonl");
    let events = Story::that_holds().log;
    EventLog::append_to(&path)?.record(&events)?;
    // Its process started again, under the same name, and was killed.
    std::fs::File::options()
        .append(true)
        .open(&path)?
        .write_all(b"{\"event\": \"offe")?;
    let read: Vec<Event> = read_logs(directory.path())?
        .into_iter()
        .map(|entry| entry.event)
        .collect();
    assert_eq!(read, events);

    std::fs::write(directory.path().join("broken.jsonl"), "{}\n")?;
    let error = read_logs(directory.path()).err().ok_or("it was read")?.to_string();
    assert!(error.starts_with("broken.jsonl:1 is no event"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_final_state_is_read_from_the_tables() -> TestResult {
    let database = botticelli_testkit::database().await;
    database
        .execute(
            "insert into botticelli.queues (name, kind, max_attempts) values ('q', 'test', 3);
             select botticelli.enqueue('q', '{\"offer\": 5}');
             insert into botticelli.workers (id, name, lease_until) values (gen_random_uuid(), 'w', 'infinity');
             insert into botticelli.claims (queue, worker_id, jobs, open, endings, first_job, last_job)
             select 'q', id, array[jsonb_populate_record(null::botticelli.claimed_job, '{\"id\": 9, \"kind\": \"test\",
               \"args\": {\"offer\": 6}, \"attempt\": 2, \"interruptions\": 0, \"max_attempts\": 3, \"errors\": [{}]}')], B'0', array[row('completed', now(), B'1')::botticelli.ending], 9, 9
             from botticelli.workers",
        )
        .await;
    let state = FinalState::read(&database.pool).await?;
    assert_eq!(
        state.jobs,
        [
            FinalJob {
                job: 1,
                offer: Some(5),
                state: "available".to_owned(),
                attempt: 0,
                interruptions: 0,
                max_attempts: 3,
                errors: 0,
            },
            FinalJob {
                job: 9,
                offer: Some(6),
                state: "completed".to_owned(),
                attempt: 2,
                interruptions: 0,
                max_attempts: 3,
                errors: 1,
            },
        ]
    );
    let [ending] = &state.endings[..] else {
        return Err(format!("{:?}", state.endings).into());
    };
    assert_eq!(
        (ending.attempt.job, ending.attempt.attempt, ending.outcome),
        (9, 2, Outcome::Completed)
    );
    Ok(())
}
