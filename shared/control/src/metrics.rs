use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::problem::{Problem, with_problems};

/// The content type of the Prometheus text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves what `render` writes at `/metrics`.
///
/// `render` runs on every scrape and must neither block nor wait. When it fails the scrape gets a 503, so that Prometheus
/// reports the target as down instead of recording a gap as health; the cause is logged.
pub fn metrics_router<R, E>(render: R) -> Router
where
    R: Fn() -> Result<String, E> + Send + Sync + 'static,
    E: Error + 'static,
{
    let render = Arc::new(render);
    let router = Router::new().route(
        "/metrics",
        get(move || {
            let response = scrape(render.as_ref());
            async move { response }
        }),
    );
    with_problems(router)
}

fn scrape<E: Error + 'static>(render: &impl Fn() -> Result<String, E>) -> Response {
    match render() {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn Error, "the metrics cannot be served");
            Problem::unavailable("the metrics could not be rendered; the log says why").into_response()
        }
    }
}
