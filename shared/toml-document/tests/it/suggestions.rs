//! Suggestions are near or absent.

use botticelli_toml_document::nearest;

#[test]
fn the_nearest_word_is_found_and_far_ones_are_not() {
    let words = ["schedule", "narrative", "enabled", "id", "d"];
    for (word, expected) in [
        ("shedule", Some("schedule")),
        ("Schedule", Some("schedule")),
        ("scheduel", Some("schedule")),
        ("narratives", Some("narrative")),
        ("di", Some("id")),
        ("platform", None),
        ("x", None),
        ("D", Some("d")),
        ("", None),
    ] {
        assert_eq!(nearest(word, words), expected, "{word}");
    }
    assert_eq!(nearest(&"s".repeat(100_000), words), None);
}
