//! Asking the database to let calls pass.

use botticelli_database::sql;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::{FromRow, PgPool, types::Json};

use crate::{
    Alert, Call, CallId, Granted, LedgerError, Reservation, Reserved,
    batch::{Batch, Columns},
    budget::{ToldAlert, ToldRefusal},
    rate::ToldWait,
    usage::stored,
};

const ACTION: &str = "reserve a call";

/// Reserves one call, by a transaction of its own. Whoever has many calls at the same time asks a [`Ledger`](crate::Ledger).
///
/// All budgets and limits let it pass, or nothing is reserved. When this returns, what it has granted survives a crash of the server. A
/// caller that goes away meanwhile may leave a call that was granted to nobody, which is lost in time.
///
/// # Errors
///
/// [`LedgerError::Invalid`] for what no call can have and for an unknown time zone, [`LedgerError::Database`] otherwise.
pub async fn reserve(pool: &PgPool, reservation: &Reservation) -> Result<Reserved, LedgerError> {
    let mut answers = reserve_all(pool, std::slice::from_ref(reservation)).await;
    answers.pop().unwrap_or(Err(LedgerError::NoAnswer))
}

/// Reserves calls one after the other, as many as possible by one transaction; each is granted or not by itself. Gives the answers in
/// their order, with the errors of [`reserve`].
pub async fn reserve_all(pool: &PgPool, reservations: &[Reservation]) -> Vec<Result<Reserved, LedgerError>> {
    if reservations.iter().any(|one| one.call.has_long_name()) {
        let kept = |one: &Reservation| Reservation {
            call: one.call.kept(),
            ..one.clone()
        };
        return reserve_kept(pool, &reservations.iter().map(kept).collect::<Vec<_>>()).await;
    }
    reserve_kept(pool, reservations).await
}

async fn reserve_kept(pool: &PgPool, reservations: &[Reservation]) -> Vec<Result<Reserved, LedgerError>> {
    let mut answers = Vec::with_capacity(reservations.len());
    let mut rest = reservations;
    while let [first, ..] = rest {
        if let Err(error) = first.check() {
            answers.push(Err(error));
            rest = &rest[1..];
            continue;
        }
        let mut batch = Batch::default();
        let together = rest
            .iter()
            .take_while(|next| next.check().is_ok() && batch.try_add(next))
            .count();
        let (some, others) = rest.split_at(together.max(1));
        reserve_some(pool, some, batch, &mut answers).await;
        rest = others;
    }
    answers
}

async fn reserve_some(
    pool: &PgPool,
    reservations: &[Reservation],
    batch: Batch,
    answers: &mut Vec<Result<Reserved, LedgerError>>,
) {
    match ask(pool, reservations, batch.into_columns()).await {
        Ok(told) => answers.extend(told),
        // One of them is wrong, and nobody knows which.
        Err(LedgerError::Invalid(_)) if reservations.len() > 1 => {
            for reservation in reservations {
                let mut alone = Batch::default();
                alone.try_add(reservation);
                let one = std::slice::from_ref(reservation);
                answers.push(match ask(pool, one, alone.into_columns()).await {
                    Ok(mut told) => told.pop().unwrap_or(Err(LedgerError::NoAnswer)),
                    Err(error) => Err(error),
                });
            }
        }
        Err(error) => answers.extend(reservations.iter().map(|_| Err(error.clone()))),
    }
}

/// What `reserve_calls` answers: but for `moment` and `alerts`, one of each for each call.
#[derive(FromRow)]
struct Answer {
    moment: DateTime<Utc>,
    outcomes: Vec<String>,
    calls: Vec<Option<i64>>,
    untils: Vec<Option<DateTime<Utc>>>,
    details: Vec<Option<Json<Detail>>>,
    alerts: Vec<Json<ToldAlert>>,
}

/// Why a call may not be made.
#[derive(Deserialize)]
#[serde(untagged)]
enum Detail {
    Refusal(ToldRefusal),
    Wait(ToldWait),
}

async fn ask(
    pool: &PgPool,
    reservations: &[Reservation],
    columns: Columns,
) -> Result<Vec<Result<Reserved, LedgerError>>, LedgerError> {
    fn texts(reservations: &[Reservation], text: fn(&Call) -> &String) -> Vec<&str> {
        reservations.iter().map(|one| text(&one.call).as_str()).collect()
    }
    let jobs: Vec<Option<i64>> = reservations.iter().map(|one| one.call.job.map(|job| job.job)).collect();
    let attempts: Vec<Option<i32>> = reservations
        .iter()
        .map(|one| one.call.job.map(|job| job.attempt))
        .collect();
    let input_tokens: Vec<i64> = reservations.iter().map(|one| stored(one.input_tokens)).collect();
    let output_tokens: Vec<i64> = reservations.iter().map(|one| stored(one.output_tokens)).collect();
    let costs: Vec<i64> = reservations.iter().map(|one| stored(one.cost_micros)).collect();
    let holds: Vec<f64> = reservations.iter().map(|one| one.hold.as_secs_f64()).collect();
    let Columns {
        at,
        counted_by,
        counted_ends,
        budgets,
        buckets,
    } = columns;
    let answer: Answer = sqlx::query_as(sql(include_str!("sql/reserve_calls.sql")))
        .bind(jobs)
        .bind(attempts)
        .bind(texts(reservations, |call| &call.run))
        .bind(texts(reservations, |call| &call.actor))
        .bind(texts(reservations, |call| &call.narrative))
        .bind(texts(reservations, |call| &call.act))
        .bind(texts(reservations, |call| &call.step))
        .bind(texts(reservations, |call| &call.provider))
        .bind(texts(reservations, |call| &call.key_name))
        .bind(texts(reservations, |call| &call.model))
        .bind(texts(reservations, |call| &call.prompt_hash))
        .bind(input_tokens)
        .bind(output_tokens)
        .bind(costs)
        .bind(holds)
        .bind(counted_by)
        .bind(counted_ends)
        .bind(budgets.scopes)
        .bind(budgets.keys)
        .bind(budgets.steps)
        .bind(budgets.periods)
        .bind(budgets.zones)
        .bind(budgets.tokens)
        .bind(budgets.calls)
        .bind(budgets.cost_micros)
        .bind(buckets.providers)
        .bind(buckets.key_names)
        .bind(buckets.models)
        .bind(buckets.narratives)
        .bind(buckets.requests_per_minute)
        .bind(buckets.tokens_per_minute)
        .bind(buckets.requests_per_day)
        .bind(buckets.day_zones)
        .bind(buckets.concurrency)
        .bind(at)
        .fetch_one(pool)
        .await
        .map_err(LedgerError::while_doing(ACTION))?;
    Ok(read(answer, reservations))
}

fn read(answer: Answer, reservations: &[Reservation]) -> Vec<Result<Reserved, LedgerError>> {
    let mut alerts: Vec<ToldAlert> = answer.alerts.into_iter().map(|Json(alert)| alert).collect();
    let mut parts = answer
        .outcomes
        .into_iter()
        .zip(answer.calls)
        .zip(answer.untils)
        .zip(answer.details);
    reservations
        .iter()
        .map(|reservation| {
            let (((outcome, call), until), detail) = parts.next().ok_or_else(unread)?;
            match (outcome.as_str(), call, until, detail) {
                ("granted", Some(call), Some(expires_at), _) => {
                    let call = CallId(call);
                    let of_call = alerts.extract_if(.., |alert| alert.call() == call);
                    Ok(Reserved::Granted(Granted {
                        call,
                        expires_at,
                        alerts: of_call.map(Alert::from).collect(),
                    }))
                }
                ("wait", None, Some(until), Some(Json(Detail::Wait(wait)))) => Ok(Reserved::Wait(wait.until(
                    until,
                    answer.moment,
                    &reservation.call.provider,
                ))),
                ("refused", None, opens_at, Some(Json(Detail::Refusal(refusal)))) => {
                    Ok(Reserved::Refused(refusal.until(opens_at, answer.moment)))
                }
                _ => Err(unread()),
            }
        })
        .collect()
}

/// The schema is newer than this program and answers something else.
fn unread() -> LedgerError {
    let unknown = "what `reserve_calls` answers is not known to this program; update it".to_owned();
    LedgerError::while_doing(ACTION)(sqlx::Error::Protocol(unknown))
}
