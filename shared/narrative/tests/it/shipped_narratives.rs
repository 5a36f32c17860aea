//! The narratives that ship with the product load and play.

use botticelli_narrative::{Act, Narrative, NarrativeFile, parse};
use serde_json::{Value, json};

use crate::stage::{Stage, options};

pub(crate) const GENERATION: &str = include_str!("../../../../config/narratives/discord/generation_carousel.toml");
pub(crate) const CURATION: &str = include_str!("../../../../config/narratives/discord/curation_workflow.toml");
pub(crate) const POSTING: &str = include_str!("../../../../config/narratives/discord/posting_schedule.toml");

const POST: &str =
    r#"{"body":"Tea brings people together after a long day. What do you like to drink?","tags":["conversation"]}"#;

fn file(text: &str) -> NarrativeFile {
    parse("shipped.toml", text).unwrap()
}

fn schema_of(narrative: &Narrative, act: &str) -> Value {
    narrative
        .acts()
        .iter()
        .find(|known| known.name() == act)
        .and_then(Act::schema)
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_batch_is_one_round_of_three_posts() {
    let stage = Stage::saying(["tea", POST].into_iter().cycle().take(6));
    let run = stage
        .play_with(GENERATION, Some("batch_generate"), &options(json!({})))
        .await
        .unwrap();
    assert_eq!((run.acts_run, run.acts_failed, run.outputs.len()), (6, 0, 3));
    let outputs: Vec<_> = run
        .outputs
        .iter()
        .map(|output| (output.iteration, output.narrative.as_str()))
        .collect();
    assert_eq!(outputs, [(1, "question"), (1, "tip"), (1, "welcome")]);
    for output in &run.outputs {
        assert_eq!(
            output.target.as_ref().map(|target| target.table.as_str()),
            Some("potential_posts")
        );
        assert_eq!(output.json, serde_json::from_str(POST).unwrap());
    }
    assert!(
        stage.prompt(1).starts_with("tea\nWrite two short"),
        "{}",
        stage.prompt(1)
    );
    let batch = file(GENERATION).narrative(Some("batch_generate")).unwrap();
    assert_eq!(
        batch.target().map(|target| target.table.as_str()),
        Some("potential_posts")
    );
}

#[test]
fn the_schema_of_a_post_lets_good_posts_through_and_placeholders_not() {
    let schema = schema_of(&file(GENERATION).narrative(Some("tip")).unwrap(), "post");
    let order: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["body", "tags"]);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good: Value = serde_json::from_str(POST).unwrap();
    assert!(validator.is_valid(&good));
    let body = "Tea brings people together after a long day. What do you like";
    for (key, value) in [
        ("body", json!(body.to_lowercase() + "?")),
        ("body", json!("Too short.")),
        ("body", json!(body)),
        ("body", json!(format!("{body} [brief description]?"))),
        ("body", json!(format!("{body} <@12345>?"))),
        ("body", json!(format!("{body} https://example.org/x."))),
        ("body", json!(format!("{body} 46 photos?"))),
        ("body", json!(format!("{}.", body.repeat(4)))),
        ("tags", json!([])),
        ("tags", json!(["conversation", "advice"])),
        ("tags", json!(["vcsharerecomend"])),
        ("extra", json!(1)),
    ] {
        let mut post = good.clone();
        post[key] = value;
        assert!(!validator.is_valid(&post), "{post}");
    }
}

#[tokio::test]
async fn a_review_shows_the_model_one_post_and_gives_a_verdict() {
    let verdict = r#"{"reason":"Clear and kind.","score":8,"verdict":"approve"}"#;
    let stage = Stage::saying([verdict]).rows("potential_posts", json!([{"text_content": "A cup of tea."}]));
    let run = stage.play(CURATION).await.unwrap();
    assert!(
        stage.prompt(0).starts_with("A cup of tea.\n\nReview the post above."),
        "{}",
        stage.prompt(0)
    );
    assert_eq!(
        run.outputs[0].target.as_ref().map(|target| target.table.as_str()),
        Some("approved_posts")
    );
    assert_eq!(run.outputs[0].json.as_ref().unwrap()["verdict"], "approve");

    let curate = file(CURATION).narrative(Some("curate")).unwrap();
    let validator = jsonschema::validator_for(&schema_of(&curate, "review")).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(verdict).unwrap()));
    for wrong in [
        json!({"reason": "Clear and kind.", "score": 11, "verdict": "approve"}),
        json!({"reason": "Clear and kind.", "score": 8, "verdict": "maybe"}),
        json!({"score": 8, "verdict": "approve"}),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[tokio::test]
async fn posting_asks_no_model_and_copies_the_text_word_for_word() {
    let text = "**Tea** | \"quoted\", ü\n\nsecond paragraph";
    let stage = Stage::default().rows("approved_posts", json!([{"text_content": text}]));
    let run = stage
        .play_with(POSTING, Some("post"), &options(json!({})))
        .await
        .unwrap();
    assert_eq!(run.outputs[0].text, text);
    assert_eq!(run.outputs[0].target, None);
    assert!(!file(POSTING).narrative(None).unwrap().calls_model());
}
