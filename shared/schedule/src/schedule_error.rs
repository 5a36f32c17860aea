//! Why a text is no schedule, shown with a caret under the bad spot.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// What is wrong and which bytes of the schedule's text are to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Problem {
    pub(crate) fn new(text: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            text: text.into(),
            span,
        }
    }
}

/// A text that is no schedule.
///
/// Shown over four lines: the problem, the text, carets under the bad spot, and the forms that would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ScheduleError {
    schedule: String,
    problem: Problem,
}

impl ScheduleError {
    pub(crate) fn new(schedule: &str, problem: Problem) -> Self {
        Self {
            schedule: schedule.to_owned(),
            problem,
        }
    }

    /// The problem alone, in one line.
    pub fn problem(&self) -> &str {
        &self.problem.text
    }

    /// The schedule's text, runs of white space made one space; its beginning when it is too long to be read.
    pub fn shown(&self) -> &str {
        &self.schedule
    }

    /// The bytes to blame in the schedule's text, after runs of white space were made one space.
    pub fn span(&self) -> Range<usize> {
        self.problem.span.clone()
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedule, problem } = self;
        let before = schedule.get(..problem.span.start).unwrap_or_default();
        let marked = schedule.get(problem.span.clone()).unwrap_or_default();
        let indent = " ".repeat(before.chars().count());
        let carets = "^".repeat(marked.chars().count().max(1));
        write!(
            f,
            "schedule `{schedule}`: {text}\n  {schedule}\n  {indent}{carets}\nwrite `every <duration>` such as `every 2 hours`, or a \
             cron expression such as `0 9 * * MON-FRI` or `@daily`; `at <time>`, `immediate` and `manual` are schedules too",
            text = problem.text,
        )
    }
}
