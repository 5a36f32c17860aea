//! An actor's narrative is found beside the settings, and missed with the places that were tried.

use botticelli_settings::{ActorSettings, Settings};

use crate::{Folder, TestResult};

const SETTINGS: &str = "[actors.a]\nnarrative = \"texts/a.toml\"\nnarrative_name = \"n\"\n";

fn actor<'a>(settings: &'a Settings, name: &str) -> Result<&'a ActorSettings, String> {
    settings.actors.get(name).ok_or_else(|| format!("no actor `{name}`"))
}

#[test]
fn the_folder_of_the_settings_goes_before_the_working_directory() -> TestResult {
    let folder = Folder::new()?
        .with("etc/mine.toml", SETTINGS)?
        .with("texts/a.toml", "in the working directory")?;
    let settings = folder.load(Some("etc/mine.toml"), &[])?;
    let (path, text) = settings.read_narrative(actor(&settings, "a")?)?;
    assert_eq!(
        (folder.relative(&path).as_str(), text.as_str()),
        ("texts/a.toml", "in the working directory")
    );

    let folder = folder.with("etc/texts/a.toml", "beside the settings")?;
    let (path, text) = settings.read_narrative(actor(&settings, "a")?)?;
    assert_eq!(
        (folder.relative(&path).as_str(), text.as_str()),
        ("etc/texts/a.toml", "beside the settings")
    );
    Ok(())
}

#[test]
fn a_missing_narrative_names_the_actor_the_key_and_the_places_tried() -> TestResult {
    let folder = Folder::new()?.with("etc/mine.toml", SETTINGS)?;
    let settings = folder.load(Some("etc/mine.toml"), &[])?;
    let expected = "actor `a`: narrative `texts/a.toml` was not found; tried `etc/texts/a.toml`, `texts/a.toml`, \
                    `config/texts/a.toml`; correct `actors.a.narrative`";
    let error = settings.read_narrative(actor(&settings, "a")?);
    assert_eq!(
        error.map_err(|error| folder.relative(&error.to_string())),
        Err(expected.to_owned())
    );
    let error = settings
        .check()
        .map(|_| ())
        .map_err(|error| folder.relative(&error.to_string()));
    assert_eq!(error, Err(expected.to_owned()));
    Ok(())
}

#[test]
fn a_narrative_that_is_not_text_is_named() -> TestResult {
    let folder = Folder::new()?
        .with("botticelli.toml", SETTINGS)?
        .with("texts/a.toml/inside", "")?;
    let settings = folder.load(None, &[])?;
    let error = settings
        .read_narrative(actor(&settings, "a")?)
        .map_err(|error| folder.relative(&error.to_string()));
    let expected =
        "actor `a`: narrative `texts/a.toml` could not be read; check that it is a UTF-8 file that this user may read";
    assert_eq!(error, Err(expected.to_owned()));
    Ok(())
}

#[test]
fn the_embedded_narratives_belong_to_the_embedded_settings_only() -> TestResult {
    let folder = Folder::new()?;
    let settings = folder.load(None, &[])?;
    let (path, text) = settings.read_narrative(actor(&settings, "generation")?)?;
    assert_eq!(path, "embedded narratives/discord/generation_carousel.toml");
    assert!(!text.is_empty());

    let same_path = "[actors.a]\nnarrative = \"narratives/discord/generation_carousel.toml\"\nnarrative_name = \"n\"\n";
    let folder = folder.with("botticelli.toml", same_path)?;
    let settings = folder.load(None, &[])?;
    assert!(settings.read_narrative(actor(&settings, "a")?).is_err());
    Ok(())
}

#[test]
fn embedded_settings_with_another_narrative_read_it_from_the_working_directory() -> TestResult {
    let folder = Folder::new()?.with("mine.toml", "mine")?;
    let settings = folder.load(None, &[("BOTTICELLI_ACTORS_GENERATION_NARRATIVE", "mine.toml")])?;
    let (path, text) = settings.read_narrative(actor(&settings, "generation")?)?;
    assert_eq!((folder.relative(&path).as_str(), text.as_str()), ("mine.toml", "mine"));
    Ok(())
}

#[test]
fn a_disabled_actor_needs_no_narrative_to_pass_the_check() -> TestResult {
    let folder = Folder::new()?.with("botticelli.toml", &format!("{SETTINGS}enabled = false\n"))?;
    let summary = folder.load(None, &[])?.check()?;
    let [actor] = summary.actors.as_slice() else {
        return Err("not one actor".into());
    };
    assert_eq!(
        (actor.name.as_str(), actor.enabled, actor.narrative.as_str()),
        ("a", false, "texts/a.toml")
    );
    assert_eq!(folder.relative(&summary.origin), "botticelli.toml");
    Ok(())
}

#[test]
fn the_check_of_the_embedded_defaults_lists_the_three_actors() -> TestResult {
    let summary = Folder::new()?.load(None, &[])?.check()?;
    assert_eq!(summary.origin, "embedded defaults");
    let lines = summary
        .actors
        .iter()
        .map(|actor| format!("{} {} {} {:?}", actor.name, actor.kind, actor.schedule, actor.after));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "curation curation every 1 minute [\"generation\"]",
            "generation generation every 2 minutes []",
            "posting posting every 15 seconds [\"curation\"]",
        ]
    );
    Ok(())
}
