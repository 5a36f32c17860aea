//! What is said about arguments before anything is sent.

use botticelli_platforms::{ArgProblem, ArgValue, CommandSpec, Effect, Repeat, commands, find};
use serde_json::{Value, json};

use crate::TestResult;

fn command(name: &str) -> Result<&'static CommandSpec, String> {
    find("discord", name).ok_or(format!("no command {name}"))
}

/// The problems of arguments that are all known, as text.
fn problems(name: &str, args: &Value) -> Result<Vec<String>, String> {
    let args = args.as_object().ok_or("no object")?;
    let known = args.iter().map(|(name, value)| (name.as_str(), ArgValue::Known(value)));
    Ok(command(name)?
        .check_args(known)
        .iter()
        .map(ToString::to_string)
        .collect())
}

#[test]
fn a_command_of_another_platform_or_spelling_is_not_found() {
    assert!(find("discord", "channels.list").is_some());
    assert!(find("discord", "channels.List").is_none());
    assert!(find("slack", "channels.list").is_none());
    assert_eq!(commands("slack").count(), 0);
    assert_eq!(commands("discord").count(), 62);
}

#[test]
fn an_unknown_argument_is_refused_with_all_that_could_be_meant() -> TestResult {
    let guild = json!("1");
    let problems = command("channels.list")?.check_args([("guild", ArgValue::Known(&guild))]);
    let name = "guild".to_owned();
    let candidates = vec!["guild_id"];
    assert_eq!(problems[0], ArgProblem::Unknown { name, candidates });
    assert_eq!(
        problems[0].to_string(),
        "it takes no argument `guild`; it takes `guild_id`"
    );
    assert_eq!(
        problems[1].to_string(),
        "argument `guild_id` is missing: an id, which is a number of up to 20 digits"
    );
    assert_eq!(problems[1].argument(), Some("guild_id"));
    Ok(())
}

#[test]
fn a_template_counts_as_given_whatever_it_becomes() -> TestResult {
    let content = json!("x");
    let args = [
        ("channel_id", ArgValue::Template),
        ("content", ArgValue::Known(&content)),
    ];
    assert_eq!(command("messages.send")?.check_args(args), []);
    assert_eq!(
        command("roles.edit")?.check_args(["guild_id", "role_id", "color"].map(|name| (name, ArgValue::Template))),
        []
    );
    Ok(())
}

#[test]
fn an_id_is_nothing_but_digits() -> TestResult {
    for good in [
        json!("1100000000000000001"),
        json!(1_100_000_000_000_000_001_u64),
        json!(" 42\n"),
    ] {
        assert!(
            problems("threads.get", &json!({ "thread_id": good }))?.is_empty(),
            "{good}"
        );
    }
    let bad = [
        "../users/@me",
        "1/2",
        "+1",
        "-1",
        "",
        "0",
        "1e3",
        "99999999999999999999",
        "１２",
        "%2e%2e",
    ];
    for bad in bad
        .map(|text| json!(text))
        .into_iter()
        .chain([json!(1.5), json!(null), json!(["1"]), json!(-1)])
    {
        let found = problems("threads.get", &json!({ "thread_id": bad }))?;
        assert!(
            found.len() == 1 && found[0].starts_with("argument `thread_id` must be an id"),
            "{bad}: {found:?}"
        );
    }
    Ok(())
}

#[test]
fn an_emoji_leads_nowhere_else() -> TestResult {
    let with = |emoji: &str| {
        problems(
            "reactions.list",
            &json!({ "channel_id": "1", "message_id": "2", "emoji": emoji }),
        )
    };
    for good in [
        "🦀",
        "1️⃣",
        "👩‍👩‍👧‍👦",
        "❤️",
        "LUL:41",
        "<:LUL:41>",
        "<a:party_crab:41>",
        "custom:41",
    ] {
        assert!(with(good)?.is_empty(), "{good}");
    }
    for bad in [
        "..",
        ".",
        "",
        "LUL",
        "a/b:1",
        "../x:1",
        "LUL:",
        ":1",
        "é",
        "🦀 🦀",
        "LUL:1:2",
        "🦀\n",
        "smile",
    ] {
        assert_eq!(with(bad)?.len(), usize::from(bad != "🦀\n"), "{bad}");
    }
    Ok(())
}

#[test]
fn what_a_template_left_as_text_counts_as_what_it_reads_as() -> TestResult {
    let args = json!({ "guild_id": "1", "user_id": "2", "mute": "true", "roles": "[\"5\", 6]" });
    assert_eq!(problems("members.edit", &args)?, [""; 0]);
    assert_eq!(
        problems("bans.list", &json!({ "guild_id": "1", "limit": "1000" }))?,
        [""; 0]
    );
    assert_eq!(
        problems("bans.list", &json!({ "guild_id": "1", "limit": "1001" }))?,
        ["argument `limit` must be a whole number from 1 to 1000, and is `1001`"]
    );
    Ok(())
}

#[test]
fn every_kind_has_its_bounds() -> TestResult {
    for (name, args, expected) in [
        (
            "messages.edit",
            json!({ "channel_id": "1", "message_id": "2", "content": "é".repeat(2001) }),
            "argument `content` must be a text of 1 to 2000 characters, and is a text of 2001 characters, `ééé",
        ),
        (
            "messages.send",
            json!({ "channel_id": "1", "content": " \n" }),
            "argument `content` must be a text of 1 to 40000 characters",
        ),
        (
            "messages.bulk_delete",
            json!({ "channel_id": "1", "message_ids": ["5", "5"] }),
            "argument `message_ids` must be a list of 2 to 100 different ids, and is a list of 2",
        ),
        (
            "channels.create",
            json!({ "guild_id": "1", "name": "x", "kind": "Text" }),
            "argument `kind` must be one of `text`, `voice`, `category`, `announcement`, `stage`, `forum`, and is `Text`",
        ),
        (
            "members.ban",
            json!({ "guild_id": "1", "user_id": "2", "delete_message_days": 8 }),
            "argument `delete_message_days` must be a whole number from 0 to 7, and is `8`",
        ),
        (
            "members.timeout",
            json!({ "guild_id": "1", "user_id": "2", "duration_seconds": 2_419_201 }),
            "argument `duration_seconds` must be a whole number from 1 to 2419200",
        ),
        (
            "threads.create",
            json!({ "channel_id": "1", "name": "x", "auto_archive_duration": 61 }),
            "argument `auto_archive_duration` must be one of `60`, `1440`, `4320`, `10080`, and is `61`",
        ),
        (
            "roles.create",
            json!({ "guild_id": "1", "name": "x", "color": "#12345" }),
            "argument `color` must be a color as `#rrggbb`",
        ),
        (
            "events.edit",
            json!({ "guild_id": "1", "event_id": "2", "start_time": "tomorrow" }),
            "argument `start_time` must be an instant such as `2027-03-01T18:00:00Z`, and is `tomorrow`",
        ),
        (
            "channels.edit",
            json!({ "channel_id": "1", "nsfw": "maybe" }),
            "argument `nsfw` must be `true` or `false`, and is `maybe`",
        ),
    ] {
        let found = problems(name, &args)?;
        assert!(found.len() == 1 && found[0].starts_with(expected), "{name}: {found:?}");
    }
    Ok(())
}

#[test]
fn an_edit_without_a_change_is_refused() -> TestResult {
    let found = problems("channels.edit", &json!({ "channel_id": "1" }))?;
    assert_eq!(
        found,
        ["nothing would change; give at least one of `name`, `topic`, `nsfw`, `position`, `bitrate`, `user_limit`"]
    );
    assert!(problems("members.remove_timeout", &json!({ "guild_id": "1", "user_id": "2" }))?.is_empty());
    Ok(())
}

#[test]
fn what_may_be_repeated_is_what_makes_nothing_new() -> TestResult {
    let unsafe_ones: Vec<_> = commands("discord")
        .filter(|command| command.repeat == Repeat::Unsafe)
        .map(|command| command.name)
        .collect();
    let expected = [
        "events.create",
        "channels.create",
        "channels.create_invite",
        "messages.clear",
        "threads.create",
        "forum.create_post",
        "roles.create",
    ];
    assert_eq!(unsafe_ones, expected);
    assert_eq!(command("messages.send")?.repeat, Repeat::WithNonce);
    assert_eq!(command("reactions.add")?.repeat, Repeat::Safe);
    assert_eq!(
        commands("discord")
            .filter(|command| command.effect == Effect::Read)
            .count(),
        23
    );
    Ok(())
}
