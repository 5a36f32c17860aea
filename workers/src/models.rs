//! The language models that settings name, opened.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, bail};
use botticelli_llm::{
    ErrorClass, LanguageModel, LlmError, Price, Prices, ProviderOptions, Providers, ReplyFuture, Request, Routing,
    Scripted, Timeouts, Wire, open,
};
use botticelli_settings::{ActorKind, LlmBackend, ProviderSettings, ProviderWire, Settings};

mod stand_ins;

pub use stand_ins::models_to_look_at;

use crate::ActorSpec;

/// The embedded model's file, as `scripts/fetch-model` leaves it in the data directory.
#[cfg(feature = "embedded-llm")]
const MODEL_FILE: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Opens the configured models for the given actors. None is opened when all of them only post: posting asks no model.
///
/// # Errors
///
/// What is missing or wrong, with the way out.
pub fn models_for(actors: &[ActorSpec], settings: &Settings, data_dir: &Path) -> anyhow::Result<Providers> {
    if actors.iter().all(|actor| actor.kind == ActorKind::Posting) {
        return Ok(Providers::only("none", Arc::new(NoModel)));
    }
    models(settings, data_dir)
}

/// Opens the model service of `[llm]` and all of `[providers]`. A provider without its key is opened: it answers with what is
/// missing when it is asked.
///
/// # Errors
///
/// What is missing or wrong, with the way out.
pub fn models(settings: &Settings, data_dir: &Path) -> anyhow::Result<Providers> {
    let mut embedded = EmbeddedModel::of(settings, data_dir);
    assemble(settings, |provider| match provider {
        None => language_model(settings, &mut embedded),
        Some((name, provider)) => provider_model(settings, name, provider, &mut embedded),
    })
}

/// Puts the providers together that `open` opens: that of `[llm]`, for which it is given nothing, and those of `[providers]`.
fn assemble(
    settings: &Settings,
    mut open: impl FnMut(Option<(&str, &ProviderSettings)>) -> anyhow::Result<Arc<dyn LanguageModel>>,
) -> anyhow::Result<Providers> {
    let default = String::from(settings.llm.backend.clone());
    let mut models = BTreeMap::new();
    let mut patterns = Vec::new();
    if !matches!(settings.llm.backend, LlmBackend::Provider(_)) {
        models.insert(default.clone(), open(None)?);
    }
    if settings.llm.backend == LlmBackend::Openai {
        // A service with an address of its own has models of any name.
        patterns.push(("*".to_owned(), default.clone()));
    }
    for (name, provider) in &settings.providers {
        models.insert(name.clone(), open(Some((name, provider)))?);
        // The embedded model is asked by its provider's name only.
        let own = Some(&provider.model).filter(|model| !model.is_empty());
        let of_provider = provider.models.iter().chain(own);
        patterns.extend(of_provider.map(|pattern| (pattern.clone(), name.clone())));
    }
    let routing = Routing {
        models,
        default,
        patterns,
        aliases: settings.llm.aliases.clone(),
    };
    Providers::new(routing).context("`[llm] aliases`")
}

/// Opens the model service of `[llm]` and none beside it.
///
/// # Errors
///
/// What is missing or wrong, with the way out.
pub fn one_model(settings: &Settings, data_dir: &Path) -> anyhow::Result<Arc<dyn LanguageModel>> {
    language_model(settings, &mut EmbeddedModel::of(settings, data_dir))
}

fn provider_model(
    settings: &Settings,
    name: &str,
    provider: &ProviderSettings,
    embedded: &mut EmbeddedModel<'_>,
) -> anyhow::Result<Arc<dyn LanguageModel>> {
    let Some(wire) = wire_of(provider) else {
        return embedded
            .open()
            .with_context(|| format!("`[providers.{name}] wire = \"embedded\"`"));
    };
    let options = ProviderOptions {
        base_url: provider.base_url.clone(),
        api_key: settings.provider_api_key(name)?,
        ..ProviderOptions::new(name, wire, provider.model.as_str())
    };
    Ok(open(options)?)
}

/// The wire format of a provider; `None` for the model in this process.
fn wire_of(provider: &ProviderSettings) -> Option<Wire> {
    Some(match provider.wire {
        ProviderWire::OpenAi => Wire::OpenAi,
        ProviderWire::OpenAiResponses => Wire::OpenAiResponses,
        ProviderWire::Anthropic => Wire::Anthropic,
        ProviderWire::Gemini => Wire::Gemini,
        ProviderWire::Ollama => Wire::Ollama,
        ProviderWire::Embedded => return None,
    })
}

/// What the configured models cost. What answers in this process is free unless the settings say otherwise.
pub fn prices(settings: &Settings) -> Prices {
    let within = [LlmBackend::Embedded, LlmBackend::Scripted].map(String::from);
    let named = settings
        .providers
        .iter()
        .filter(|(_, provider)| provider.wire == ProviderWire::Embedded)
        .map(|(name, _)| name.clone());
    let free = within
        .into_iter()
        .chain(named)
        .map(|name| (format!("{name}/*"), Price::default()));
    let prices = settings.prices.iter().map(|(name, price)| {
        let price = Price {
            input: micros(price.input),
            cached_input: micros(price.cached_input.unwrap_or(price.input)),
            cache_write: micros(price.cache_write.unwrap_or(price.input)),
            output: micros(price.output),
        };
        (name.clone(), price)
    });
    // Of two that are equally exact the last one wins.
    Prices::new(free.chain(prices))
}

/// Dollars in millionths, to the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the settings hold amounts of dollars from 0 to a billion"
)]
pub(crate) fn micros(dollars: f64) -> u64 {
    (dollars * 1e6).round() as u64
}

/// Why a model is not asked where dollars count: what nobody knows the price of would be free.
pub fn no_price(provider: &str, model: &str) -> String {
    format!(
        "nobody said what `{provider}/{model}` costs; write `[prices.\"{provider}/{model}\"]` in the settings, with 0 where it is free"
    )
}

/// How long a call of a model may take.
pub fn timeouts(settings: &Settings) -> Timeouts {
    let total = settings.llm.timeout;
    Timeouts {
        first_byte: settings.llm.first_byte_timeout.unwrap_or(total).min(total),
        idle: settings.llm.idle_timeout.unwrap_or(total).min(total),
        total,
    }
}

/// Stands where no model is needed.
struct NoModel;

impl LanguageModel for NoModel {
    fn generate<'a>(&'a self, _: &'a Request) -> ReplyFuture<'a> {
        let detail = "this worker only posts, and posting asks no model";
        Box::pin(async move { Err(LlmError::new(ErrorClass::Unsupported, "none", detail)) })
    }

    fn provider(&self) -> &'static str {
        "none"
    }
}

/// Opens the model service of `[llm]`.
fn language_model(settings: &Settings, embedded: &mut EmbeddedModel<'_>) -> anyhow::Result<Arc<dyn LanguageModel>> {
    let llm = &settings.llm;
    match &llm.backend {
        LlmBackend::Embedded => embedded.open(),
        LlmBackend::Openai => {
            let base_url = llm
                .base_url
                .clone()
                .context("`[llm] base_url` is needed by `backend = \"openai\"`")?;
            let model = llm
                .model
                .as_deref()
                .context("`[llm] model` is needed by `backend = \"openai\"`")?;
            let options = ProviderOptions {
                base_url: Some(base_url),
                api_key: settings.llm_api_key()?,
                ..ProviderOptions::new("openai", Wire::OpenAi, model)
            };
            Ok(open(options)?)
        }
        LlmBackend::Scripted => {
            let script = llm
                .script
                .as_ref()
                .context("`[llm] script` is needed by `backend = \"scripted\"`")?;
            let path = settings.resolve(script);
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("`[llm] script` = `{}` cannot be read", path.display()))?;
            let replies: Vec<String> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned)
                .collect();
            if replies.is_empty() {
                bail!(
                    "`[llm] script` = `{}` has no reply; write one on each line",
                    path.display()
                );
            }
            Ok(Arc::new(Scripted::repeating(replies)))
        }
        LlmBackend::Provider(name) => {
            let provider = settings
                .providers
                .get(name)
                .with_context(|| no_provider(settings, name))?;
            provider_model(settings, name, provider, embedded)
        }
    }
}

fn no_provider(settings: &Settings, name: &str) -> String {
    let known: Vec<&str> = ["embedded", "openai", "scripted"]
        .into_iter()
        .chain(settings.providers.keys().map(String::as_str))
        .collect();
    format!(
        "there is no model provider `{name}`; those there are: `{}`",
        known.join("`, `")
    )
}

/// The one model inside this process, which several names may stand for.
struct EmbeddedModel<'a> {
    settings: &'a Settings,
    data_dir: &'a Path,
    open: Option<Arc<dyn LanguageModel>>,
}

impl<'a> EmbeddedModel<'a> {
    fn of(settings: &'a Settings, data_dir: &'a Path) -> Self {
        Self {
            settings,
            data_dir,
            open: None,
        }
    }

    fn open(&mut self) -> anyhow::Result<Arc<dyn LanguageModel>> {
        let model = match self.open.take() {
            Some(model) => model,
            None => embedded(self.settings, self.data_dir)?,
        };
        self.open = Some(Arc::clone(&model));
        Ok(model)
    }
}

#[cfg(feature = "embedded-llm")]
fn embedded(settings: &Settings, data_dir: &Path) -> anyhow::Result<Arc<dyn LanguageModel>> {
    use botticelli_llm::{Embedded, EmbeddedOptions};

    let configured = settings.llm.model_file.as_ref().map(|file| settings.resolve(file));
    let model_path = configured.unwrap_or_else(|| data_dir.join(MODEL_FILE));
    let options = EmbeddedOptions {
        cache_dir: data_dir.join("models"),
        model_path,
        threads: settings.llm.threads.into(),
    };
    Ok(Arc::new(Embedded::open(options)?))
}

#[cfg(not(feature = "embedded-llm"))]
fn embedded(_: &Settings, _: &Path) -> anyhow::Result<Arc<dyn LanguageModel>> {
    Err(anyhow::anyhow!(
        "the embedded model needs a binary built with the feature `embedded-llm`, which this one is not; build it with \
         `--features embedded-llm`, or use a service, for example with `[llm] backend = \"openai\"` and `base_url`"
    ))
}
