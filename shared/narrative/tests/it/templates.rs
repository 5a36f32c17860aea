//! Names in texts are replaced, everywhere in them and once.

use serde_json::json;

use crate::stage::{Stage, options};

fn document(prompt: &str) -> String {
    format!(
        "[narrative.n]\ncarousel = {{ iterations = 2 }}\ntoc = ['idea', 'post', 'last']\n[acts]\nidea = 'Idea?'\nlast = '''\n{prompt}'''\n[acts.post]\ninput = ['Post?']\nschema = {{ type = 'object' }}\n"
    )
}

#[tokio::test]
async fn every_name_stands_for_its_value() {
    let lines = [
        "tea",
        r#"{"title":"On tea","tags":["hot","{{idea}}"],"n":{"x":1.5},"none":null}"#,
        "done",
    ];
    for (prompt, expected) in [
        ("About {{idea}}: {{ idea }}/${idea}.", "About tea: tea/tea."),
        (
            "{{previous.json.title}}|{{post.json.tags.0}}|{{post.json.n}}|${post.json.n.x}",
            r#"On tea|hot|{"x":1.5}|1.5"#,
        ),
        ("{{post.json.tags.1}}", "{{idea}}"),
        ("Round {{iteration}} of {{iterations}}", "Round 1 of 2"),
        (
            "{{args.who}} has {{args.count}} of {{args.list}}",
            r#"Ann has 3 of ["a",1]"#,
        ),
        (
            "{{ args.absent | default(\"some text\") }} {{args.who|default(1)}} {{args.void|d(\"blank\")}}{{args.absent|d}}",
            "some text Ann blank",
        ),
        (
            "{% raw %}{{idea}}{% endraw %} and $${idea} and {idea} and $idea and }} and {{ '{{' }}",
            "{{idea}} and ${idea} and {idea} and $idea and }} and {{",
        ),
        ("{\"a\": {\"b\": 1}} ü{{idea}}ü", "{\"a\": {\"b\": 1}} üteaü"),
    ] {
        let stage = Stage::saying(lines.into_iter().cycle().take(6));
        let options = options(json!({"who": "Ann", "count": 3, "list": ["a", 1], "void": null}));
        stage.play_with(&document(prompt), None, &options).await.unwrap();
        assert_eq!(stage.prompt(2), expected, "{prompt}");
    }
}

#[tokio::test]
async fn a_part_that_the_reply_lacks_fails_the_act() {
    let stage = Stage::saying(["tea", r#"{"tags":[]}"#]);
    let error = stage.play(&document("{{post.json.tags.0}}")).await.unwrap_err();
    assert_eq!(error.to_string(), "act 3 `last` of narrative `n` failed");
    assert_eq!(
        error.failure().unwrap().to_string(),
        "`post.json.tags[0]` is undefined in `{{post.json.tags.0}}`"
    );
}

#[tokio::test]
async fn missing_arguments_are_all_named_before_anything_is_asked() {
    let stage = Stage::saying(["tea"]);
    let text =
        document("{{args.b}} {{args.a}} {{args.c|default(1)}} {% if args.d is defined %}{{ args.d }}{% endif %}");
    let error = stage.play(&text).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "narrative `n` needs the run arguments `a`, `b`; pass them, or write `{{ args.KEY | default(\"…\") }}`"
    );
    assert!(stage.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_system_text_is_inherited_and_filled_in_too() {
    let text = "[narrative.n]\ntoc = ['a', 'b']\nsystem = 'You are {{args.who}}.'\n[acts]\na = 'A'\n[acts.b]\ninput = ['B']\nsystem = 'You know {{a}}.'\n";
    let stage = Stage::saying(["tea", "done"]);
    stage
        .play_with(text, None, &options(json!({"who": "Ann"})))
        .await
        .unwrap();
    let requests = stage.requests.lock().unwrap();
    let systems: Vec<_> = requests
        .iter()
        .map(|request| request.system.as_deref().unwrap())
        .collect();
    assert_eq!(systems, ["You are Ann.", "You know tea."]);
}
