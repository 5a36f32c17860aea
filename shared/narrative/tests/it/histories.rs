//! How much of the conversation an act sees.

use serde_json::json;

use crate::stage::Stage;

async fn last_conversation(of_last: &str) -> String {
    let text =
        format!("[narrative.n]\ntoc = ['a', 'b', 'c']\n[acts]\na = 'A'\nb = 'B'\n[acts.c]\nprompt = 'C'\n{of_last}\n");
    let stage = Stage::saying(["one", "two", "three"]);
    stage.play(&text).await.unwrap();
    stage.conversations().pop().unwrap()
}

#[tokio::test]
async fn an_act_sees_what_its_history_says() {
    let (a, b) = ("User: A\nAssistant: one\n", "User: B\nAssistant: two\n");
    for (of_last, expected) in [
        ("history = 'full'", format!("{a}{b}User: C")),
        ("history = 'none'", "User: C".to_owned()),
        ("history = 1", format!("{b}User: C")),
        ("history = 9", format!("{a}{b}User: C")),
        ("history = ['a']", format!("{a}User: C")),
        ("history_tokens = 1", format!("{b}User: C")),
        ("history_tokens = 2", format!("{a}{b}User: C")),
    ] {
        assert_eq!(last_conversation(of_last).await, expected, "{of_last}");
    }
}

#[tokio::test]
async fn a_summarised_input_is_a_line_for_later_acts() {
    let text = "[narrative.n]\ntoc = ['a', 'b']\n[acts]\nb = 'B'\n[acts.a]\ninput = [{ ref = 'tables.t', history_retention = 'summary' }, 'A']\n[tables.t]\ntable_name = 't'\nformat = 'text'\n";
    let stage = Stage::saying(["one", "two"]).rows("t", json!([{"x": "ROW 1"}, {"x": "ROW 2"}]));
    stage.play(text).await.unwrap();
    assert_eq!(stage.conversations()[0], "User: ROW 1\n\nROW 2\n\nA");
    assert_eq!(
        stage.conversations()[1],
        "User: [table t: 3 lines, 12 characters]\n\nA\nAssistant: one\nUser: B"
    );
}

#[tokio::test]
async fn examples_stand_before_the_conversation() {
    let text = "[narrative.n]\ntoc = ['a', 'b']\n[acts]\na = 'A'\n[acts.b]\nprompt = 'B'\nexamples = [{ user = 'X of {{a}}', assistant = 'Y' }]\n";
    let stage = Stage::saying(["one", "two"]);
    stage.play(text).await.unwrap();
    assert_eq!(
        stage.conversations()[1],
        "User: X of one\nAssistant: Y\nUser: A\nAssistant: one\nUser: B"
    );
}
