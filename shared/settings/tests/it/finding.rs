use std::path::Path;

use botticelli_settings::Origin;

use crate::{Folder, TestResult};

#[test]
fn the_first_settings_file_of_the_working_directory_is_taken() -> TestResult {
    let places = [
        "config/actor_server.toml",
        "actor_server.toml",
        "config/botticelli.toml",
        "botticelli.toml",
    ];
    let mut folder = Folder::new()?;
    // Each file added goes before the ones already there.
    for (index, place) in places.into_iter().enumerate() {
        let port = 4000 + u16::try_from(index)?;
        folder = folder.with(place, &format!("[server]\napi_port = {port}\n"))?;
        let settings = folder.load(None, &[])?;
        assert_eq!(settings.server.api_port, port, "{place}");
        assert_eq!(folder.relative(&settings.origin().to_string()), place);
    }
    Ok(())
}

#[test]
fn a_given_path_goes_before_every_other_file() -> TestResult {
    let folder = Folder::new()?
        .with("botticelli.toml", "[server]\napi_port = 4000\n")?
        .with("elsewhere/mine.toml", "[server]\napi_port = 4001\n")?;
    let settings = folder.load(Some("elsewhere/mine.toml"), &[])?;
    assert_eq!(settings.server.api_port, 4001);
    assert_eq!(
        settings.origin(),
        &Origin::File(folder.path().join("elsewhere/mine.toml"))
    );
    Ok(())
}

#[test]
fn without_any_file_the_embedded_defaults_are_taken() -> TestResult {
    let settings = Folder::new()?.load(None, &[])?;
    assert_eq!(settings.origin(), &Origin::Embedded);
    assert_eq!(settings.origin().to_string(), "embedded defaults");
    let actors = settings.actors.keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(actors, ["curation", "generation", "posting"]);
    Ok(())
}

#[test]
fn a_given_path_that_does_not_exist_is_an_error_and_not_the_defaults() -> TestResult {
    let folder = Folder::new()?;
    let error = folder.load(Some("missing.toml"), &[]).err().ok_or("it was accepted")?;
    assert_eq!(
        folder.relative(&error.to_string()),
        "settings file `missing.toml` could not be read; check that it exists and that this user may read it"
    );
    assert!(std::error::Error::source(&error).is_some());
    Ok(())
}

#[test]
fn an_empty_file_gives_the_defaults_of_every_key_and_no_actors() -> TestResult {
    let settings = crate::load("", &[])?;
    assert_eq!(
        (
            settings.server.metrics_port,
            settings.server.health_port,
            settings.server.api_port
        ),
        (9090, 8080, 3000)
    );
    assert_eq!(settings.server.bind.to_string(), "127.0.0.1");
    assert!(settings.server.database_url.is_none());
    assert!(settings.actors.is_empty());
    Ok(())
}

#[test]
fn relative_paths_lead_to_the_folder_of_the_file_first() -> TestResult {
    let folder = Folder::new()?
        .with("etc/botticelli.toml", "")?
        .with("model.gguf", "here")?;
    let settings = folder.load(Some("etc/botticelli.toml"), &[])?;
    assert_eq!(
        settings.resolve(Path::new("model.gguf")),
        folder.path().join("model.gguf")
    );
    let folder = folder.with("etc/model.gguf", "nearer")?;
    assert_eq!(
        settings.resolve(Path::new("model.gguf")),
        folder.path().join("etc/model.gguf")
    );
    assert_eq!(settings.resolve(Path::new("absent")), folder.path().join("etc/absent"));
    assert_eq!(settings.resolve(Path::new("/absolute")), Path::new("/absolute"));
    Ok(())
}
