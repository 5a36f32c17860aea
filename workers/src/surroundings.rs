//! What narratives may refer to outside of themselves: files, media of other places, commands of platforms.

mod asked_models;
pub(crate) mod table_update;

pub use asked_models::check_models;

use std::path::Path;

use botticelli_llm::{Media, MediaKind};
use botticelli_media::{FetchLimits, Fetcher, InvalidFetcher, MediaFile, Shelf, ShelfError, from_base64};
use botticelli_narrative::{ArgumentKind, CommandProblem, Commands, Files, MediaFetcher, PortError, PortFuture};
use botticelli_platforms::{ArgProblem, ArgValue, commands, find};
use botticelli_toml_document::nearest;
use serde_json::Value;

/// The most bytes of a text that a narrative brings, and of another narrative file.
const MOST_OF_TEXT: usize = 1 << 20;
/// The most bytes of a picture, sound, film or document.
const MOST_OF_MEDIA: usize = 20 << 20;

/// The platforms that know commands.
const PLATFORMS: &[&str] = &["discord", table_update::PLATFORM];

/// The files that a narrative may bring: those below its own directory, and below a root that several narratives share.
///
/// They are read when the narrative is checked, and never outside of the two directories. A text may have 1 MiB, a medium
/// 20 MiB.
#[derive(Debug, Clone)]
pub struct NarrativeFiles(Shelf);

impl NarrativeFiles {
    /// The files for the narrative in the file `narrative`: what lies below `root`, too, if its own directory has it not.
    ///
    /// # Errors
    ///
    /// [`ShelfError::Directory`] when one of the directories cannot be opened.
    pub fn of(narrative: &Path, root: Option<&Path>) -> Result<Self, ShelfError> {
        let own = match narrative.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        match root {
            Some(root) => Shelf::open(root)?.beside(own).map(Self),
            None => Shelf::open(own).map(Self),
        }
    }
}

impl Files for NarrativeFiles {
    fn text(&self, name: &str) -> Result<String, String> {
        self.0.read_text(name, MOST_OF_TEXT).map_err(in_one_sentence)
    }

    fn media(&self, name: &str, kind: Option<MediaKind>, mime: Option<&str>) -> Result<Media, String> {
        let file = self.0.read_media(name, mime, MOST_OF_MEDIA).map_err(in_one_sentence)?;
        media_of(file, kind).map_err(|wrong| format!("`{name}` {wrong}"))
    }

    fn decoded(&self, base64: &str, kind: Option<MediaKind>, mime: Option<&str>) -> Result<Media, String> {
        let file = from_base64(base64, mime, None, MOST_OF_MEDIA).map_err(in_one_sentence)?;
        media_of(file, kind).map_err(|wrong| format!("the content {wrong}"))
    }
}

/// Fetches media by `http` and `https`, at most 20 MiB in 30 s, from the public network and the hosts that are allowed.
#[derive(Debug, Clone)]
pub struct FetchedMedia {
    fetcher: Fetcher,
    limits: FetchLimits,
}

impl FetchedMedia {
    /// A fetcher for which `allowed_hosts`, such as `media.internal` or `127.0.0.1:8080`, may be anywhere.
    ///
    /// # Errors
    ///
    /// [`InvalidFetcher`].
    pub fn new<S: AsRef<str>>(allowed_hosts: &[S]) -> Result<Self, InvalidFetcher> {
        Ok(Self {
            fetcher: Fetcher::new(allowed_hosts)?,
            limits: FetchLimits::new(MOST_OF_MEDIA),
        })
    }
}

impl MediaFetcher for FetchedMedia {
    /// A [`PortError`] that is not of another kind than was asked for has a [`FetchError`](botticelli_media::FetchError)
    /// in it.
    fn fetch<'a>(&'a self, url: &'a str, kind: Option<MediaKind>, mime: Option<&'a str>) -> PortFuture<'a, Media> {
        Box::pin(async move {
            let fetched = self.fetcher.fetch(url, mime, &self.limits).await;
            media_of(fetched.map_err(PortError::new)?, kind).map_err(PortError::new)
        })
    }
}

/// Media are of another kind than their author says.
#[derive(Debug, thiserror::Error)]
#[error("is `{mime}`, which is not of the kind `{wanted}`; change what stands here, or the type of the input")]
struct WrongKind {
    mime: String,
    wanted: MediaKind,
}

fn media_of(file: MediaFile, wanted: Option<MediaKind>) -> Result<Media, WrongKind> {
    let kind = match file.kind {
        botticelli_media::MediaKind::Image => MediaKind::Image,
        botticelli_media::MediaKind::Audio => MediaKind::Audio,
        botticelli_media::MediaKind::Video => MediaKind::Video,
        botticelli_media::MediaKind::Document => MediaKind::Document,
    };
    let mime = file.mime.name().to_owned();
    match wanted {
        Some(wanted) if wanted != kind => Err(WrongKind { mime, wanted }),
        _ => Ok(Media {
            kind,
            mime,
            filename: Some(file.filename),
            bytes: file.bytes,
        }),
    }
}

/// An error with its causes.
fn in_one_sentence(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

/// The commands of every platform, as their catalogues describe them.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlatformCommands;

impl Commands for PlatformCommands {
    fn check(&self, platform: &str, command: &str, args: &[(String, Option<Value>)]) -> Vec<CommandProblem> {
        if platform == table_update::PLATFORM {
            return table_update::check(command, args);
        }
        if !PLATFORMS.contains(&platform) {
            let help = match nearest(platform, PLATFORMS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the platforms with commands are {}", listed(PLATFORMS)),
            };
            return vec![problem(None, format!("unknown platform `{platform}`"), Some(help))];
        }
        let Some(spec) = find(platform, command) else {
            return vec![unknown_command(platform, command)];
        };
        let given = args.iter().map(|(name, value)| {
            let value = value.as_ref().map_or(ArgValue::Template, ArgValue::Known);
            (name.as_str(), value)
        });
        let problems = spec.check_args(given).into_iter();
        problems.map(|problem| explained(command, &problem)).collect()
    }

    fn kind(&self, platform: &str, _command: &str, argument: &str) -> ArgumentKind {
        if platform == table_update::PLATFORM {
            table_update::kind(argument)
        } else {
            ArgumentKind::Value
        }
    }
}

/// A command that is not in the catalogue, with the nearest that is, or its neighbours, or how they are called.
fn unknown_command(platform: &str, command: &str) -> CommandProblem {
    let names = || commands(platform).map(|spec| spec.name);
    let group = command.split('.').next().unwrap_or_default();
    let neighbours: Vec<&str> = names().filter(|name| name.split('.').next() == Some(group)).collect();
    let help = match nearest(command, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if neighbours.is_empty() => {
            let mut groups: Vec<&str> = names().filter_map(|name| name.split('.').next()).collect();
            groups.dedup();
            format!("its commands are about {}", listed(&groups))
        }
        None => format!("of `{group}` there are {}", listed(&neighbours)),
    };
    problem(
        None,
        format!("platform `{platform}` has no command `{command}`"),
        Some(help),
    )
}

/// A problem of the catalogue with its way out apart.
fn explained(command: &str, found: &ArgProblem) -> CommandProblem {
    let (message, help) = match found {
        ArgProblem::Unknown { name, candidates } => (
            format!("`{command}` takes no argument `{name}`"),
            Some(way_out_of_argument(name, candidates)),
        ),
        ArgProblem::Missing { name, kind } => (
            format!("`{command}` cannot do without the argument `{name}`"),
            Some(format!("write `{name} = …`, {kind}")),
        ),
        ArgProblem::Wrong { .. } | ArgProblem::NothingToChange { .. } => (found.to_string(), None),
    };
    problem(found.argument(), message, help)
}

fn way_out_of_argument(name: &str, candidates: &[&str]) -> String {
    match nearest(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if candidates.is_empty() => "it takes none".to_owned(),
        None => format!("it takes {}", listed(candidates)),
    }
}

fn problem(argument: Option<&str>, message: String, help: Option<String>) -> CommandProblem {
    CommandProblem {
        argument: argument.map(str::to_owned),
        message,
        help,
    }
}

fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
