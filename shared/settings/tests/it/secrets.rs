//! Secrets come from the environment or from files, and are never shown.

use secrecy::ExposeSecret;

use crate::{Folder, TestResult, load, refusal};

const PASSWORD: &str = "hunter2";

#[test]
fn secrets_are_in_no_debug_output_no_json_and_no_toml() -> TestResult {
    let settings = load(
        "",
        &[
            ("DATABASE_URL", "postgres://me:hunter2@host/db"),
            ("DISCORD_TOKEN", "token-hunter2"),
            ("LLM_API_KEY", "key-hunter2"),
            ("LLM_SERVER_KEY", "server-hunter2"),
        ],
    )?;
    let debug = format!("{settings:?}");
    let json = serde_json::to_string(&settings)?;
    let toml = settings.masked_toml()?;
    for shown in [&debug, &json, &toml] {
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
    assert!(
        json.contains("\"database_url\":\"********\"") && json.contains("\"token\":\"********\""),
        "{json}"
    );
    assert!(
        toml.contains("database_url = \"********\"") && toml.contains("api_key = \"********\""),
        "{toml}"
    );
    Ok(())
}

#[test]
fn a_refused_address_is_not_repeated_in_the_error() -> TestResult {
    let refused = refusal("", &[("DATABASE_URL", "mysql://me:hunter2@host/db")])?;
    assert_eq!(
        refused,
        "environment variable `DATABASE_URL`: key `server.database_url`: the address does not begin with `postgres://` or `postgresql://`"
    );
    let folder = Folder::new()?.with("botticelli.toml", "[llm]\nbase_url = \"me:hunter2@host\"\n")?;
    let error = folder.load(None, &[]).err().ok_or("it was accepted")?;
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    Ok(())
}

#[test]
fn secrets_are_read_from_files_without_the_line_end() -> TestResult {
    let folder = Folder::new()?
        .with("url", "postgres://file/db\n")?
        .with("token", "a-token\n")?
        .with("key", "  a-key\r\n")?
        .with("server-key", "a-server-key\n")?;
    let settings = folder.load(
        None,
        &[
            ("DATABASE_URL_FILE", "url"),
            ("DISCORD_TOKEN_FILE", "token"),
            ("LLM_API_KEY_FILE", "key"),
            ("LLM_SERVER_KEY_FILE", "server-key"),
        ],
    )?;
    let url = settings.server.database_url.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(url, Some("postgres://file/db"));
    assert_eq!(settings.discord_token()?.expose_secret(), "a-token");
    assert_eq!(settings.llm_api_key()?.ok_or("no key")?.expose_secret(), "a-key");
    let server_key = settings.llm_server_key()?.ok_or("no key")?;
    assert_eq!(server_key.expose_secret(), "a-server-key");
    Ok(())
}

#[test]
fn the_files_named_in_the_settings_lose_to_the_environment() -> TestResult {
    let folder = Folder::new()?
        .with(
            "botticelli.toml",
            "[discord]\ntoken_file = \"token\"\n[llm]\napi_key_file = \"key\"\n",
        )?
        .with("token", "from-file")?
        .with("key", "from-file")?;
    let settings = folder.load(None, &[("DISCORD_TOKEN", "from-env")])?;
    assert_eq!(settings.discord_token()?.expose_secret(), "from-env");
    assert_eq!(settings.llm_api_key()?.ok_or("no key")?.expose_secret(), "from-file");
    Ok(())
}

#[test]
fn a_token_that_is_nowhere_is_missed_only_when_it_is_asked_for() -> TestResult {
    let settings = load("", &[])?;
    let error = settings.discord_token().map(|_| ()).map_err(|error| error.to_string());
    let expected =
        "the token of the Discord bot is not set; set `DISCORD_TOKEN`, `DISCORD_TOKEN_FILE` or `discord.token_file`";
    assert_eq!(error, Err(expected.to_owned()));
    assert!(settings.llm_api_key()?.is_none());
    Ok(())
}

#[test]
fn a_secret_file_that_cannot_be_used_is_named() -> TestResult {
    let folder = Folder::new()?.with("empty", "\n")?;
    let said = |env: &[(&str, &str)]| {
        folder
            .load(None, env)
            .map(|_| ())
            .map_err(|error| folder.relative(&error.to_string()))
    };
    assert_eq!(
        said(&[("DATABASE_URL_FILE", "missing")]),
        Err("environment variable `DATABASE_URL_FILE`: secret file `missing` could not be read; check that it exists and that this user may read it".to_owned())
    );
    assert_eq!(
        said(&[("DATABASE_URL_FILE", "empty")]),
        Err(
            "environment variable `DATABASE_URL_FILE`: secret file `empty` is empty; write the secret into it"
                .to_owned()
        )
    );
    Ok(())
}

#[test]
fn a_blank_key_of_the_server_is_none() -> TestResult {
    let settings = load("", &[("LLM_SERVER_KEY", " ")])?;
    assert!(settings.llm_server_key()?.is_none());
    Ok(())
}

#[test]
fn a_secret_given_twice_is_refused() -> TestResult {
    for name in ["DATABASE_URL", "DISCORD_TOKEN", "LLM_API_KEY", "LLM_SERVER_KEY"] {
        let file = format!("{name}_FILE");
        let folder = Folder::new()?.with("secret", "postgres://x")?;
        let error = folder
            .load(None, &[(name, "postgres://x"), (&file, "secret")])
            .map(|_| ());
        let expected = format!("environment variable `{file}`: `{name}` is set too; unset one of them");
        assert_eq!(error.map_err(|error| error.to_string()), Err(expected));
    }
    Ok(())
}
