//! The language models that settings name, for looking at what narratives ask of them.

use std::sync::Arc;

use botticelli_llm::{
    ErrorClass, LanguageModel, LlmError, ProviderOptions, Providers, ReplyFuture, Request, Scripted, Wire, open,
};
use botticelli_settings::{LlmBackend, ProviderSettings, Settings};

use super::{assemble, wire_of};

/// The models of [`models`](super::models) as far as checks of narratives go: who serves which model and takes which files. No key
/// is needed, no file of a model or a script is read, and nobody is to be asked.
///
/// # Errors
///
/// What is missing or wrong, with the way out.
pub fn models_to_look_at(settings: &Settings) -> anyhow::Result<Providers> {
    assemble(settings, |provider| match provider {
        Some((name, provider)) => of_provider(name, provider),
        None => of_backend(settings),
    })
}

fn of_provider(name: &str, provider: &ProviderSettings) -> anyhow::Result<Arc<dyn LanguageModel>> {
    let Some(wire) = wire_of(provider) else {
        return Ok(Arc::new(Embedded));
    };
    let options = ProviderOptions {
        base_url: provider.base_url.clone(),
        ..ProviderOptions::new(name, wire, provider.model.as_str())
    };
    Ok(open(options)?)
}

fn of_backend(settings: &Settings) -> anyhow::Result<Arc<dyn LanguageModel>> {
    let llm = &settings.llm;
    Ok(match &llm.backend {
        LlmBackend::Scripted => Arc::new(Scripted::repeating([])),
        LlmBackend::Openai => {
            let options = ProviderOptions {
                base_url: llm.base_url.clone(),
                ..ProviderOptions::new("openai", Wire::OpenAi, llm.model.as_deref().unwrap_or_default())
            };
            open(options)?
        }
        LlmBackend::Embedded | LlmBackend::Provider(_) => Arc::new(Embedded),
    })
}

/// Stands for the embedded model, which is large.
struct Embedded;

impl LanguageModel for Embedded {
    fn generate<'a>(&'a self, _: &'a Request) -> ReplyFuture<'a> {
        let detail = "this process only looks at narratives, and asks no model";
        Box::pin(async move { Err(LlmError::new(ErrorClass::Unsupported, "embedded", detail)) })
    }

    fn provider(&self) -> &'static str {
        "embedded"
    }

    #[cfg(feature = "embedded-llm")]
    fn own_model(&self) -> Option<&str> {
        Some(botticelli_llm::Embedded::MODEL)
    }

    #[cfg(feature = "embedded-llm")]
    fn serves(&self, model: &str) -> bool {
        model == botticelli_llm::Embedded::MODEL
    }
}
