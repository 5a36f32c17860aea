//! How a model is asked: what an act says about it, else its narrative, else the file.

use std::{ops::Range, time::Duration};

use botticelli_toml_document::suggestion;
use toml::Spanned;

use super::page::Page;
use crate::{
    document::{ActTable, FileDefaults, Head, HistoryEntry, Stage},
    narrative::{AskedModel, History, ModelChoice},
};

/// What is written about how a model is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asking<'a> {
    pub(super) model: Option<&'a Spanned<String>>,
    pub(super) temperature: Option<&'a Spanned<f64>>,
    pub(super) max_tokens: Option<&'a Spanned<i64>>,
    pub(super) system: Option<&'a Spanned<String>>,
    pub(super) provider: Option<&'a Spanned<String>>,
    pub(super) fallback: Option<&'a Vec<Spanned<String>>>,
    pub(super) top_p: Option<&'a Spanned<f64>>,
    pub(super) stop: Option<&'a Vec<Spanned<String>>>,
    pub(super) seed: Option<&'a Spanned<i64>>,
    pub(super) timeout: Option<&'a Spanned<String>>,
    pub(super) history: Option<&'a Spanned<HistoryEntry>>,
    pub(super) history_tokens: Option<&'a Spanned<i64>>,
    pub(super) repairs: Option<&'a Spanned<i64>>,
}

/// The same, read.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) models: Vec<AskedModel>,
    pub(super) temperature: Option<f32>,
    pub(super) max_tokens: Option<u32>,
    pub(super) top_p: Option<f32>,
    pub(super) stop: Vec<String>,
    pub(super) seed: Option<u64>,
    pub(super) timeout: Option<Duration>,
    pub(super) history: History,
    pub(super) history_tokens: Option<u32>,
    pub(super) repairs: u32,
}

/// How often an unusable answer is sent back unless written.
const REPAIRS: u32 = 1;

impl<'a> Asking<'a> {
    pub(super) fn of_act(table: &'a ActTable) -> Self {
        Self {
            model: table.model.as_ref(),
            temperature: table.temperature.as_ref(),
            max_tokens: table.max_tokens.as_ref(),
            system: table.system.as_ref(),
            provider: table.provider.as_ref(),
            fallback: table.fallback.as_ref(),
            top_p: table.top_p.as_ref(),
            stop: table.stop.as_ref(),
            seed: table.seed.as_ref(),
            timeout: table.timeout.as_ref(),
            history: table.history.as_ref(),
            history_tokens: table.history_tokens.as_ref(),
            repairs: table.repairs.as_ref(),
        }
    }

    pub(super) fn of_narrative(head: &'a Head) -> Self {
        Self {
            model: head.model.as_ref(),
            temperature: head.temperature.as_ref(),
            max_tokens: head.max_tokens.as_ref(),
            system: head.system.as_ref(),
            provider: head.provider.as_ref(),
            fallback: head.fallback.as_ref(),
            top_p: head.top_p.as_ref(),
            stop: head.stop.as_ref(),
            seed: head.seed.as_ref(),
            timeout: head.timeout.as_ref(),
            history: head.history.as_ref(),
            history_tokens: head.history_tokens.as_ref(),
            repairs: head.repairs.as_ref(),
        }
    }

    pub(super) fn of_file(defaults: &'a FileDefaults) -> Self {
        Self {
            model: defaults.model.as_ref(),
            temperature: defaults.temperature.as_ref(),
            max_tokens: defaults.max_tokens.as_ref(),
            ..Self::default()
        }
    }

    /// What is written here, and else what `wider` says. A model and its provider go together: whoever names a model does not
    /// want it of somebody else's provider.
    pub(super) fn or(self, wider: Self) -> Self {
        let names_model = self.model.is_some() || self.provider.is_some();
        let of_models = if names_model { self } else { wider };
        Self {
            model: of_models.model,
            provider: of_models.provider,
            fallback: self.fallback.or(wider.fallback),
            temperature: self.temperature.or(wider.temperature),
            max_tokens: self.max_tokens.or(wider.max_tokens),
            system: self.system.or(wider.system),
            top_p: self.top_p.or(wider.top_p),
            stop: self.stop.or(wider.stop),
            seed: self.seed.or(wider.seed),
            timeout: self.timeout.or(wider.timeout),
            history: self.history.or(wider.history),
            history_tokens: self.history_tokens.or(wider.history_tokens),
            repairs: self.repairs.or(wider.repairs),
        }
    }

    /// The keys that are written, and where.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        fn at<T>(value: Option<&Spanned<T>>) -> Option<Range<usize>> {
            value.map(Spanned::span)
        }
        let keys = [
            ("model", at(self.model)),
            ("temperature", at(self.temperature)),
            ("max_tokens", at(self.max_tokens)),
            ("system", at(self.system)),
            ("provider", at(self.provider)),
            ("fallback", self.fallback.and_then(|models| at(models.first()))),
            ("top_p", at(self.top_p)),
            ("stop", self.stop.and_then(|texts| at(texts.first()))),
            ("seed", at(self.seed)),
            ("timeout", at(self.timeout)),
            ("history", at(self.history)),
            ("history_tokens", at(self.history_tokens)),
            ("repairs", at(self.repairs)),
        ];
        keys.into_iter().filter_map(|(key, place)| Some((key, place?)))
    }

    /// Whether what is written of a provider and a model can be one.
    pub(super) fn names_models(&self) -> bool {
        let mut written = [self.provider, self.model].into_iter().flatten();
        written.all(|name| !name.get_ref().trim().is_empty())
    }

    /// Checks it for an act before which those in `earlier` are played, and beside and behind it the rest of `toc`.
    pub(super) fn read(&self, page: &Page<'_>, earlier: &[&str], toc: &[Stage]) -> Settings {
        let text = |value: Option<&Spanned<String>>, key: &str| {
            let value = value?;
            if value.get_ref().trim().is_empty() {
                page.error(&value.span(), "blank", format!("`{key}` is blank"));
                return None;
            }
            Some(value.get_ref().clone())
        };
        let place = |value: &Spanned<String>| page.place(&value.span());
        let mut models = vec![AskedModel {
            choice: ModelChoice {
                provider: text(self.provider, "provider"),
                model: text(self.model, "model"),
            },
            provider_place: self.provider.map(place),
            model_place: self.model.map(place),
        }];
        for fallback in self.fallback.into_iter().flatten() {
            models.extend(text(Some(fallback), "fallback").map(|written| AskedModel {
                choice: ModelChoice::parse(&written),
                provider_place: Some(place(fallback)),
                model_place: Some(place(fallback)),
            }));
        }
        let stop = self.stop.into_iter().flatten();
        Settings {
            models,
            temperature: page.fraction("temperature", self.temperature, 0.0..=2.0),
            max_tokens: page.max_tokens(self.max_tokens),
            top_p: page.fraction("top_p", self.top_p, 0.0..=1.0),
            stop: stop.map(|text| text.get_ref().clone()).collect(),
            seed: page.seed(self.seed),
            timeout: page.duration("timeout", self.timeout),
            history: self
                .history
                .map_or(History::Full, |entry| history(page, entry, earlier, toc)),
            history_tokens: page.whole("history_tokens", self.history_tokens, 1..=u32::MAX),
            repairs: page.whole("repairs", self.repairs, 0..=3).unwrap_or(REPAIRS),
        }
    }
}

fn history(page: &Page<'_>, entry: &Spanned<HistoryEntry>, earlier: &[&str], toc: &[Stage]) -> History {
    match entry.get_ref() {
        HistoryEntry::Mode(mode) => match mode.as_str() {
            "full" => History::Full,
            "none" => History::None,
            other => {
                let help = suggestion(other, ["full", "none"].into_iter());
                page.refuse(
                    &entry.span(),
                    "wrong-value",
                    format!("`history` cannot be `{other}`"),
                    help,
                );
                History::Full
            }
        },
        HistoryEntry::Last(count) => {
            let count = page.whole("history", Some(&Spanned::new(entry.span(), *count)), 0..=u32::MAX);
            count.map_or(History::Full, History::Last)
        }
        HistoryEntry::Acts(names) => {
            for name in names {
                let is_later = toc
                    .iter()
                    .flat_map(|stage| &stage.0)
                    .any(|act| act.get_ref() == name.get_ref());
                if earlier.contains(&name.get_ref().as_str()) {
                    continue;
                }
                let (message, help) = if is_later {
                    (
                        format!("act `{name}` has said nothing yet here"),
                        "name acts that stand earlier in the `toc`".to_owned(),
                    )
                } else {
                    (
                        format!("unknown act `{name}`"),
                        suggestion(name.get_ref(), earlier.iter().copied()),
                    )
                };
                page.refuse(&name.span(), "unknown-act", message, help);
            }
            History::Acts(names.iter().map(|name| name.get_ref().clone()).collect())
        }
    }
}
