//! `botticelli llm serve`: a model of this program for other programs, and for this one.

use std::path::PathBuf;

use botticelli_testkit::Process;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::stage::command;
use crate::studio::Studio;

const SCRIPTED: &[&str] = &["--provider", "scripted"];

/// `botticelli llm serve` on a free port, and the address of its API.
async fn serve(studio: &Studio, args: &[&str], variables: &[(&str, &str)]) -> (Process, String) {
    let mut serve = command(PathBuf::from(env!("CARGO_BIN_EXE_botticelli")));
    serve
        .current_dir(studio.home.path())
        .env("BOTTICELLI_DATA_DIR", studio.path("data"))
        .envs(variables.iter().copied())
        .args(["llm", "serve", "--listen", "127.0.0.1:0"])
        .args(args);
    let process = Process::spawn(serve);
    let line = process.line(" is served at ").await;
    let (_, rest) = line.split_once(" is served at ").unwrap();
    let (url, _) = rest.split_once(';').unwrap();
    (process, url.to_owned())
}

fn question(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Name a river."}]})
}

/// A narrative of one act, and settings under which `url` is asked.
fn writer(url: &str) -> Studio {
    let narrative =
        "[narrative]\nname = \"river\"\ndescription = \"Water\"\ntoc = [\"name\"]\n[acts]\nname = \"Name a river.\"\n";
    let settings = format!("[llm]\nbackend = \"openai\"\nbase_url = \"{url}\"\nmodel = \"scripted\"\n");
    Studio::with(&[("river.toml", narrative), ("botticelli.toml", &settings)])
}

#[tokio::test]
async fn a_model_is_served_to_this_program_too_until_a_signal() {
    let (mut process, url) = serve(&Studio::with(&[]).saying(&["The Rhine."]), SCRIPTED, &[]).await;
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/v1"), "{url}");
    let example = process.line("curl http://").await;
    assert!(
        example.contains(&format!("{url}/chat/completions -H 'Content-Type")),
        "{example}"
    );

    let said = writer(&url).narrative(&["run", "river.toml"]).await.ended(0);
    assert!(said.stdout.contains("The Rhine."), "{}", said.stdout);

    process.terminate();
    assert_eq!(process.exit().await.code(), Some(0), "{}", process.output());
}

#[tokio::test]
async fn a_key_of_the_settings_is_demanded() {
    let studio = Studio::with(&[]).saying(&["The Rhine."]);
    let (process, url) = serve(&studio, SCRIPTED, &[("LLM_SERVER_KEY", "secret")]).await;
    let ask = || {
        Client::new()
            .post(format!("{url}/chat/completions"))
            .json(&question("scripted"))
    };
    assert_eq!(ask().send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        ask().bearer_auth("secret").send().await.unwrap().status(),
        StatusCode::OK
    );
    assert!(!process.output().contains("secret"), "{}", process.output());
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_with_the_way_out() {
    let studio = Studio::with(&[]).saying(&["The Rhine."]);
    let refusal = async |args: &[&str]| {
        let args = [&["llm", "serve"], args].concat();
        studio.run(&args, &[]).await.ended(1).stderr
    };
    let open = refusal(&["--listen", "0.0.0.0:0", "--provider", "scripted"]).await;
    assert!(
        open.starts_with(
            "error: `--listen 0.0.0.0:0` is open to other machines and there is no key; set `LLM_SERVER_KEY`"
        ),
        "{open}"
    );
    let unknown = refusal(&["--listen", "127.0.0.1:0", "--provider", "scriptd"]).await;
    assert_eq!(
        unknown,
        "error: there is no model provider `scriptd`; those there are: `embedded`, `openai`, `scripted`\n"
    );
}

#[cfg(feature = "embedded-llm")]
mod embedded {
    use std::path::Path;

    use super::*;

    const MODEL: &str = "SmolLM2-135M-Instruct";

    /// The file that `BOTTICELLI_MODEL` names, or the one that `scripts/test` fetches.
    fn model_file() -> String {
        let fetched = || {
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/model");
            target.join(format!("{MODEL}.Q4_1.gguf")).display().to_string()
        };
        std::env::var("BOTTICELLI_MODEL").unwrap_or_else(|_| fetched())
    }

    #[tokio::test]
    async fn the_embedded_model_answers_by_a_schema() {
        let studio = Studio::with(&[(
            "botticelli.toml",
            &format!("[llm]\nmodel_file = \"{}\"\n", model_file()),
        )]);
        let (mut process, url) = serve(&studio, &[], &[]).await;
        let mut request = question(MODEL);
        let schema = json!({
            "type": "object",
            "properties": {"code": {"type": "string", "pattern": "^[0-9]{3}-[XYZ]{2}$"}},
            "required": ["code"],
            "additionalProperties": false,
        });
        request["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "code", "schema": schema}});
        let response = Client::new()
            .post(format!("{url}/chat/completions"))
            .json(&request)
            .send();
        let body: Value = response.await.unwrap().json().await.unwrap();
        let content = body["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_else(|| panic!("{body}"));
        let code: Value = serde_json::from_str(content).unwrap();
        assert_eq!(code["code"].as_str().unwrap().len(), 6, "{code}");
        process.interrupt();
        assert_eq!(process.exit().await.code(), Some(0), "{}", process.output());
    }

    #[tokio::test]
    async fn the_embedded_model_answers_where_a_service_cannot_be_reached() {
        let narrative = "[narrative]\nname = \"river\"\ndescription = \"Water\"\ntoc = [\"name\"]\nprovider = \"far\"\n\
                         fallback = [\"near/\"]\n[acts.name]\nprompt = \"Name a river.\"\nmax_tokens = 8\n";
        let settings = format!(
            "[llm]\nbackend = \"far\"\nmodel_file = \"{}\"\n[providers.far]\nwire = \"openai\"\nmodel = \"m\"\n\
             base_url = \"http://127.0.0.1:9/v1\"\n[providers.near]\nwire = \"embedded\"\n",
            model_file()
        );
        let studio = Studio::with(&[("river.toml", narrative), ("botticelli.toml", &settings)]);
        let said = studio.narrative(&["run", "river.toml"]).await.ended(0);
        assert!(said.stdout.contains(MODEL), "{}", said.stdout);
    }
}
