//! Answering with a fault, or without one.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{DiscordFault, Shared, refusal};
use crate::connections::Scissors;

/// Acts and answers, as the fault has it: before or after, in part or not at all.
pub(super) async fn answer(
    fault: Option<DiscordFault>,
    shared: &Shared,
    scissors: &Scissors,
    act: impl FnOnce() -> Response,
) -> Response {
    match fault {
        None => act(),
        Some(DiscordFault::CommitThen500) => {
            act();
            refusal::server_error()
        }
        Some(DiscordFault::CommitThenReset) => {
            act();
            reset(scissors)
        }
        Some(DiscordFault::CommitThenGarbage) => {
            act();
            ([(header::CONTENT_TYPE, "application/json")], "{\"id\": \"12").into_response()
        }
        Some(DiscordFault::CommitThenHold) => {
            let answer = act();
            shared.until_released().await;
            answer
        }
        // The caller has gone with its future, so whoever has to act after all does so in a task of its own.
        Some(DiscordFault::HoldThenCommit) => {
            shared.until_released().await;
            act()
        }
        Some(DiscordFault::Unavailable) => refusal::server_error(),
        Some(DiscordFault::Reset) => reset(scissors),
        Some(DiscordFault::RateLimited { scope, retry_after }) => refusal::rate_limited(scope, retry_after),
        Some(DiscordFault::ProxyRateLimited { retry_after }) => {
            refusal::page_of_proxy(StatusCode::TOO_MANY_REQUESTS, retry_after)
        }
        Some(DiscordFault::ProxyBlocked) => refusal::page_of_proxy(StatusCode::FORBIDDEN, None),
        Some(DiscordFault::Refused { status, code, message }) => refusal::refused(status, code, &message),
    }
}

fn reset(scissors: &Scissors) -> Response {
    scissors.cut();
    Response::new(Body::empty())
}
