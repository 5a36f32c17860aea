//! What a narrative file may refer to outside of itself.

use std::collections::BTreeMap;

use botticelli_llm::{Media, MediaKind};
use serde_json::Value;

/// Files beside and below a narrative file.
pub trait Files: Send + Sync {
    /// The text of the file that a narrative calls `name`.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, with the way out, in one sentence.
    fn text(&self, name: &str) -> Result<String, String>;

    /// The picture, sound, film or document in the file that a narrative calls `name`. `mime` is what its author says it is.
    ///
    /// # Errors
    ///
    /// Why it cannot be read or is not that, with the way out, in one sentence.
    fn media(&self, name: &str, kind: Option<MediaKind>, mime: Option<&str>) -> Result<Media, String>;

    /// The same from Base64.
    ///
    /// # Errors
    ///
    /// Why it is not that, with the way out, in one sentence.
    fn decoded(&self, base64: &str, kind: Option<MediaKind>, mime: Option<&str>) -> Result<Media, String>;
}

/// Commands that platforms know.
pub trait Commands: Send + Sync {
    /// What is wrong with a command. An argument without a value gets it when the narrative is played.
    fn check(&self, platform: &str, command: &str, args: &[(String, Option<Value>)]) -> Vec<CommandProblem>;

    /// What the text of an argument is; a value, where the command or the argument is not known.
    fn kind(&self, platform: &str, command: &str, argument: &str) -> ArgumentKind;
}

/// What the text of a command's argument is, and so what names in it may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A value. Names may stand anywhere in it.
    Value,
    /// What something is called, such as a table. No name may stand in it: a reply would choose the thing.
    Name,
    /// A [`Filter`](crate::Filter). Names may stand in its texts in single quotes, and what they bring in never leaves these.
    Filter,
}

/// Something wrong with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandProblem {
    /// The argument that is wrong; `None` when it is the command, or one is missing.
    pub argument: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

/// What a narrative file may refer to. What is not known here is not checked, but files: without them a narrative that brings
/// one is refused.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Its files.
    pub files: Option<&'a dyn Files>,
    /// Commands of platforms.
    pub commands: Option<&'a dyn Commands>,
    /// The variables of the environment that narratives may use, with their values where they are set.
    pub environment: Option<&'a BTreeMap<String, Option<String>>>,
}
