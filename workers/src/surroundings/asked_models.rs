//! Whether there is somebody to ask for everything that a narrative asks.

use std::collections::BTreeSet;

use botticelli_llm::MediaKind;
use botticelli_narrative::{Diagnostic, ModelChoice, Models, Narrative, Severity};

/// What is wrong with the models that `narrative`, or one that it plays, may ask: a provider or a model that `models` do not know, and
/// files that none of an act's models can look at.
pub fn check_models(narrative: &Narrative, models: &dyn Models) -> Vec<Diagnostic> {
    let asked = narrative.models();
    let mut wrong = Vec::new();
    for (place, choice, kinds) in &asked {
        // What one of them cannot look at, the others of the act are asked about.
        let others = || {
            asked
                .iter()
                .filter(|(other, ..)| other == place)
                .map(|(_, choice, _)| *choice)
        };
        let message = match reason(choice, models) {
            Some(reason) => reason,
            None => match unseen(others, kinds, models) {
                Some(reason) => reason,
                None => continue,
            },
        };
        wrong.push(Diagnostic {
            place: (*place).clone(),
            severity: Severity::Error,
            code: "model",
            message,
            help: None,
        });
    }
    wrong.dedup();
    wrong
}

/// Why nobody answers for `choice`.
fn reason(choice: &ModelChoice, models: &dyn Models) -> Option<String> {
    let route = match models.route(choice) {
        Err(reason) => return Some(reason),
        Ok(route) => route,
    };
    let name = route.name.as_deref().filter(|name| !route.model.serves(name))?;
    let provider = route.model.provider();
    let way_out = match route.model.own_model() {
        Some(own) => format!("it has `{own}`"),
        None => "leave the name out".to_owned(),
    };
    Some(format!("model provider `{provider}` has no model `{name}`; {way_out}"))
}

/// A kind of files that none of `choices` can look at.
fn unseen<'c, C: Iterator<Item = &'c ModelChoice>>(
    choices: impl Fn() -> C,
    kinds: &BTreeSet<MediaKind>,
    models: &dyn Models,
) -> Option<String> {
    let takes = |choice: &ModelChoice, kind| models.route(choice).is_ok_and(|route| route.model.takes(kind));
    let kind = kinds
        .iter()
        .find(|kind| !choices().any(|choice| takes(choice, **kind)))?;
    let names = choices().filter_map(|choice| Some(format!("`{}`", models.route(choice).ok()?.model.provider())));
    Some(format!(
        "nobody whom the act may ask takes files of the kind `{kind}`: {}; leave the file out, or ask another provider",
        names.collect::<Vec<_>>().join(", ")
    ))
}
