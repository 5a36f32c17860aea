//! The paths and what is behind them.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Serialize;

use crate::access::admit;
use crate::answering::{MOST_BYTES, complete};
use crate::desk::{Desk, ServerOptions};
use crate::refusal::Refusal;

/// Serves a model as `options` say.
pub fn router(options: ServerOptions) -> Router {
    let desk = Arc::new(Desk::new(options));
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        // Names of models may have slashes.
        .route("/v1/models/{*id}", get(model))
        .fallback(|uri: Uri| async move { Refusal::nothing_there(uri.path()) })
        .method_not_allowed_fallback(|uri: Uri| async move { Refusal::wrong_method(uri.path()) })
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), admit))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(desk)
        .route("/health", get(health))
}

async fn health() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], r#"{"status":"ok"}"#).into_response()
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: [Model<'a>; 1],
}

impl<'a> Model<'a> {
    fn of(desk: &'a Desk) -> Self {
        Self {
            id: &desk.options.name,
            object: "model",
            created: desk.since,
            owned_by: desk.options.model.provider(),
        }
    }
}

async fn models(State(desk): State<Arc<Desk>>) -> Response {
    let list = List {
        object: "list",
        data: [Model::of(&desk)],
    };
    Json(list).into_response()
}

async fn model(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    if id == desk.options.name {
        Ok(Json(Model::of(&desk)).into_response())
    } else {
        Err(Refusal::unknown_model(&id, &desk.options.name))
    }
}
