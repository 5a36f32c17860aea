//! What has become of a call.

use botticelli_database::sql;
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::{CallId, CallState, LedgerError, Usage, usage::stored};

/// What a call that failed has to be charged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// The provider takes nothing for it.
    Nothing,
    /// What it has used and cost all the same.
    Used {
        /// What it has used.
        usage: Usage,
        /// What that cost, in millionths of a dollar.
        cost_micros: u64,
    },
    /// Nobody knows, as after a timeout: it counts with what it had reserved.
    Unknown,
}

/// Ends a call that was answered, with what it has really used, which may be more than it had reserved. In the transaction that makes
/// use of the answer: the call is paid for once, and settled if and only if its answer is kept.
///
/// Gives the state in which it was. A [lost](CallState::Lost) one is put right; of one that [cannot end](CallState::can_end) any more
/// nothing is changed. Budgets and limits hear of it by the next reservation, so this waits for nobody but another who ends the same call.
///
/// # Errors
///
/// [`LedgerError::Unknown`] when there is no such call, [`LedgerError::Database`] otherwise.
pub async fn settle(
    connection: &mut PgConnection,
    call: CallId,
    usage: &Usage,
    cost_micros: u64,
    request_id: Option<&str>,
) -> Result<CallState, LedgerError> {
    let charge = Charge::Used {
        usage: *usage,
        cost_micros,
    };
    end(connection, call, CallState::Settled, charge, None, request_id).await
}

/// What becomes of a call that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The call.
    pub call: CallId,
    /// What it has really used.
    pub usage: Usage,
    /// What that cost, in millionths of a dollar.
    pub cost_micros: u64,
    /// The provider's name for it.
    pub request_id: Option<String>,
}

/// Ends calls that were answered, by one statement. Gives those that are not on record. As for the rest this is like [`settle`].
///
/// # Errors
///
/// [`LedgerError::Database`].
pub async fn settle_all(
    connection: &mut PgConnection,
    settlements: &[&Settlement],
) -> Result<Vec<CallId>, LedgerError> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    // In one order, so that two that end the same calls wait for one another and not each for the other.
    let mut ordered = settlements.to_vec();
    ordered.sort_by_key(|settlement| settlement.call);
    let calls: Vec<CallId> = ordered.iter().map(|settlement| settlement.call).collect();
    let amounts = |amount: fn(&Usage) -> u64| -> Vec<i64> {
        ordered
            .iter()
            .map(|settlement| stored(amount(&settlement.usage)))
            .collect()
    };
    let are_estimated: Vec<bool> = ordered.iter().map(|settlement| settlement.usage.is_estimated).collect();
    let costs: Vec<i64> = ordered
        .iter()
        .map(|settlement| stored(settlement.cost_micros))
        .collect();
    let request_ids = ordered
        .iter()
        .map(|settlement| settlement.request_id.as_deref().map(short));
    sqlx::query_scalar(sql(include_str!("sql/settle_calls.sql")))
        .bind(calls)
        .bind(amounts(|usage| usage.input_tokens))
        .bind(amounts(|usage| usage.output_tokens))
        .bind(amounts(|usage| usage.cached_input_tokens))
        .bind(amounts(|usage| usage.cache_write_tokens))
        .bind(amounts(|usage| usage.reasoning_tokens))
        .bind(are_estimated)
        .bind(costs)
        .bind(request_ids.collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(LedgerError::while_doing("end calls"))
}

/// Ends a call that got no answer that counts, by a transaction of its own. `class` says what went wrong, in one word. As for the rest
/// this is like [`settle`].
///
/// # Errors
///
/// As [`settle`].
pub async fn fail(
    pool: &PgPool,
    call: CallId,
    class: &str,
    charge: Charge,
    request_id: Option<&str>,
) -> Result<CallState, LedgerError> {
    end(pool, call, CallState::Failed, charge, Some(class), request_id).await
}

/// Gives back what was reserved for a call that was never sent, by a transaction of its own. As for the rest this is like [`settle`].
///
/// # Errors
///
/// As [`settle`].
pub async fn release(pool: &PgPool, call: CallId) -> Result<CallState, LedgerError> {
    end(pool, call, CallState::Released, Charge::Nothing, None, None).await
}

async fn end(
    executor: impl PgExecutor<'_>,
    call: CallId,
    state: CallState,
    charge: Charge,
    class: Option<&str>,
    request_id: Option<&str>,
) -> Result<CallState, LedgerError> {
    let (usage, cost_micros) = match charge {
        Charge::Nothing => (Some(Usage::default()), Some(0)),
        Charge::Used { usage, cost_micros } => (Some(usage), Some(stored(cost_micros))),
        Charge::Unknown => (None, None),
    };
    let amount = |amount: fn(&Usage) -> u64| usage.as_ref().map(|usage| stored(amount(usage)));
    let before: Option<String> = sqlx::query_scalar(sql(
        "select botticelli.end_call($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, null)",
    ))
    .bind(call)
    .bind(state.as_str())
    .bind(amount(|usage| usage.input_tokens))
    .bind(amount(|usage| usage.output_tokens))
    .bind(amount(|usage| usage.cached_input_tokens))
    .bind(amount(|usage| usage.cache_write_tokens))
    .bind(amount(|usage| usage.reasoning_tokens))
    .bind(usage.is_none_or(|usage| usage.is_estimated))
    .bind(cost_micros)
    .bind(class.map(short))
    .bind(request_id.map(short))
    .fetch_one(executor)
    .await
    .map_err(LedgerError::while_doing("end a call"))?;
    before
        .as_deref()
        .and_then(CallState::stored_as)
        .ok_or(LedgerError::Unknown(call))
}

/// A text of a provider's, as much of it as is kept.
fn short(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(200).collect()
}
