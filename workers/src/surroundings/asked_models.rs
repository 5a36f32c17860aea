//! Whether there is somebody to ask for everything that narratives ask.

use botticelli_llm::MediaKind;
use botticelli_narrative::{AskedModel, AskedModels, Diagnostic, Models, Needs, Place, Severity};

/// What is wrong with the models that acts may ask: a provider or a model that `models` do not know, and files that none of an act's
/// models can look at.
pub fn check_models(needs: &Needs, models: &dyn Models) -> Vec<Diagnostic> {
    let mut wrong: Vec<Diagnostic> = Vec::new();
    for asked in &needs.models {
        let unknown = asked
            .models
            .iter()
            .filter_map(|model| unknown(model, &asked.act, models));
        // Acts without a model of their own have it of their narrative.
        for (place, message) in unknown.chain(unseen(asked, models)) {
            let diagnostic = Diagnostic {
                place: place.clone(),
                severity: Severity::Error,
                code: "model",
                message,
                help: None,
            };
            if !wrong.contains(&diagnostic) {
                wrong.push(diagnostic);
            }
        }
    }
    wrong
}

/// Why nobody answers for a model, and where that is written.
fn unknown<'a>(asked: &'a AskedModel, act: &'a Place, models: &dyn Models) -> Option<(&'a Place, String)> {
    let (provider, name) = (asked.provider_place.as_ref(), asked.model_place.as_ref());
    let route = match models.route(&asked.choice) {
        Err(reason) => return Some((provider.or(name).unwrap_or(act), reason)),
        Ok(route) => route,
    };
    let model = route.name.as_deref().filter(|name| !route.model.serves(name))?;
    let way_out = match route.model.own_model() {
        Some(own) => format!("it has `{own}`"),
        None => "leave the name out".to_owned(),
    };
    let provider = route.model.provider();
    let message = format!("model provider `{provider}` has no model `{model}`; {way_out}");
    Some((name.unwrap_or(act), message))
}

/// A kind of files that none of an act's models can look at.
fn unseen<'a>(asked: &'a AskedModels, models: &dyn Models) -> Option<(&'a Place, String)> {
    let routes = || asked.models.iter().filter_map(|model| models.route(&model.choice).ok());
    let takes = |kind: MediaKind| routes().any(|route| route.model.takes(kind));
    let kind = asked.kinds.iter().find(|kind| !takes(**kind))?;
    // That there is nobody at all has been said.
    routes().next()?;
    let names: Vec<String> = routes().map(|route| format!("`{}`", route.model.provider())).collect();
    let names = names.join(", ");
    let message = format!(
        "nobody whom the act may ask takes files of the kind `{kind}`: {names}; leave the file out, or ask another provider"
    );
    Some((&asked.act, message))
}
