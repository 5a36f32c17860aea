//! Commands for platforms, checked as far as they can be before their texts are known.

use std::{ops::Range, time::Duration};

use serde_json::Value;
use toml::Spanned;

use super::{ArgumentKind, Surroundings, page::Page};
use crate::{
    document::Arguments,
    narrative::{Argument, CommandInput},
    template::{Known, Template},
};

/// A command as it is written.
#[derive(Debug, Clone)]
pub(super) struct PreparedCommand {
    /// What a reference calls it, or the command itself.
    pub(super) name: String,
    pub(super) platform: Spanned<String>,
    pub(super) command: Spanned<String>,
    pub(super) args: Vec<(Spanned<String>, Spanned<toml::Value>)>,
    pub(super) is_required: bool,
    pub(super) cache: Option<Duration>,
}

/// The command of `[bots.NAME]`: beside its own keys, every key is an argument, and so is everything in `args`.
pub(super) fn bot(page: &Page<'_>, name: &Spanned<String>, entry: &Arguments) -> Option<PreparedCommand> {
    let (mut platform, mut command) = (None, None);
    let (mut is_required, mut cache) = (false, None);
    let mut args = Vec::new();
    for (key, value) in &entry.0 {
        match (key.get_ref().as_str(), value.get_ref()) {
            ("platform", toml::Value::String(text)) => platform = Some(Spanned::new(value.span(), text.clone())),
            ("command", toml::Value::String(text)) => command = Some(Spanned::new(value.span(), text.clone())),
            ("required", toml::Value::Boolean(truth)) => is_required = *truth,
            ("cache_duration", toml::Value::Integer(seconds)) => {
                cache = self::cache(page, Some(&Spanned::new(value.span(), *seconds)));
            }
            ("platform" | "command", _) => {
                page.error(
                    &value.span(),
                    "wrong-value",
                    format!("`{key}` of bot `{name}` is not a text"),
                );
            }
            ("required", _) => page.error(&value.span(), "wrong-value", "`required` is not true or false"),
            ("cache_duration", _) => page.error(
                &value.span(),
                "wrong-value",
                "`cache_duration` is not a number of seconds",
            ),
            ("args", toml::Value::Table(table)) => {
                let all = table.iter().map(|(key, inner)| {
                    let key = Spanned::new(value.span(), key.clone());
                    (key, Spanned::new(value.span(), inner.clone()))
                });
                args.extend(all);
            }
            _ => args.push((key.clone(), value.clone())),
        }
    }
    for (key, value) in [("platform", &platform), ("command", &command)] {
        match value {
            None if entry.0.iter().all(|(written, _)| written.get_ref() != key) => {
                page.error(
                    &name.span(),
                    "missing-key",
                    format!("missing key `{key}` in `bots.{name}`"),
                );
            }
            Some(value) if value.get_ref().trim().is_empty() => {
                page.error(&value.span(), "blank", format!("`{key}` of bot `{name}` is blank"));
            }
            _ => {}
        }
    }
    Some(PreparedCommand {
        name: name.get_ref().clone(),
        platform: platform?,
        command: command?,
        args,
        is_required,
        cache,
    })
}

/// How long an answer may be used again.
pub(super) fn cache(page: &Page<'_>, seconds: Option<&Spanned<i64>>) -> Option<Duration> {
    let seconds = page.whole("cache_duration", seconds, 0..=86_400)?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// Checks a command where the names in its texts are known.
pub(super) fn complete(
    page: &Page<'_>,
    surroundings: &Surroundings<'_>,
    known: &Known<'_>,
    command: &PreparedCommand,
) -> Option<CommandInput> {
    let mut args = Vec::new();
    for (key, value) in &command.args {
        let kind = surroundings.commands.map_or(ArgumentKind::Value, |commands| {
            commands.kind(command.platform.get_ref(), command.command.get_ref(), key.get_ref())
        });
        args.push((
            key.get_ref().clone(),
            argument(page, known, kind, &value.span(), value.get_ref())?,
        ));
    }
    if let Some(commands) = surroundings.commands {
        let values: Vec<(String, Option<Value>)> = args
            .iter()
            .map(|(key, argument)| (key.clone(), argument.value()))
            .collect();
        for problem in commands.check(command.platform.get_ref(), command.command.get_ref(), &values) {
            let wrong = problem.argument.as_deref();
            let place = match wrong.and_then(|wrong| command.args.iter().find(|(key, _)| key.get_ref() == wrong)) {
                Some((_, value)) => value.span(),
                None => command.command.span(),
            };
            match problem.help {
                Some(help) => page.refuse(&place, "command", problem.message, help),
                None => page.error(&place, "command", problem.message),
            }
        }
    }
    Some(CommandInput {
        name: command.name.clone(),
        platform: command.platform.get_ref().clone(),
        command: command.command.get_ref().clone(),
        args,
        is_required: command.is_required,
        cache: command.cache,
    })
}

fn argument(
    page: &Page<'_>,
    known: &Known<'_>,
    kind: ArgumentKind,
    place: &Range<usize>,
    value: &toml::Value,
) -> Option<Argument> {
    Some(match value {
        toml::Value::String(text) => {
            let written = Spanned::new(place.clone(), text.clone());
            Argument::Text(match kind {
                ArgumentKind::Filter if !text.trim().is_empty() => super::texts::filter(page, known, &written)?,
                ArgumentKind::Filter | ArgumentKind::Value => super::texts::template(page, known, &written)?,
                ArgumentKind::Name => plain(page, known, &written)?,
            })
        }
        toml::Value::Integer(number) => Argument::Fixed(Value::from(*number)),
        toml::Value::Float(number) => Argument::Fixed(Value::from(*number)),
        toml::Value::Boolean(truth) => Argument::Fixed(Value::from(*truth)),
        toml::Value::Datetime(moment) => Argument::Fixed(Value::from(moment.to_string())),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| argument(page, known, kind, place, item));
            Argument::List(items.collect::<Option<_>>()?)
        }
        toml::Value::Table(table) => {
            let fields = table.iter().map(|(key, field)| {
                plain(page, known, &Spanned::new(place.clone(), key.clone()))?;
                Some((key.clone(), argument(page, known, kind, place, field)?))
            });
            Argument::Table(fields.collect::<Option<_>>()?)
        }
    })
}

/// What something is called, which no reply may choose.
fn plain(page: &Page<'_>, known: &Known<'_>, written: &Spanned<String>) -> Option<Template> {
    let template = known.template(written.get_ref());
    known.notes.borrow_mut().clear();
    if let Ok(template) = template
        && template.fixed().is_some()
    {
        return Some(template);
    }
    let message = format!("`{written}` says what something is called; nothing is filled in there");
    page.refuse(
        &page.inside(written, &(0..written.get_ref().len())),
        "template",
        message,
        "write the name itself, without `{{ … }}` and `${…}`",
    );
    None
}

impl Argument {
    /// Its value, if no name has to be filled in for it.
    fn value(&self) -> Option<Value> {
        match self {
            Self::Text(text) => text.fixed().map(Value::from),
            Self::Fixed(value) => Some(value.clone()),
            Self::List(items) => items
                .iter()
                .map(Self::value)
                .collect::<Option<Vec<_>>>()
                .map(Value::from),
            Self::Table(fields) => {
                let fields = fields.iter().map(|(key, field)| Some((key.clone(), field.value()?)));
                fields.collect::<Option<serde_json::Map<_, _>>>().map(Value::from)
            }
        }
    }
}
