//! The commands of Discord, as data.
//!
//! Names and arguments are those of upstream's narratives; methods, paths, ranges and permissions are from
//! <https://docs.discord.com/developers/reference> (`discord/discord-api-docs`, c98d64b). `guild_id` is taken by every
//! command, because narratives of upstream name it throughout; where the path has no place for it, it is not sent and
//! proves nothing about where the channel is.

mod channels;
mod members;
mod messages;
mod results;
mod roles;
mod server;
mod threads;

pub(super) use results::{NEW_CHANNEL, ONE_CHANNEL, POST, SENT_MESSAGE};

use crate::command::{Answer, ArgKind, ArgSpec, CommandSpec, Effect, Fixed, Method, Place, Repeat};

/// Kinds of channels by the number that Discord gives them.
pub(super) const CHANNEL_KINDS: &[(&str, i64)] = &[
    ("text", 0),
    ("voice", 2),
    ("category", 4),
    ("announcement", 5),
    ("stage", 13),
    ("forum", 15),
];
const CHANNEL_KIND: ArgKind = ArgKind::Choice(&["text", "voice", "category", "announcement", "stage", "forum"]);

const GUILD: ArgSpec = ArgSpec::required("guild_id", ArgKind::Snowflake, Place::Path);
const GUILD_UNSENT: ArgSpec = ArgSpec::optional("guild_id", ArgKind::Snowflake, Place::Unsent);
const CHANNEL: ArgSpec = ArgSpec::required("channel_id", ArgKind::Snowflake, Place::Path);
const MESSAGE: ArgSpec = ArgSpec::required("message_id", ArgKind::Snowflake, Place::Path);
const THREAD: ArgSpec = ArgSpec::required("thread_id", ArgKind::Snowflake, Place::Path);
const USER: ArgSpec = ArgSpec::required("user_id", ArgKind::Snowflake, Place::Path);
const ROLE: ArgSpec = ArgSpec::required("role_id", ArgKind::Snowflake, Place::Path);
const EVENT: ArgSpec = ArgSpec::required("event_id", ArgKind::Snowflake, Place::Path);
const EMOJI: ArgSpec = ArgSpec::required("emoji", ArgKind::Emoji, Place::Path);
/// The header takes 512 characters.
const REASON: ArgSpec = ArgSpec::optional("reason", text(1, 512), Place::Reason);
/// Minutes without a message after which a thread leaves the list.
const ARCHIVE_AFTER: ArgSpec = ArgSpec::optional(
    "auto_archive_duration",
    ArgKind::OneOf(&[60, 1440, 4320, 10080]),
    Place::Body("auto_archive_duration"),
);

/// All commands, in the order of the documentation.
pub(crate) fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    [
        server::COMMANDS,
        channels::COMMANDS,
        messages::COMMANDS,
        threads::COMMANDS,
        members::COMMANDS,
        roles::COMMANDS,
    ]
    .into_iter()
    .flatten()
}

const fn text(min: usize, max: usize) -> ArgKind {
    ArgKind::Text { min, max }
}

const fn integer(min: i64, max: i64) -> ArgKind {
    ArgKind::Integer { min, max }
}

/// How many to list, where Discord's own default is another one.
const fn limit(max: i64, default: i64) -> ArgSpec {
    ArgSpec::optional("limit", integer(1, max), Place::QueryOr("limit", default))
}

const fn body(name: &'static str, kind: ArgKind) -> ArgSpec {
    ArgSpec::optional(name, kind, Place::Body(name))
}

const fn read(name: &'static str, path: &'static str, args: &'static [ArgSpec], answer: Answer) -> CommandSpec {
    CommandSpec {
        platform: "discord",
        name,
        method: Method::Get,
        path,
        args,
        effect: Effect::Read,
        repeat: Repeat::Safe,
        permission: None,
        fixed: &[],
        answer,
    }
}

const fn write(
    name: &'static str,
    (method, path): (Method, &'static str),
    args: &'static [ArgSpec],
    answer: Answer,
) -> CommandSpec {
    CommandSpec {
        method,
        effect: Effect::Write,
        ..read(name, path, args, answer)
    }
}

impl CommandSpec {
    const fn needs(self, permission: &'static str) -> Self {
        Self {
            permission: Some(permission),
            ..self
        }
    }

    const fn repeats(self, repeat: Repeat) -> Self {
        Self { repeat, ..self }
    }

    const fn fixes(self, fixed: &'static [(&'static str, Fixed)]) -> Self {
        Self { fixed, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = commands().map(|command| command.name).collect();
        // Upstream dispatches 62 of Discord.
        assert_eq!(names.len(), 62);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 62);
    }

    #[test]
    fn every_place_in_a_path_has_its_argument_and_every_argument_of_a_path_its_place() {
        for command in commands() {
            let path = command.path.split('?').next().unwrap_or_default();
            let in_path: Vec<_> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            for name in &in_path {
                assert!(
                    command.args.iter().any(|arg| arg.name == *name),
                    "{}: {name}",
                    command.name
                );
            }
            for arg in command
                .args
                .iter()
                .filter(|arg| matches!(arg.place, Place::Path | Place::PathOr(_)))
            {
                assert!(in_path.contains(&arg.name), "{}: {}", command.name, arg.name);
            }
        }
    }

    #[test]
    fn what_only_looks_is_a_get_and_may_be_repeated() {
        for command in commands() {
            let is_get = command.method == Method::Get;
            assert_eq!(is_get, command.effect == Effect::Read, "{}", command.name);
            assert!(!is_get || command.repeat == Repeat::Safe, "{}", command.name);
        }
    }

    #[test]
    fn required_arguments_come_first_and_none_twice() {
        for command in commands() {
            let is_required: Vec<_> = command.args.iter().map(|arg| arg.is_required).collect();
            assert!(is_required.is_sorted_by(|one, next| one >= next), "{}", command.name);
            let mut names: Vec<_> = command.args.iter().map(|arg| arg.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), command.args.len(), "{}", command.name);
        }
    }
}
