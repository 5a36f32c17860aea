//! Numbers and their ranges.

use std::ops::RangeInclusive;

use toml::Spanned;

use super::{NarrativeError, Source};
use crate::{
    document::{BudgetEntry, CarouselEntry},
    narrative::{Budget, Carousel},
};

/// The whole number at `key`, if it is in `range`.
pub(super) fn whole(
    source: Source<'_>,
    key: &str,
    number: &Spanned<i64>,
    range: RangeInclusive<u32>,
) -> Result<u32, NarrativeError> {
    let written = *number.get_ref();
    u32::try_from(written)
        .ok()
        .filter(|value| range.contains(value))
        .ok_or_else(|| {
            let bounds = match (*range.start(), *range.end()) {
                (least, u32::MAX) => format!("at least {least}"),
                (least, most) => format!("from {least} to {most}"),
            };
            source.refuse(&number.span(), format!("`{key}` is {written}; it must be {bounds}"))
        })
}

pub(super) fn temperature(source: Source<'_>, number: &Spanned<f64>) -> Result<f32, NarrativeError> {
    let written = *number.get_ref();
    if !(0.0..=2.0).contains(&written) {
        return Err(source.refuse(
            &number.span(),
            format!("`temperature` is {written}; it must be from 0 to 2"),
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no model tells temperatures apart at this precision"
    )]
    Ok(written as f32)
}

pub(super) fn max_tokens(source: Source<'_>, number: &Spanned<i64>) -> Result<u32, NarrativeError> {
    whole(source, "max_tokens", number, 1..=u32::MAX)
}

pub(super) fn carousel(source: Source<'_>, entry: &CarouselEntry) -> Result<Carousel, NarrativeError> {
    let estimate = entry.estimated_tokens_per_iteration.as_ref();
    Ok(Carousel {
        iterations: whole(source, "iterations", &entry.iterations, 1..=1000)?,
        estimated_tokens_per_iteration: estimate.map_or(Ok(1000), |tokens| {
            whole(source, "estimated_tokens_per_iteration", tokens, 1..=u32::MAX)
        })?,
        continue_on_error: entry.continue_on_error,
    })
}

/// The smallest of each share that the entries write.
pub(super) fn budget<'a>(
    source: Source<'_>,
    mut entries: impl Iterator<Item = &'a BudgetEntry>,
) -> Result<Budget, NarrativeError> {
    entries.try_fold(Budget::default(), |budget, entry| {
        let requests_per_minute = share(source, "rpm_multiplier", entry.requests_per_minute.as_ref())?;
        let tokens_per_minute = share(source, "tpm_multiplier", entry.tokens_per_minute.as_ref())?;
        let requests_per_day = share(source, "rpd_multiplier", entry.requests_per_day.as_ref())?;
        Ok(Budget {
            requests_per_minute: budget.requests_per_minute.min(requests_per_minute),
            tokens_per_minute: budget.tokens_per_minute.min(tokens_per_minute),
            requests_per_day: budget.requests_per_day.min(requests_per_day),
        })
    })
}

fn share(source: Source<'_>, key: &str, number: Option<&Spanned<f64>>) -> Result<f64, NarrativeError> {
    let Some(number) = number else { return Ok(1.0) };
    let written = *number.get_ref();
    if written > 0.0 && written <= 1.0 {
        return Ok(written);
    }
    Err(source.refuse(
        &number.span(),
        format!("`{key}` is {written}; it must be over 0 and at most 1"),
    ))
}
