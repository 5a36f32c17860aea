//! The settings and narratives compiled into the program, so that it runs without any file.

/// `config/botticelli.toml`.
pub(crate) const SETTINGS: &str = include_str!("../../../config/botticelli.toml");

const NARRATIVES: [(&str, &str); 3] = [
    (
        "narratives/discord/generation_carousel.toml",
        include_str!("../../../config/narratives/discord/generation_carousel.toml"),
    ),
    (
        "narratives/discord/curation_workflow.toml",
        include_str!("../../../config/narratives/discord/curation_workflow.toml"),
    ),
    (
        "narratives/discord/posting_schedule.toml",
        include_str!("../../../config/narratives/discord/posting_schedule.toml"),
    ),
];

/// The text of the narrative that the embedded settings call `path`.
pub(crate) fn narrative(path: &str) -> Option<&'static str> {
    NARRATIVES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}
