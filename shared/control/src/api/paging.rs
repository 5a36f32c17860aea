use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;

use crate::problem::Problem;

const LIMITS: RangeInclusive<i64> = 1..=200;
const DEFAULT_LIMIT: i64 = 50;

/// The database reads and drops every row before the offset: far pages cost as much as reading everything.
const OFFSETS: RangeInclusive<i64> = 0..=10_000;

/// Which part of a list is wanted: 50 from the start when nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    pub(super) limit: i64,
    pub(super) offset: i64,
}

/// As text, because a number's own error would not say which parameter it was.
#[derive(Deserialize)]
struct Asked {
    limit: Option<String>,
    offset: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Query(asked) = Query::<Asked>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::bad_parameter("`limit` and `offset` may each be given once".to_owned()))?;
        Ok(Self {
            limit: number("limit", asked.limit.as_deref(), LIMITS, DEFAULT_LIMIT)?,
            offset: number("offset", asked.offset.as_deref(), OFFSETS, *OFFSETS.start())?,
        })
    }
}

pub(super) fn number(
    name: &str,
    given: Option<&str>,
    allowed: RangeInclusive<i64>,
    default: i64,
) -> Result<i64, Problem> {
    let Some(given) = given else {
        return Ok(default);
    };
    given
        .parse()
        .ok()
        .filter(|number| allowed.contains(number))
        .ok_or_else(|| {
            Problem::bad_parameter(format!(
                "`{name}` must be a whole number from {} to {}, not `{given}`",
                allowed.start(),
                allowed.end()
            ))
        })
}
