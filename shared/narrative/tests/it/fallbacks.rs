//! Which models are asked, and which one after another's failure.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use botticelli_llm::{ErrorClass, LlmError};
use botticelli_narrative::{
    ActFailure, Ledger, ModelChoice, Models, PlannedCall, PortFuture, Ports, Reserved, Route, Ticket, parse, run,
};
use serde_json::json;

use crate::stage::{Line, Stage, options};

/// Providers by name, each a stage of its own.
struct Providers(BTreeMap<&'static str, Stage>);

impl Models for Providers {
    fn route<'a>(&'a self, choice: &ModelChoice) -> Result<Route<'a>, String> {
        let name = choice.provider.as_deref().unwrap_or("first");
        let model = self
            .0
            .get(name)
            .ok_or_else(|| format!("there is no provider `{name}`"))?;
        Ok(Route {
            model,
            name: choice.model.clone(),
        })
    }
}

/// Grants, or does not, by the model that is asked for; remembers what it is told.
#[derive(Default)]
struct Book {
    waits: Vec<&'static str>,
    exhausted: Vec<&'static str>,
    told: Mutex<Vec<String>>,
}

impl Ledger for Book {
    fn reserve<'a>(&'a self, call: &'a PlannedCall<'a>) -> PortFuture<'a, Reserved> {
        Box::pin(async move {
            let model = call.model.unwrap_or("none");
            let mut told = self.told.lock().unwrap();
            told.push(format!(
                "{} {model} {} {:?}",
                call.step, call.input_tokens, call.max_output_tokens
            ));
            Ok(if self.waits.contains(&model) {
                Reserved::Wait {
                    after: Duration::from_secs(7),
                    why: "5 requests a minute".to_owned(),
                }
            } else if self.exhausted.contains(&model) {
                Reserved::Exhausted {
                    why: "the day's money is spent".to_owned(),
                    after: None,
                }
            } else {
                Reserved::Granted(Ticket(i64::try_from(told.len()).unwrap()))
            })
        })
    }

    fn fail<'a>(&'a self, ticket: Ticket, error: &'a LlmError) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.told
                .lock()
                .unwrap()
                .push(format!("failed {} {}", ticket.0, error.class));
            Ok(())
        })
    }
}

const TEXT: &str = "
[narrative.n]
toc = ['a']
[acts.a]
prompt = 'A question'
max_tokens = 50
model = 'm1'
fallback = ['second/m2', 'third/m3']
";

async fn play(providers: &Providers, book: &Book) -> Result<String, ActFailure> {
    let narrative = parse("n.toml", TEXT).and_then(|file| file.narrative(None)).unwrap();
    let store = Stage::default();
    let ports = Ports {
        ledger: book,
        ..Ports::bare(providers, &store)
    };
    match run(&narrative, &ports, &options(json!({}))).await {
        Ok(run) => {
            let receipts = store.receipts.lock().unwrap();
            assert_eq!(receipts.len(), 1, "one answer is paid for");
            Ok(format!(
                "{} from {}",
                run.outputs[0].text,
                run.outputs[0].model.as_deref().unwrap()
            ))
        }
        Err(botticelli_narrative::RunError::Act { failure, .. }) => Err(failure),
        Err(other) => panic!("{other}"),
    }
}

fn providers(lines: [Vec<Line>; 3]) -> Providers {
    let names = ["first", "second", "third"];
    Providers(names.into_iter().zip(lines.map(Stage::with)).collect())
}

#[tokio::test]
async fn a_failing_provider_is_followed_by_the_next_and_every_call_is_on_record() {
    let providers = providers([
        vec![Line::FailAs(ErrorClass::QuotaExhausted)],
        vec![Line::FailAs(ErrorClass::Overloaded)],
        vec![Line::Say("here")],
    ]);
    let book = Book::default();
    assert_eq!(play(&providers, &book).await.unwrap(), "here from m3");
    assert_eq!(
        *book.told.lock().unwrap(),
        [
            "1/a m1 3 Some(50)",
            "failed 1 quota_exhausted",
            "1/a m2 3 Some(50)",
            "failed 3 overloaded",
            "1/a m3 3 Some(50)"
        ]
    );
}

#[tokio::test]
async fn a_decision_about_the_content_is_taken_to_nobody_else() {
    let providers = providers([vec![Line::FailAs(ErrorClass::Declined)], vec![Line::Say("no")], vec![]]);
    let failure = play(&providers, &Book::default()).await.unwrap_err();
    assert!(matches!(failure, ActFailure::Model(error) if error.class == ErrorClass::Declined));
    assert!(providers.0["second"].requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_limit_that_is_used_up_for_now_sends_the_act_to_the_next_provider_and_else_lets_it_wait() {
    let book = Book {
        waits: vec!["m1"],
        ..Book::default()
    };
    let answering = providers([vec![], vec![Line::Say("two")], vec![]]);
    assert_eq!(play(&answering, &book).await.unwrap(), "two from m2");

    let failing = providers([vec![], vec![Line::Fail], vec![Line::Fail]]);
    let failure = play(&failing, &book).await.unwrap_err();
    assert!(
        matches!(failure, ActFailure::Wait { after, .. } if after == Duration::from_secs(7)),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_budget_that_is_used_up_ends_the_act_before_anything_is_sent() {
    let providers = providers([vec![Line::Say("no")], vec![Line::Say("no")], vec![]]);
    let book = Book {
        exhausted: vec!["m1"],
        ..Book::default()
    };
    let failure = play(&providers, &book).await.unwrap_err();
    assert_eq!(failure.to_string(), "the day's money is spent");
    assert!(
        providers
            .0
            .values()
            .all(|stage| stage.requests.lock().unwrap().is_empty())
    );
}

/// A wait costs a run no try, and each time it comes back it would pay for the first one's answer again.
#[tokio::test]
async fn a_bad_answer_that_was_paid_for_is_more_than_the_limit_of_the_next() {
    let providers = providers([
        vec![Line::FailAs(ErrorClass::Malformed)],
        vec![],
        vec![Line::FailAs(ErrorClass::RateLimited)],
    ]);
    let book = Book {
        waits: vec!["m2"],
        ..Book::default()
    };
    let failure = play(&providers, &book).await.unwrap_err();
    assert!(
        matches!(&failure, ActFailure::Model(error) if error.class == ErrorClass::Malformed),
        "{failure:?}"
    );
}
