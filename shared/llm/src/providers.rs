//! Several providers at once: which of them answers a request.

use std::{collections::BTreeMap, sync::Arc};

use crate::LanguageModel;
use crate::name_pattern::{NamePattern, most_exact};

/// The providers of this process and the rules by which one is chosen.
#[derive(Clone)]
pub struct Providers {
    models: BTreeMap<String, Arc<dyn LanguageModel>>,
    default: String,
    patterns: Vec<(NamePattern, String)>,
    /// From a name to a provider and its model.
    aliases: BTreeMap<String, (String, String)>,
}

/// What [`Providers`] are made of.
#[derive(Clone, Default)]
pub struct Routing {
    /// The providers by their names.
    pub models: BTreeMap<String, Arc<dyn LanguageModel>>,
    /// The provider of requests that name neither a provider nor a model.
    pub default: String,
    /// Names of models, in which `*` stands for any text, and the provider that serves them. The order does not matter:
    /// of several that match, the most exact one wins.
    pub patterns: Vec<(String, String)>,
    /// Names that stand for a model of a provider, written `provider/model`.
    pub aliases: BTreeMap<String, String>,
}

/// Who of the providers `'p` answers a request `'r`.
#[derive(Clone, Copy)]
pub struct Route<'p, 'r> {
    /// The provider itself.
    pub model: &'p Arc<dyn LanguageModel>,
    /// The provider's name.
    pub provider: &'p str,
    /// The name of the model to ask it for; `None` takes the provider's own.
    pub name: Option<&'r str>,
}

/// Why rules cannot be followed: they name a provider that there is not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoutingError {
    /// A rule leads to a provider that is not configured.
    #[error(
        "{rule} leads to model provider `{provider}`, which there is not; {}",
        known(providers)
    )]
    UnknownProvider {
        /// The rule.
        rule: String,
        /// The provider that it names.
        provider: String,
        /// The providers that there are.
        providers: Vec<String>,
    },
    /// An alias does not say which model of which provider it stands for.
    #[error("alias `{alias}` stands for `{target}`; write `PROVIDER/MODEL`")]
    Alias {
        /// The alias.
        alias: String,
        /// What it stands for.
        target: String,
    },
}

/// Why nobody can answer a request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The request names a provider that there is not.
    #[error("there is no model provider `{provider}`; {}", known(providers))]
    UnknownProvider {
        /// What the request names.
        provider: String,
        /// The providers that there are.
        providers: Vec<String>,
    },
    /// The request names a model that no rule gives to a provider.
    #[error(
        "no model provider is known to serve `{model}`; name its provider, for example as `{example}/{model}`, or add a \
         pattern or an alias for it; {}",
        known(providers)
    )]
    UnknownModel {
        /// What the request names.
        model: String,
        /// One of the providers.
        example: String,
        /// The providers that there are.
        providers: Vec<String>,
    },
}

fn known(providers: &[String]) -> String {
    match providers {
        [] => "none is configured".to_owned(),
        providers => format!("the providers are `{}`", providers.join("`, `")),
    }
}

impl Providers {
    /// Providers that follow the rules of `routing`.
    ///
    /// # Errors
    ///
    /// [`RoutingError`] when the default, a pattern or an alias leads to no provider.
    pub fn new(routing: Routing) -> Result<Self, RoutingError> {
        let Routing {
            models,
            default,
            patterns,
            aliases,
        } = routing;
        let exists = |rule: String, provider: &str| {
            if models.contains_key(provider) {
                return Ok(());
            }
            Err(RoutingError::UnknownProvider {
                rule,
                provider: provider.to_owned(),
                providers: models.keys().cloned().collect(),
            })
        };
        exists("the default".to_owned(), &default)?;
        for (pattern, provider) in &patterns {
            exists(format!("pattern `{pattern}`"), provider)?;
        }
        let mut targets = BTreeMap::new();
        for (alias, target) in aliases {
            // Models of gateways have slashes in their names; providers have none.
            let Some((provider, model)) = target.split_once('/').filter(|(_, model)| !model.is_empty()) else {
                return Err(RoutingError::Alias { alias, target });
            };
            exists(format!("alias `{alias}`"), provider)?;
            targets.insert(alias, (provider.to_owned(), model.to_owned()));
        }
        let patterns = patterns.into_iter();
        Ok(Self {
            patterns: patterns
                .map(|(text, provider)| (NamePattern::new(text), provider))
                .collect(),
            models,
            default,
            aliases: targets,
        })
    }

    /// One provider, which answers everything.
    pub fn only(name: impl Into<String>, model: Arc<dyn LanguageModel>) -> Self {
        let name = name.into();
        Self {
            models: BTreeMap::from([(name.clone(), model)]),
            default: name,
            patterns: Vec::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// The same, with every provider's client wrapped.
    pub fn wrapped(mut self, wrap: impl Fn(Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel>) -> Self {
        self.models = self
            .models
            .into_iter()
            .map(|(name, model)| (name, wrap(model)))
            .collect();
        self
    }

    /// The provider of that name.
    pub fn get(&self, provider: &str) -> Option<&Arc<dyn LanguageModel>> {
        self.models.get(provider)
    }

    /// Who answers a request that names `provider` and `model`, either of which may be left open.
    ///
    /// A named provider is taken, and the model's name is given to it, or what an alias of that name stands for there.
    /// Without one, the model decides: an alias, then `provider/model`, then the most exact pattern that matches; where there
    /// is only one provider, it gets every name. Without either, the default provider is asked for its own model.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when there is no such provider, or none for that model. It lists the providers.
    pub fn route<'p: 'r, 'r>(
        &'p self,
        provider: Option<&'r str>,
        model: Option<&'r str>,
    ) -> Result<Route<'p, 'r>, RouteError> {
        match (provider, model) {
            (Some(provider), model) => self.to(provider, model.map(|model| self.name_at(provider, model))),
            (None, None) => self.to(&self.default, None),
            (None, Some(model)) => self.to_model(model),
        }
    }

    fn to_model<'p: 'r, 'r>(&'p self, model: &'r str) -> Result<Route<'p, 'r>, RouteError> {
        if let Some((provider, name)) = self.aliases.get(model) {
            return self.to(provider, Some(name));
        }
        if let Some((provider, name)) = model.split_once('/')
            && self.models.contains_key(provider)
            && !name.is_empty()
        {
            return self.to(provider, Some(name));
        }
        match most_exact(&self.patterns, model) {
            Some(provider) => self.to(provider, Some(model)),
            None if self.models.len() == 1 => self.to(&self.default, Some(model)),
            None => Err(RouteError::UnknownModel {
                model: model.to_owned(),
                example: self.default.clone(),
                providers: self.models.keys().cloned().collect(),
            }),
        }
    }

    fn to<'p, 'r>(&'p self, provider: &str, name: Option<&'r str>) -> Result<Route<'p, 'r>, RouteError> {
        match self.models.get_key_value(provider) {
            Some((provider, model)) => Ok(Route { model, provider, name }),
            None => Err(RouteError::UnknownProvider {
                provider: provider.to_owned(),
                providers: self.models.keys().cloned().collect(),
            }),
        }
    }

    /// What `provider` calls the model that a request calls `model`.
    fn name_at<'p: 'r, 'r>(&'p self, provider: &str, model: &'r str) -> &'r str {
        match self.aliases.get(model) {
            Some((owner, name)) if owner == provider => name,
            _ => model,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scripted;

    fn routing() -> Routing {
        let model = || Arc::new(Scripted::repeating([])) as Arc<dyn LanguageModel>;
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect()
        };
        Routing {
            models: ["anthropic", "gateway", "gemini"]
                .map(|name| (name.to_owned(), model()))
                .into(),
            default: "gemini".to_owned(),
            patterns: owned(&[("*", "gateway"), ("gemini-*", "gemini"), ("claude-*", "anthropic")]),
            aliases: owned(&[("fast", "gemini/gemini-3-flash"), ("open", "gateway/meta/llama")])
                .into_iter()
                .collect(),
        }
    }

    fn way(routing: Routing, provider: Option<&str>, model: Option<&str>) -> String {
        let providers = Providers::new(routing).unwrap_or_else(|error| panic!("{error}"));
        match providers.route(provider, model) {
            Ok(route) => format!("{} {}", route.provider, route.name.unwrap_or("-")),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn nothing_named_is_the_default_s_own_model() {
        assert_eq!(way(routing(), None, None), "gemini -");
    }

    #[test]
    fn a_named_provider_wins_over_every_rule() {
        assert_eq!(way(routing(), Some("gateway"), None), "gateway -");
        assert_eq!(
            way(routing(), Some("gateway"), Some("gemini-3-pro")),
            "gateway gemini-3-pro"
        );
        assert_eq!(way(routing(), Some("gemini"), Some("fast")), "gemini gemini-3-flash");
        assert_eq!(way(routing(), Some("anthropic"), Some("fast")), "anthropic fast");
    }

    #[test]
    fn a_model_leads_to_its_provider_by_alias_by_slash_and_by_the_most_exact_pattern() {
        assert_eq!(way(routing(), None, Some("fast")), "gemini gemini-3-flash");
        assert_eq!(way(routing(), None, Some("open")), "gateway meta/llama");
        assert_eq!(way(routing(), None, Some("anthropic/claude-x")), "anthropic claude-x");
        assert_eq!(way(routing(), None, Some("claude-opus")), "anthropic claude-opus");
        assert_eq!(way(routing(), None, Some("meta/llama")), "gateway meta/llama");
    }

    #[test]
    fn a_model_that_nobody_serves_is_named_with_the_providers() {
        let mut routing = routing();
        routing.patterns.remove(0);
        let text = way(routing, None, Some("gpt-5"));
        assert!(text.contains("`gpt-5`") && text.contains("`gemini/gpt-5`"), "{text}");
        assert!(text.contains("`anthropic`, `gateway`, `gemini`"), "{text}");
    }

    #[test]
    fn an_only_provider_gets_every_name() {
        let providers = Providers::only("local", Arc::new(Scripted::repeating([])));
        let route = providers.route(None, Some("gpt-5"));
        assert!(route.is_ok_and(|route| route.provider == "local" && route.name == Some("gpt-5")));
    }

    #[test]
    fn an_unknown_provider_is_named_with_the_known_ones() {
        let text = way(routing(), Some("gemni"), None);
        assert!(text.contains("`gemni`") && text.contains("`gemini`"), "{text}");
    }

    #[test]
    fn rules_that_lead_nowhere_are_refused() {
        let refused = |change: &dyn Fn(&mut Routing)| {
            let mut routing = routing();
            change(&mut routing);
            Providers::new(routing)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        let text = refused(&|routing| "gone".clone_into(&mut routing.default));
        assert!(text.contains("the default leads to model provider `gone`"), "{text}");
        let text = refused(&|routing| routing.patterns.push(("x-*".to_owned(), "gone".to_owned())));
        assert!(text.contains("pattern `x-*`") && text.contains("`gone`"), "{text}");
        let alias =
            |target: &str| refused(&|routing| drop(routing.aliases.insert("quick".to_owned(), target.to_owned())));
        let text = alias("gone/x");
        assert!(text.contains("alias `quick`") && text.contains("`gone`"), "{text}");
        for target in ["gemini", "gemini/"] {
            let text = alias(target);
            assert!(text.contains("`PROVIDER/MODEL`"), "{text}");
        }
    }
}
