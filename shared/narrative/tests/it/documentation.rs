//! The narratives in the documentation are right.

use std::collections::BTreeMap;

use botticelli_narrative::{Surroundings, check};

use crate::{json_schema::must_accept, surroundings::Shelf};

const PAGE: &str = include_str!("../../../../docs/narratives.md");

/// The TOML blocks of the page, with the line that each begins in.
fn blocks() -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(PAGE.lines()) {
        match (line, &mut open) {
            ("```toml", None) => open = Some((number + 1, String::new())),
            ("```", Some(_)) => found.extend(open.take()),
            (line, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    assert!(open.is_none(), "the last block of the page is never closed");
    found
}

#[test]
fn every_narrative_of_the_page_is_played_as_it_stands_there() {
    // The page shows in its own words what the second file holds.
    let blocks = blocks();
    let faq = blocks
        .iter()
        .find(|(_, block)| block.contains("name = \"faq\""))
        .unwrap();
    let faq: &'static str = faq.1.clone().leak();
    let files = Shelf(BTreeMap::from([
        ("house.md", "# House rules"),
        ("chart.png", "png"),
        ("faq.toml", faq),
    ]));
    let environment = BTreeMap::from([("GUILD_ID".to_owned(), Some("1".to_owned()))]);
    let surroundings = Surroundings {
        files: Some(&files),
        commands: None,
        environment: Some(&environment),
    };
    let narratives: Vec<_> = blocks
        .iter()
        .filter(|(_, block)| block.contains("[narrative"))
        .collect();
    assert!(narratives.len() >= 10, "{}", narratives.len());
    for (line, block) in narratives {
        let report = check("block.toml", block, &surroundings);
        let said: Vec<String> = report.diagnostics.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "docs/narratives.md:{line}: {}", said.join("\n"));
        must_accept(block);
    }
}

#[test]
fn every_key_of_the_format_is_on_the_page() {
    let schema = botticelli_narrative::json_schema();
    let mut tables = vec![&schema["properties"], &schema["$defs"]["bot"]["properties"]];
    let definitions = schema["$defs"].as_object().unwrap().values();
    tables.extend(definitions.map(|definition| &definition["properties"]));
    let keys = tables
        .into_iter()
        .filter_map(|table| table.as_object())
        .flat_map(|table| table.keys());
    let is_named = |key: &&String| {
        ["`", "[", "."]
            .iter()
            .any(|before| PAGE.contains(&format!("{before}{key}")))
    };
    let missing: Vec<&String> = keys.filter(|key| !is_named(key)).collect();
    assert!(missing.is_empty(), "docs/narratives.md does not name {missing:?}");
}
