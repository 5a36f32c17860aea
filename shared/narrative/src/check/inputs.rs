//! Inputs of acts, checked as far as they can be without knowing who plays them.

use std::ops::Range;

use botticelli_llm::MediaKind;
use botticelli_toml_document::suggestion;
use toml::Spanned;

use super::{
    commands::{self, PreparedCommand},
    media::{self, PreparedMedia},
    page::Page,
    shelf::Shelf,
    tables,
};
use crate::{
    document::{InputEntry, InputTable, Kinds},
    narrative::{Retention, TableInput},
};

#[derive(Debug)]
pub(super) struct PreparedInput<'a> {
    pub(super) source: PreparedSource<'a>,
    pub(super) retention: Retention,
}

impl PreparedInput<'_> {
    /// The kind of media that it sends, as far as that is known.
    pub(super) fn media_kind(&self) -> Option<MediaKind> {
        match &self.source {
            PreparedSource::Media(PreparedMedia::Here(media)) => Some(media.kind),
            PreparedSource::Media(PreparedMedia::Fetch { kind, .. }) => *kind,
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum PreparedSource<'a> {
    /// A text that may hold names.
    Text(Spanned<String>),
    Media(PreparedMedia),
    Table(Box<TableInput>),
    Command(PreparedOrNamed<'a>),
    /// A narrative of this file or another one.
    Narrative(Spanned<String>),
}

/// A command that is written here, or in `[bots]`.
#[derive(Debug)]
pub(super) enum PreparedOrNamed<'a> {
    Here(Box<PreparedCommand>),
    Named(&'a PreparedCommand),
}

impl PreparedOrNamed<'_> {
    pub(super) fn command(&self) -> &PreparedCommand {
        match self {
            Self::Here(command) => command,
            Self::Named(command) => command,
        }
    }
}

impl PreparedSource<'_> {
    /// Whether it is a text, which is what asks a model.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Media(PreparedMedia::Text(_)))
    }
}

/// The kinds of inputs by the names that documents give them.
const KINDS: [(&str, Kinds, Option<MediaKind>); 7] = [
    ("text", Kinds::TEXT, None),
    ("table", Kinds::TABLE, None),
    ("bot_command", Kinds::COMMAND, None),
    ("image", Kinds::MEDIA, Some(MediaKind::Image)),
    ("audio", Kinds::MEDIA, Some(MediaKind::Audio)),
    ("video", Kinds::MEDIA, Some(MediaKind::Video)),
    ("document", Kinds::MEDIA, Some(MediaKind::Document)),
];

/// The inputs that are right; what is wrong has been said.
pub(super) fn prepare<'a>(shelf: &'a Shelf<'a>, inputs: &[Spanned<InputEntry>]) -> Vec<PreparedInput<'a>> {
    let prepared = inputs.iter().filter_map(|input| match input.get_ref() {
        InputEntry::Text(text) => bare(shelf, &Spanned::new(input.span(), text.clone())),
        InputEntry::Table(table) => structured(shelf, &input.span(), table),
    });
    prepared.collect()
}

/// An input that is only a string: a reference if it looks like one, a text otherwise.
pub(super) fn bare<'a>(shelf: &'a Shelf<'a>, written: &Spanned<String>) -> Option<PreparedInput<'a>> {
    if is_reference(written.get_ref()) {
        return referred(shelf, written, None, None);
    }
    Some(PreparedInput {
        source: PreparedSource::Text(written.clone()),
        retention: Retention::Full,
    })
}

fn is_reference(text: &str) -> bool {
    let prefixed = ["bots.", "tables.", "media.", "narratives.", "narrative:"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    prefixed && !text.contains(char::is_whitespace)
}

/// The part of the file that a reference leads to.
fn referred<'a>(
    shelf: &'a Shelf<'a>,
    reference: &Spanned<String>,
    kind: Option<MediaKind>,
    own_retention: Option<Retention>,
) -> Option<PreparedInput<'a>> {
    let text = reference.get_ref();
    let mut retention = own_retention;
    let source = if let Some(name) = text.strip_prefix("tables.") {
        let of_table = shelf.retention_of_table(name);
        retention = retention.or_else(|| of_table.and_then(|written| self::retention(shelf, written)));
        PreparedSource::Table(Box::new(shelf.table(reference, name)?))
    } else if let Some(name) = text.strip_prefix("bots.") {
        PreparedSource::Command(PreparedOrNamed::Named(shelf.bot(reference, name)?))
    } else if let Some(name) = text.strip_prefix("media.") {
        PreparedSource::Media(shelf.media(reference, name, kind)?)
    } else if text.starts_with("narratives.") || text.starts_with("narrative:") {
        PreparedSource::Narrative(reference.clone())
    } else {
        let message = format!("`{text}` cannot be an input");
        let help = "write `tables.NAME`, `bots.NAME`, `media.NAME` or `narratives.NAME`";
        shelf.page.refuse(&reference.span(), "unknown-reference", message, help);
        return None;
    };
    Some(PreparedInput {
        source,
        retention: retention.unwrap_or(Retention::Full),
    })
}

fn structured<'a>(shelf: &'a Shelf<'a>, place: &Range<usize>, input: &InputTable) -> Option<PreparedInput<'a>> {
    let page = shelf.page;
    let own_retention = input
        .history_retention
        .as_ref()
        .and_then(|written| retention(shelf, written));
    let named = input.kind.as_ref();
    let kind = named.and_then(|name| KINDS.iter().find(|(known, ..)| known == name.get_ref()).copied());
    if let (Some(name), None) = (named, kind) {
        let help = suggestion(name.get_ref(), KINDS.iter().map(|(known, ..)| *known));
        let message = format!("an input cannot have the type `{name}`");
        page.refuse(&name.span(), "unknown-type", message, help);
        return None;
    }
    let media_kind = kind.and_then(|(_, _, media)| media);
    if let Some(reference) = &input.reference {
        let mut is_clear = true;
        for (key, _, place) in input.own_keys() {
            page.error(
                &place,
                "foreign-key",
                format!("an input with `ref` has no `{key}`; leave it out"),
            );
            is_clear = false;
        }
        if is_clear && kind.is_some_and(|(_, kinds, _)| kinds == Kinds::TEXT) {
            page.error(
                &reference.span(),
                "foreign-key",
                "an input of type `text` has no `ref`; leave the type out",
            );
            is_clear = false;
        }
        if !is_clear {
            return None;
        }
        let referred = referred(shelf, reference, media_kind, own_retention)?;
        return match &input.required {
            None => Some(referred),
            Some(required) => required_here(page, referred, required),
        };
    }
    let kinds = kind.map_or_else(|| guessed(input), |(_, kinds, _)| kinds);
    let noun = kind.map_or_else(|| noun_of(kinds), |(name, ..)| name);
    let mut is_clear = true;
    for (key, belongs, place) in input.own_keys().filter(|(_, belongs, _)| !belongs.meets(kinds)) {
        let message = format!("an input of type `{noun}` has no `{key}`; leave it out");
        debug_assert!(!belongs.meets(kinds), "the filter let it through");
        page.error(&place, "foreign-key", message);
        is_clear = false;
    }
    if let Some(required) = &input.required
        && !kinds.meets(Kinds::TABLE.or(Kinds::COMMAND))
    {
        page.error(
            &required.span(),
            "foreign-key",
            format!("an input of type `{noun}` has no `required`; leave it out"),
        );
        is_clear = false;
    }
    if !is_clear {
        return None;
    }
    let source = if kinds == Kinds::TABLE {
        let Some(entry) = input.table() else {
            let message = "an input of type `table` wants `table_name`, or `ref = \"tables.NAME\"`";
            page.error(place, "missing-key", message);
            return None;
        };
        PreparedSource::Table(Box::new(tables::table(page, None, &entry)?))
    } else if kinds == Kinds::COMMAND {
        PreparedSource::Command(PreparedOrNamed::Here(Box::new(command(shelf, place, input)?)))
    } else if kinds == Kinds::MEDIA {
        let entry = input.media();
        media::check_sources(page, place, &format!("an input of type `{noun}`"), &entry);
        PreparedSource::Media(media::bring(page, shelf.surroundings, place, &entry, media_kind)?)
    } else {
        text(shelf, place, input)?
    };
    Some(PreparedInput {
        source,
        retention: own_retention.unwrap_or(Retention::Full),
    })
}

/// A part of the file that is required here, or not, whatever it says itself.
fn required_here<'a>(page: &Page<'_>, input: PreparedInput<'a>, required: &Spanned<bool>) -> Option<PreparedInput<'a>> {
    let is_required = *required.get_ref();
    let source = match input.source {
        PreparedSource::Table(table) => PreparedSource::Table(Box::new(TableInput { is_required, ..*table })),
        PreparedSource::Command(command) => {
            let command = command.command().clone();
            PreparedSource::Command(PreparedOrNamed::Here(Box::new(PreparedCommand {
                is_required,
                ..command
            })))
        }
        PreparedSource::Text(_) | PreparedSource::Media(_) | PreparedSource::Narrative(_) => {
            let message = "only tables and bot commands have `required`; leave it out";
            page.error(&required.span(), "foreign-key", message);
            return None;
        }
    };
    Some(PreparedInput { source, ..input })
}

/// What an input without a type is, by its keys.
fn guessed(input: &InputTable) -> Kinds {
    if input.table_name.is_some() {
        Kinds::TABLE
    } else if input.platform.is_some() || input.command.is_some() {
        Kinds::COMMAND
    } else if input.url.is_some() || input.base64.is_some() || input.mime.is_some() {
        Kinds::MEDIA
    } else {
        Kinds::TEXT
    }
}

fn noun_of(kinds: Kinds) -> &'static str {
    KINDS
        .iter()
        .find(|(_, known, _)| *known == kinds)
        .map_or("text", |(name, ..)| name)
}

fn text<'a>(shelf: &'a Shelf<'a>, place: &Range<usize>, input: &InputTable) -> Option<PreparedSource<'a>> {
    let page = shelf.page;
    match (&input.content, &input.file) {
        (Some(content), None) => Some(PreparedSource::Text(content.clone())),
        (Some(_), Some(file)) => {
            page.error(
                &file.span(),
                "foreign-key",
                "the input has `content` and `file`; keep one",
            );
            None
        }
        (None, Some(file)) => {
            let Some(files) = shelf.surroundings.files else {
                page.error(&file.span(), "media", "files are not read here");
                return None;
            };
            match files.text(file.get_ref()) {
                Ok(text) => Some(PreparedSource::Media(PreparedMedia::Text(text))),
                Err(reason) => {
                    page.error(&file.span(), "file", reason);
                    None
                }
            }
        }
        (None, None) => {
            page.error(
                place,
                "missing-key",
                "the input wants `content`, `file`, `ref`, `table_name` or `command`",
            );
            None
        }
    }
}

fn command(shelf: &Shelf<'_>, place: &Range<usize>, input: &InputTable) -> Option<PreparedCommand> {
    let page = shelf.page;
    let (Some(platform), Some(command)) = (&input.platform, &input.command) else {
        page.error(
            place,
            "missing-key",
            "an input of type `bot_command` wants `platform` and `command`",
        );
        return None;
    };
    Some(PreparedCommand {
        name: command.get_ref().clone(),
        platform: platform.clone(),
        command: command.clone(),
        args: input
            .args
            .as_ref()
            .map(|args| args.get_ref().0.clone())
            .unwrap_or_default(),
        is_required: input.required.as_ref().is_some_and(|required| *required.get_ref()),
        cache: commands::cache(page, input.cache_duration.as_ref()),
    })
}

fn retention(shelf: &Shelf<'_>, written: &Spanned<String>) -> Option<Retention> {
    match written.get_ref().as_str() {
        "full" => Some(Retention::Full),
        "summary" => Some(Retention::Summary),
        "drop" => Some(Retention::Drop),
        other => {
            let help = suggestion(other, ["full", "summary", "drop"].into_iter());
            let message = format!("`history_retention` cannot be `{other}`");
            shelf.page.refuse(&written.span(), "wrong-value", message, help);
            None
        }
    }
}
