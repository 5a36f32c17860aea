//! Whether there is somebody to ask for everything that a narrative asks.

use std::{collections::BTreeMap, sync::Arc};

use botticelli_llm::{LanguageModel, ProviderOptions, Providers, Routing, Wire, open};
use botticelli_narrative::parse;
use botticelli_workers::check_models;

fn remarks(acts: &str) -> Vec<String> {
    let provider = |name: &str, wire| {
        let options = ProviderOptions {
            base_url: Some("http://127.0.0.1:9".to_owned()),
            ..ProviderOptions::new(name, wire, "own")
        };
        (name.to_owned(), open(options).unwrap() as Arc<dyn LanguageModel>)
    };
    let providers = Providers::new(Routing {
        models: BTreeMap::from([provider("claude", Wire::Anthropic), provider("house", Wire::Ollama)]),
        default: "house".to_owned(),
        patterns: vec![("claude-*".to_owned(), "claude".to_owned())],
        aliases: BTreeMap::new(),
    });
    let text = format!("[narrative]\nname = 'n'\ntoc = ['a']\n[acts.a]\n{acts}\n");
    let file = parse("n.toml", &text).unwrap();
    let found = check_models(&file.narrative(None).unwrap().needs(), &providers.unwrap());
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn models_that_somebody_serves_are_right() {
    assert_eq!(remarks("prompt = 'x'"), [""; 0]);
    assert_eq!(
        remarks("prompt = 'x'\nmodel = 'claude-opus'\nfallback = ['house/llama', 'house/']"),
        [""; 0]
    );
}

#[test]
fn a_model_or_a_provider_that_there_is_not_is_named_with_those_that_there_are() {
    let [model] = &*remarks("prompt = 'x'\nmodel = 'gpt-5'") else {
        panic!()
    };
    assert!(
        model.contains("`gpt-5`") && model.contains("`claude`, `house`"),
        "{model}"
    );
    let [fallback] = &*remarks("prompt = 'x'\nfallback = ['llm/']") else {
        panic!()
    };
    assert!(
        fallback.starts_with("`n.toml`:6:13:") && fallback.contains("`llm"),
        "{fallback}"
    );
}

/// Ollama's chat takes pictures and no documents, Anthropic's messages both.
#[test]
fn files_that_nobody_looks_at_are_refused_and_those_that_a_fallback_looks_at_are_not() {
    let input = "input = ['x', { type = 'document', url = 'https://example.com/a.pdf' }]";
    let [unseen] = &*remarks(input) else { panic!() };
    assert!(unseen.contains("kind `document`: `house`"), "{unseen}");
    assert_eq!(remarks(&format!("{input}\nfallback = ['claude/']")), [""; 0]);
}
