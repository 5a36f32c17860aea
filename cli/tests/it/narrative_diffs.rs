//! `botticelli narrative diff`: what models will see otherwise.

use serde_json::json;

use crate::studio::Studio;

const OLD: &str = r#"
[narrative.tip]
description = "Advice"
target = "potential_posts"
toc = ["idea", "post"]
[acts]
idea = "Name a habit."
[acts.post]
temperature = 0.5
max_tokens = 50
prompt = """
Write two sentences.
Be kind.
Begin with a letter.
End with a full stop.
"""
[narrative.day]
toc = ["one"]
[narrative.day.acts.one]
narrative = "tip"
"#;

async fn diff(new: &str, code: i32) -> String {
    let studio = Studio::with(&[("old.toml", OLD), ("new.toml", new)]);
    let said = studio.narrative(&["diff", "old.toml", "new.toml"]).await.ended(code);
    assert_eq!(said.stderr, "");
    without_versions(&said.stdout)
}

/// The text with every version written as `#`.
fn without_versions(text: &str) -> String {
    let is_version = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut shown = String::new();
    for part in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        if is_version(word) {
            shown.push('#');
            shown.push_str(&part[word.len()..]);
        } else {
            shown.push_str(part);
        }
    }
    shown
}

#[tokio::test]
async fn a_changed_prompt_is_shown_line_by_line_and_settings_beside_it() {
    let new = OLD
        .replace("Be kind.", "Be brief.")
        .replace("max_tokens = 50", "max_tokens = 60");
    assert_eq!(
        diff(&new, 1).await,
        "narrative `tip` changed (# → #)
  act `post` changed (# → #)
    max_tokens: 50 → 60
    text:
        Write two sentences.
      - Be kind.
      + Be brief.
        Begin with a letter.
        End with a full stop.

narrative `day` changed (# → #)
  act `one` changed (# → #)
    its version: # → #

models see a difference
"
    );
}

#[tokio::test]
async fn acts_that_come_and_go_and_their_order_are_told() {
    let new = OLD
        .replace("toc = [\"idea\", \"post\"]", "toc = [[\"idea\", \"mood\"], \"check\"]")
        .replace(
            "idea = \"Name",
            "mood = \"Name a mood.\"\ncheck = \"Is it good?\"\nidea = \"Name",
        );
    let said = diff(&new, 1).await;
    for part in [
        "    toc: idea, post → [idea, mood], check\n",
        "  act `mood` added (#)\n    text: none → Name a mood.\n",
        "  act `check` added (#)\n",
        "  act `post` removed (#)\n",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
}

#[tokio::test]
async fn what_no_model_sees_is_shown_and_does_not_count() {
    let new = OLD
        .replace("potential_posts", "tips")
        .replace("max_tokens = 50", "max_tokens = 50\nrepairs = 2");
    assert_eq!(
        diff(&new, 0).await,
        "narrative `tip` changed, and no model sees it (#)
    (no model sees)    target: potential_posts → tips
  act `post` changed, and no model sees it (#)
    (no model sees)    repairs: 1 → 2

models see no difference
"
    );
    assert_eq!(
        diff(&format!("# a remark\n{OLD}"), 0).await,
        "models see no difference\n"
    );
}

#[tokio::test]
async fn programs_get_every_narrative_with_its_versions_and_keys() {
    let new = OLD
        .replace("0.5", "0.6")
        .replace("[narrative.day]", "[narrative.night]")
        .replace("narrative.day.", "narrative.night.");
    let studio = Studio::with(&[("old.toml", OLD), ("new.toml", &new)]);
    let said = studio
        .narrative(&["diff", "old.toml", "new.toml", "--json"])
        .await
        .ended(1);
    let found = said.json();
    assert_eq!(found["same_to_models"], false);
    let changes: Vec<(&str, &str)> = found["narratives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["narrative"].as_str().unwrap(),
                change["change"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(changes, [("tip", "changed"), ("night", "added"), ("day", "removed")]);
    let acts = &found["narratives"][0]["acts"];
    assert_eq!(
        (&acts[0]["change"], &acts[1]["change"]),
        (&json!("same"), &json!("changed"))
    );
    assert_eq!(
        acts[1]["keys"],
        json!([{"key": "temperature", "old": "0.5", "new": "0.6", "models_see_it": true}])
    );
    assert_ne!(acts[1]["old_version"], acts[1]["new_version"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_played_is_refused_with_its_mistakes() {
    let studio = Studio::with(&[("old.toml", OLD), ("new.toml", &OLD.replace("\"post\"]", "\"pots\"]"))]);
    let said = studio.narrative(&["diff", "old.toml", "new.toml"]).await.ended(1);
    assert!(
        said.stderr.contains("`new.toml`:5:16: unknown act `pots`"),
        "{}",
        said.stderr
    );
}
