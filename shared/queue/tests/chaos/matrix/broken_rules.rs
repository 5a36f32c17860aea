//! The checker finds out when the database does not keep its rules.

use botticelli_testkit::Skew;

use super::{Blow, Cell, Point, cell::Spoil, strike};
use crate::worker::{Step, Way};

/// A rule, how it is broken, where that shows, and what the checker says.
struct Rule {
    name: &'static str,
    spoil: Spoil,
    point: Point,
    blow: Blow,
    breach: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        name: "only who holds a job ends it",
        // A later claim will do as well as the worker's own.
        spoil: Spoil::Function(
            "botticelli.end_jobs",
            &[
                ("claims.id = asked.claim", "claims.id >= asked.claim"),
                ("claims.worker_id = worker", "true"),
            ],
        ),
        point: Point::Before(Step::Settle),
        blow: Blow::FreezeWhileAnotherRuns,
        breach: "to which its end as completed was refused",
    },
    Rule {
        name: "a job that is given back waits again",
        spoil: Spoil::Statement(
            "create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
             create trigger swallow before insert on botticelli.waiting_jobs for each row when (new.attempt > 0)
             execute function swallow()",
        ),
        point: Point::Before(Step::Begin),
        blow: Blow::Kill,
        breach: "and lost: the database has no such job",
    },
    Rule {
        name: "every claim is a new attempt",
        spoil: Spoil::Function(
            "botticelli.claim",
            &[("attempt + 1", "attempt + (attempt = 0)::integer")],
        ),
        point: Point::Before(Step::Begin),
        blow: Blow::Kill,
        breach: "attempt 1 ended twice in the database",
    },
];

/// Breaks each rule in a database of its own, and gives those of which nobody has noticed it.
pub(crate) async fn break_rules() -> Result<String, Vec<String>> {
    let cells = RULES.iter().map(|rule| {
        let cell = Cell {
            point: rule.point,
            blow: rule.blow,
            way: Way::Complete,
            skew: Skew::None,
        };
        (cell, Some(rule.spoil))
    });
    let struck = strike(cells).await;
    let unnoticed: Vec<String> = RULES
        .iter()
        .zip(struck)
        .filter(|(rule, (_, struck))| {
            let said = struck.as_ref().err();
            !said.is_some_and(|said| said.iter().any(|breach| breach.contains(rule.breach)))
        })
        .map(|(rule, (_, struck))| format!("{}: nobody said `{}`, but {struck:#?}", rule.name, rule.breach))
        .collect();
    if unnoticed.is_empty() {
        Ok(format!("{} broken rules were noticed", RULES.len()))
    } else {
        Err(unnoticed)
    }
}
