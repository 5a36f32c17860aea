//! Places are counted as editors count them.

use botticelli_toml_document::Location;

#[test]
fn lines_and_columns_count_from_one_and_columns_count_characters() {
    let text = "a = 1\nüb = 2\n";
    for (offset, line, column) in [(0, 1, 1), (4, 1, 5), (6, 2, 1), (8, 2, 2), (9, 2, 3), (14, 3, 1)] {
        let location = Location::of("f", text, offset);
        assert_eq!((location.line, location.column), (line, column), "offset {offset}");
    }
}

#[test]
fn an_offset_outside_the_text_or_inside_a_character_is_still_a_place() {
    assert_eq!(Location::of("f", "ü", 1).column, 1);
    assert_eq!(Location::of("f", "ü", 99).column, 2);
    assert_eq!(Location::of("dir/f.toml", "", 0).to_string(), "`dir/f.toml`:1:1");
}
