//! What narratives may refer to: files below two directories, media of allowed hosts, commands that platforms know.

use std::{fs, path::Path};

use botticelli_llm::MediaKind;
use botticelli_media::FetchError;
use botticelli_narrative::{
    ArgumentKind, CommandProblem, Commands, Diagnostic, Files, MediaFetcher, Surroundings, check,
};
use botticelli_workers::{FetchedMedia, NarrativeFiles, PlatformCommands};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR";

/// A directory with `own/` for a narrative and `root/` for what several share, and the files for the narrative.
fn place(files: &[(&str, &[u8])]) -> (TempDir, NarrativeFiles) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["own", "root"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    let narrative = directory.path().join("own/news.toml");
    let files = NarrativeFiles::of(&narrative, Some(&directory.path().join("root"))).unwrap();
    (directory, files)
}

#[test]
fn a_file_beside_the_narrative_comes_before_one_below_the_root() {
    let (_directory, files) = place(&[
        ("own/tone.md", b"own"),
        ("root/tone.md", b"shared"),
        ("root/house.md", b"shared"),
        ("secret.md", b"secret"),
    ]);
    assert_eq!(files.text("tone.md").as_deref(), Ok("own"));
    assert_eq!(files.text("house.md").as_deref(), Ok("shared"));
    let outside = files.text("../secret.md").unwrap_err();
    assert!(outside.contains("leads upwards"), "{outside}");
    let missing = files.text("mood.md").unwrap_err();
    assert!(
        missing.contains("own/mood.md") && missing.contains("root/mood.md"),
        "{missing}"
    );
}

#[test]
fn a_root_that_is_none_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let narrative = directory.path().join("news.toml");
    let error = NarrativeFiles::of(&narrative, Some(Path::new("/no/such/root"))).unwrap_err();
    assert!(error.to_string().contains("/no/such/root"), "{error}");
    assert!(NarrativeFiles::of(&narrative, None).is_ok());
}

#[test]
fn a_text_of_more_than_a_mebibyte_is_refused() {
    let most = 1 << 20;
    let (_directory, files) = place(&[
        ("own/long.md", &vec![b'a'; most]),
        ("own/longer.md", &vec![b'a'; most + 1]),
    ]);
    assert_eq!(files.text("long.md").unwrap().len(), most);
    let error = files.text("longer.md").unwrap_err();
    assert!(error.contains("1048576 bytes"), "{error}");
}

#[test]
fn a_medium_is_what_its_bytes_say_and_of_the_kind_that_is_asked_for() {
    let (_directory, files) = place(&[("own/cover.png", PNG)]);
    let media = files.media("cover.png", Some(MediaKind::Image), None).unwrap();
    assert_eq!((media.kind, media.mime.as_str()), (MediaKind::Image, "image/png"));
    assert_eq!((media.filename.as_deref(), &*media.bytes), (Some("cover.png"), PNG));
    let error = files.media("cover.png", Some(MediaKind::Audio), None).unwrap_err();
    assert!(
        error.contains("`cover.png` is `image/png`") && error.contains("`audio`"),
        "{error}"
    );
    let error = files.media("cover.png", None, Some("image/jpeg")).unwrap_err();
    assert!(error.contains("declared as `image/jpeg`"), "{error}");
}

#[test]
fn media_may_stand_in_the_document_as_base_64() {
    let (_directory, files) = place(&[]);
    let media = files
        .decoded("iVBORw0KGgoAAAANSUhEUg==", None, Some("image/png"))
        .unwrap();
    assert_eq!((media.kind, &*media.bytes), (MediaKind::Image, PNG));
    let error = files
        .decoded("iVBORw0KGgoAAAANSUhEUg==", Some(MediaKind::Video), None)
        .unwrap_err();
    assert!(error.contains("the content is `image/png`"), "{error}");
    let error = files.decoded("!", None, None).unwrap_err();
    assert!(error.contains("base 64"), "{error}");
}

/// The address of a server that answers every request with the picture.
async fn picture_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                PNG.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), PNG].concat()).await;
        }
    });
    address
}

#[tokio::test]
async fn media_come_from_the_hosts_that_are_allowed_and_of_the_kind_that_is_asked_for() {
    let host = picture_server().await;
    let url = format!("http://{host}/cover.png");
    let fetcher = FetchedMedia::new(&[&host]).unwrap();
    let media = fetcher.fetch(&url, Some(MediaKind::Image), None).await.unwrap();
    assert_eq!((media.mime.as_str(), &*media.bytes), ("image/png", PNG));
    let wrong = fetcher.fetch(&url, Some(MediaKind::Document), None).await.unwrap_err();
    assert!(wrong.to_string().contains("`document`"), "{wrong}");
}

#[tokio::test]
async fn a_host_of_this_machine_that_is_not_allowed_is_not_asked_and_the_reason_is_kept() {
    let host = picture_server().await;
    let fetcher = FetchedMedia::new::<&str>(&[]).unwrap();
    let error = fetcher
        .fetch(&format!("http://{host}/a"), None, None)
        .await
        .unwrap_err();
    let reason = error.inner().downcast_ref::<FetchError>().unwrap();
    assert!(matches!(reason, FetchError::Forbidden { .. }), "{reason}");
    assert!(FetchedMedia::new(&["http://not a host"]).is_err());
}

fn problems(platform: &str, command: &str, args: &[(&str, Option<Value>)]) -> Vec<CommandProblem> {
    let args: Vec<_> = args
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    PlatformCommands.check(platform, command, &args)
}

/// The only problem: the argument, what is wrong, the way out.
fn only(problems: &[CommandProblem]) -> (Option<&str>, &str, &str) {
    let [problem] = problems else {
        panic!("{problems:?}");
    };
    let help = problem.help.as_deref().unwrap_or_default();
    (problem.argument.as_deref(), &problem.message, help)
}

#[test]
fn an_unknown_platform_or_command_is_answered_with_those_there_are() {
    for (platform, command, message, help) in [
        (
            "discrod",
            "messages.send",
            "unknown platform `discrod`",
            "did you mean `discord`?",
        ),
        ("slack", "x", "unknown platform `slack`", "are `discord`, `database`"),
        (
            "discord",
            "messages.sned",
            "`discord` has no command `messages.sned`",
            "did you mean `messages.send`?",
        ),
        ("discord", "roles.paint_everything", "has no command", "`roles.list`"),
        ("discord", "teleport", "has no command", "`messages`"),
        (
            "database",
            "update_tables",
            "has no command `update_tables`",
            "did you mean `update_table`?",
        ),
        (
            "database",
            "drop",
            "has no command `drop`",
            "it has one, `update_table`",
        ),
    ] {
        let problems = problems(platform, command, &[]);
        let (argument, found, way_out) = only(&problems);
        assert_eq!(argument, None);
        assert!(found.contains(message), "{found}");
        assert!(way_out.contains(help), "{way_out}");
    }
}

#[test]
fn arguments_are_checked_as_the_catalogue_has_them_as_far_as_they_are_known() {
    let channel = ("channel_id", Some(json!("41771983423143937")));
    let content = ("content", None);
    assert_eq!(
        problems("discord", "messages.send", &[channel.clone(), content.clone()]),
        []
    );
    assert_eq!(
        problems("discord", "messages.send", &[("channel_id", None), content.clone()]),
        []
    );

    let found = problems(
        "discord",
        "messages.send",
        &[channel.clone(), content.clone(), ("chanel", None)],
    );
    let (argument, message, _) = only(&found);
    assert_eq!(argument, Some("chanel"));
    assert!(message.contains("takes no argument `chanel`"), "{message}");

    let found = problems("discord", "messages.send", std::slice::from_ref(&channel));
    let (argument, message, help) = only(&found);
    assert_eq!(argument, Some("content"));
    assert!(message.contains("cannot do without"), "{message}");
    assert!(help.contains("a text of 1 to"), "{help}");

    let found = problems(
        "discord",
        "messages.send",
        &[("channel_id", Some(json!("general"))), content],
    );
    let (argument, message, _) = only(&found);
    assert_eq!(argument, Some("channel_id"));
    assert!(
        message.contains("must be an id") && message.contains("general"),
        "{message}"
    );
}

#[test]
fn a_change_of_rows_says_of_which_table_which_rows_and_what() {
    let table = ("table_name", Some(json!("posts")));
    let rows = ("where_clause", Some(json!("id = 7")));
    let updates = ("updates", Some(json!({"review_status": "posted"})));
    let limit = ("limit", Some(json!("1")));
    let all = [table.clone(), rows.clone(), updates.clone(), limit];
    assert_eq!(problems("database", "update_table", &all), []);
    let other = [table.clone(), ("where", None), updates.clone()];
    assert_eq!(problems("database", "update_table", &other), []);

    let found = problems("database", "update_table", &[]);
    let missing: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing[2].contains("`where_clause`"), "{missing:?}");

    for (extra, expected) in [
        (("where", None), "mean the same"),
        (("limit", Some(json!(0))), "from 1 to 1000"),
        (("limt", Some(json!(1))), "no argument `limt`"),
    ] {
        let found = problems(
            "database",
            "update_table",
            &[table.clone(), rows.clone(), updates.clone(), extra.clone()],
        );
        let (argument, message, _) = only(&found);
        assert_eq!(argument, Some(extra.0));
        assert!(message.contains(expected), "{message}");
    }
    for wrong in [json!({}), json!("review_status"), json!({"note": "a\0b"})] {
        let found = problems(
            "database",
            "update_table",
            &[table.clone(), rows.clone(), ("updates", Some(wrong))],
        );
        assert_eq!(only(&found).0, Some("updates"));
    }
}

#[test]
fn the_tables_and_filters_of_changes_are_known_as_such() {
    for (argument, expected) in [
        ("table_name", ArgumentKind::Name),
        ("where_clause", ArgumentKind::Filter),
        ("where", ArgumentKind::Filter),
        ("updates", ArgumentKind::Value),
        ("limit", ArgumentKind::Value),
    ] {
        assert_eq!(PlatformCommands.kind("database", "update_table", argument), expected);
    }
    assert_eq!(
        PlatformCommands.kind("discord", "messages.send", "where"),
        ArgumentKind::Value
    );
}

#[test]
fn a_narrative_is_checked_with_its_files_and_commands_and_told_where_it_is_wrong() {
    let (_directory, files) = place(&[("own/tone.md", b"Be kind."), ("own/cover.png", PNG)]);
    let text = r#"
[narrative]
name = "news"
description = "d"

[toc]
order = ["look", "write"]

[bots.last]
platform = "discord"
command = "messages.list"
channel_id = "41771983423143937"
limit = 5000

[acts]
look = "bots.last"

[acts.write]
input = [{ type = "text", content = "x" }, { type = "image", file = "cover.pgn" }]
"#;
    let surroundings = Surroundings {
        files: Some(&files),
        commands: Some(&PlatformCommands),
        environment: None,
    };
    let report = check("own/news.toml", text, &surroundings);
    let shown: Vec<String> = report.diagnostics.iter().map(Diagnostic::to_string).collect();
    let [limit, cover] = shown.as_slice() else {
        panic!("{shown:#?}");
    };
    assert!(limit.contains(":13:9: argument `limit` must be"), "{limit}");
    assert!(
        cover.contains(":19:") && cover.contains("there is no file `cover.pgn`"),
        "{cover}"
    );
}
