//! The settings file of the design document loads unchanged.

use botticelli_settings::{ActorKind, PlatformName};
use secrecy::ExposeSecret;

use crate::{Folder, TestResult};

const FILE: &str = include_str!("../fixtures/actor_server.toml");

#[test]
fn the_file_of_the_design_loads_unchanged_and_without_a_token() -> TestResult {
    let folder = Folder::new()?.with("actor_server.toml", FILE)?;
    let settings = folder.load(None, &[])?;
    let url = settings.server.database_url.as_ref().map(ExposeSecret::expose_secret);
    assert_eq!(url, Some("postgresql://localhost/botticelli"));
    let actors = settings.actors.values().map(|actor| {
        (
            actor.name.as_str(),
            actor.kind,
            actor.schedule.as_str(),
            actor.narrative_name.as_str(),
        )
    });
    assert_eq!(
        actors.collect::<Vec<_>>(),
        [
            ("curation", ActorKind::Curation, "every 4 hours", "curate"),
            ("generation", ActorKind::Generation, "every 2 hours", "batch_generate"),
            ("posting", ActorKind::Posting, "every 1 hour", "post"),
        ]
    );
    let posting = settings.actors.get("posting").ok_or("no posting")?;
    assert_eq!(
        (posting.platform, posting.channel_id.as_deref()),
        (PlatformName::Discord, Some("1234567890"))
    );
    assert!(settings.actors.values().all(|actor| actor.enabled));
    Ok(())
}

#[test]
fn its_narratives_are_found_in_the_config_folder_when_it_stands_beside_it() -> TestResult {
    let folder = Folder::new()?
        .with("actor_server.toml", FILE)?
        .with("config/narratives/discord/posting_schedule.toml", "# the narrative")?;
    let settings = folder.load(None, &[])?;
    let posting = settings.actors.get("posting").ok_or("no posting")?;
    let (path, text) = settings.read_narrative(posting)?;
    assert_eq!(
        folder.relative(&path),
        "config/narratives/discord/posting_schedule.toml"
    );
    assert_eq!(text, "# the narrative");
    Ok(())
}
