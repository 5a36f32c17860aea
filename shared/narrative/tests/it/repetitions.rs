//! Acts that are repeated, and acts that are passed over.

use serde_json::json;

use crate::stage::{Line, Stage, options};

const UNTIL: &str = "
[narrative.n]
toc = ['draft', 'last']
[acts.draft]
prompt = 'Draft {{repetition}} of {{repetitions}}, after: {{ draft.text | default(\"nothing\") }}'
schema = { type = 'object', properties = { score = { type = 'integer' }, text = { type = 'string' } } }
[acts.draft.carousel]
iterations = 4
until = 'draft.score >= 8'
[acts.last]
prompt = 'Now {{draft.text}}'
";

#[tokio::test]
async fn an_act_is_repeated_until_it_is_good_and_its_last_reply_counts() {
    let lines = [
        r#"{"score": 5, "text": "meh"}"#,
        r#"{"score": 9, "text": "yes"}"#,
        "done",
    ];
    let stage = Stage::saying(lines);
    let run = stage.play(UNTIL).await.unwrap();
    assert_eq!((run.acts_run, run.outputs[0].text.as_str()), (3, "done"));
    let prompts: Vec<String> = (0..3).map(|index| stage.prompt(index)).collect();
    assert_eq!(
        prompts,
        ["Draft 1 of 4, after: nothing", "Draft 2 of 4, after: meh", "Now yes"]
    );
    let steps: Vec<String> = stage.records.lock().unwrap().keys().cloned().collect();
    assert_eq!(steps, ["1/draft/1", "1/draft/2", "1/last"]);

    let again = stage.play(UNTIL).await.unwrap();
    assert_eq!((again.acts_run, again.acts_resumed), (0, 3));
}

/// Nothing but its own condition says that the answer has parts.
#[tokio::test]
async fn an_act_whose_condition_asks_for_a_part_of_its_reply_is_asked_for_json() {
    let text = "
[narrative.n]
toc = ['draft']
[acts.draft]
prompt = 'Draft'
carousel = { iterations = 3, until = 'draft.score >= 8' }
";
    let stage = Stage::saying([r#"Sure: {"score": 5}"#, r#"{"score": 9}"#]);
    let run = stage.play(text).await.unwrap();
    assert_eq!(run.acts_run, 2);
}

#[tokio::test]
async fn repetitions_are_bounded_and_may_fail_one_by_one() {
    let text = "
[narrative.n]
toc = ['a']
[acts.a]
prompt = 'A'
carousel = { iterations = 3, continue_on_error = true }
";
    let stage = Stage::with([Line::Say("one"), Line::Fail, Line::Say("three"), Line::Say("never")]);
    let run = stage.play(text).await.unwrap();
    assert_eq!((run.acts_run, run.acts_failed, run.failures.len()), (2, 1, 1));
    assert_eq!(run.outputs[0].text, "three");
}

#[tokio::test]
async fn a_composed_narrative_is_repeated_as_a_whole() {
    let text = "
[narrative.all]
toc = ['tips']
[narrative.tip]
target = 'potential_posts'
toc = ['draft']
[acts]
draft = 'Draft'
[acts.tips]
narrative = 'tip'
carousel = { iterations = 2 }
";
    let stage = Stage::saying(["a", "b"]);
    let run = stage.play_with(text, Some("all"), &options(json!({}))).await.unwrap();
    let texts: Vec<&str> = run.outputs.iter().map(|output| output.text.as_str()).collect();
    assert_eq!(texts, ["a", "b"]);
    let steps: Vec<String> = stage.records.lock().unwrap().keys().cloned().collect();
    assert_eq!(steps, ["1/tips/1/draft", "1/tips/2/draft"]);
}

#[tokio::test]
async fn an_act_whose_condition_does_not_hold_is_passed_over_and_blank() {
    let text = "
[narrative.n]
toc = ['kind', 'joke', 'last']
[acts]
kind = 'Which?'
last = 'Joke: {% if joke %}{{joke}}{% else %}none{% endif %}'
[acts.joke]
when = \"kind == 'funny' and iteration == 1\"
prompt = 'A joke'
";
    for (kind, expected) in [("dull", "Joke: none"), ("funny", "Joke: ha")] {
        let lines: Vec<&str> = [kind, "ha", "end"]
            .into_iter()
            .filter(|line| kind == "funny" || *line != "ha")
            .collect();
        let stage = Stage::saying(lines);
        let run = stage.play(text).await.unwrap();
        assert_eq!(
            stage
                .requests
                .lock()
                .unwrap()
                .last()
                .unwrap()
                .messages
                .last()
                .unwrap()
                .text(),
            expected
        );
        assert_eq!(run.acts_skipped, u32::from(kind == "dull"));
        let again = stage.play(text).await.unwrap();
        assert_eq!((again.acts_run, again.acts_skipped), (0, run.acts_skipped));
    }
}

#[tokio::test]
async fn an_act_that_is_passed_over_is_not_asked_whether_it_is_good() {
    let text = "
[narrative.n]
toc = ['a', 'b']
[acts]
b = 'B'
[acts.a]
prompt = 'A'
when = 'iteration == 2'
schema = { type = 'object', properties = { score = { type = 'integer' } } }
carousel = { iterations = 3, until = 'a.score >= 8' }
";
    let run = Stage::saying(["done"]).play(text).await.unwrap();
    assert_eq!((run.acts_run, run.acts_skipped), (1, 1));
}
