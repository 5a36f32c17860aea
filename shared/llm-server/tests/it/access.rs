//! Who may ask.

use std::sync::Arc;

use botticelli_llm::{Answer, Scripted};
use botticelli_llm_server::{ServeError, ServerOptions, listen};
use serde_json::json;

use crate::served::{Served, options, question, refusal};

async fn locked() -> Served {
    let script = Arc::new(Scripted::repeating(["Hello".to_owned()]));
    Served::with(ServerOptions {
        key: Some("secret".into()),
        ..options(script)
    })
    .await
}

#[tokio::test]
async fn a_server_with_a_key_answers_whoever_has_it() {
    let served = locked().await;
    for header in ["Bearer secret", "bearer secret"] {
        let asked = served.post("/v1/chat/completions").header("authorization", header);
        let answer = asked.json(&question(json!({}))).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{header}");
    }
    // Behind a name of its own, too.
    let models = served.get("/v1/models").header("host", "llm.example.org");
    assert_eq!(models.bearer_auth("secret").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused_everywhere_but_for_health() {
    let served = locked().await;
    for header in [
        "",
        "secret",
        "Bearer",
        "Bearer ",
        "Bearer secre",
        "Bearer secrets",
        "Basic secret",
    ] {
        let asked = served.post("/v1/chat/completions").header("authorization", header);
        let answer = asked.json(&question(json!({}))).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        let (status, error) = refusal(answer).await;
        assert_eq!((status, &error["code"]), (401, &json!("invalid_api_key")), "{header}");
    }
    for path in ["/v1/models", "/v1/models/small", "/elsewhere"] {
        assert_eq!(served.get(path).send().await.unwrap().status(), 401, "{path}");
    }
    let health = served.get("/health").send().await.unwrap();
    assert_eq!(
        (health.status().as_u16(), health.text().await.unwrap()),
        (200, r#"{"status":"ok"}"#.to_owned())
    );
}

#[tokio::test]
async fn a_server_without_a_key_answers_to_names_of_the_loopback_only() {
    let (served, script) = Served::answering([Answer::text("Hello")]).await;
    let foreign = served.post("/v1/chat/completions").header("host", "example.org:8089");
    let (status, error) = refusal(foreign.json(&question(json!({}))).send().await.unwrap()).await;
    assert_eq!((status, &error["code"]), (403, &json!("foreign_host")));
    assert!(script.requests().is_empty());
    let own = served.post("/v1/chat/completions").header("host", "localhost:8089");
    assert_eq!(own.json(&question(json!({}))).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_address_that_others_can_reach_wants_a_key() {
    let open = "0.0.0.0:0".parse().unwrap();
    let refused = listen(open, false).await.unwrap_err();
    assert!(matches!(refused, ServeError::Unprotected { .. }), "{refused}");
    assert!(refused.to_string().contains("`LLM_SERVER_KEY`"), "{refused}");
    assert!(listen(open, true).await.is_ok());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (served, _) = Served::answering([]).await;
    let refused = listen(served.address, false).await.unwrap_err();
    let expected = format!("port `{}` is taken", served.address.port());
    assert!(refused.to_string().starts_with(&expected), "{refused}");
}
