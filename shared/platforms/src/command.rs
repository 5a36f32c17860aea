//! What a narrative may ask of a platform: commands, described as data.

mod argument;
mod call;
mod failure;
mod outline;

pub use argument::{ArgKind, ArgProblem, ArgSpec, ArgValue};
pub use call::{CommandCall, CommandFuture, CommandRunner};
pub use failure::CommandError;
pub(crate) use outline::{Answer, Field, Fixed, Place, Shown};

use crate::discord;

/// One command of a platform: what it is called, what it takes, and what it does.
#[derive(Debug)]
pub struct CommandSpec {
    /// The platform's name, `discord`.
    pub platform: &'static str,
    /// The name in narratives, `channels.get_or_create`.
    pub name: &'static str,
    /// The HTTP method of the request that does it. A few commands look before they act, with requests of their own.
    pub method: Method,
    /// The path of that request below the platform's base URL, with arguments in braces: `/guilds/{guild_id}/channels`.
    pub path: &'static str,
    /// The arguments, required ones first.
    pub args: &'static [ArgSpec],
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether it may be repeated when its outcome is unknown.
    pub repeat: Repeat,
    /// The permission it needs, as the platform's settings call it; `None` when membership is enough.
    pub permission: Option<&'static str>,
    pub(crate) fixed: &'static [(&'static str, Fixed)],
    pub(crate) answer: Answer,
}

/// The HTTP method of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// What a command does to the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It looks.
    Read,
    /// It changes something that people see.
    Write,
}

/// What comes of repeating a command whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// The second time changes nothing more. A deletion that is repeated may answer that its object is gone.
    Safe,
    /// As [`Repeat::Safe`] under the same [`CommandCall::nonce`] within the platform's window; else as [`Repeat::Unsafe`].
    WithNonce,
    /// It may be done twice.
    Unsafe,
}

/// The commands of a platform; none of a platform that has none, or that nobody knows.
pub fn commands(platform: &str) -> impl Iterator<Item = &'static CommandSpec> {
    discord::catalogue::commands().filter(move |command| command.platform == platform)
}

/// The command `name` of `platform`, spelled as [`CommandSpec::name`] is.
pub fn find(platform: &str, name: &str) -> Option<&'static CommandSpec> {
    commands(platform).find(|command| command.name == name)
}
