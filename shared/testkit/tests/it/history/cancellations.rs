use botticelli_testkit::history::{Event, Outcome};

use super::{Story, is_refused};

fn confirmed(attempt: i32, was_running: bool) -> Event {
    Event::Cancelled {
        job: 7,
        attempt,
        was_running,
    }
}

/// The second attempt is given back by its worker, and the job cancelled for it.
fn cancel(story: &mut Story) {
    story.log.push(Event::Cancelling { job: 7 });
    story.log.push(confirmed(2, true));
    for event in &mut story.log[10..12] {
        if let Event::Settling { outcome, .. } | Event::Settled { outcome, .. } = event {
            *outcome = Outcome::HandedBack;
        }
    }
    story.state.endings[1].outcome = Outcome::HandedBack;
    "cancelled".clone_into(&mut story.state.jobs[0].state);
}

#[test]
fn a_job_that_is_cancelled_while_it_runs_and_ends_so_is_believed() {
    let mut story = Story::that_holds();
    cancel(&mut story);
    assert_eq!(story.breaches(), Vec::<String>::new());
}

#[test]
fn a_job_that_is_cancelled_too_late_and_completed_is_believed() {
    let mut story = Story::that_holds();
    story.log.extend([Event::Cancelling { job: 7 }, confirmed(2, true)]);
    assert_eq!(story.breaches(), Vec::<String>::new());
}

#[test]
fn a_job_that_nobody_cancelled_is_not_cancelled() {
    is_refused(
        |story| {
            cancel(story);
            story.log.truncate(12);
        },
        "job 7: it was cancelled, and nobody asked for that",
    );
}

#[test]
fn a_job_that_is_claimed_again_after_it_was_cancelled_is_refused() {
    is_refused(
        |story| {
            cancel(story);
            story.log.pop();
            story.log.push(confirmed(1, true));
        },
        "job 7: its cancellation was confirmed at attempt 1 at log:14, but it was claimed again: it is at attempt 2",
    );
}

#[test]
fn a_job_that_was_cancelled_while_it_waited_is_nothing_else_in_the_end() {
    is_refused(
        |story| story.log.extend([Event::Cancelling { job: 7 }, confirmed(2, false)]),
        "job 7: its cancellation was confirmed at log:14, but it is completed in the end",
    );
}
