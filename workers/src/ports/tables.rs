//! The tables that narratives read.

use botticelli_content::{
    Batch, Origin, Puller, ReadError, ReadableTables, StoreError, pull_rows, read_rows, try_rows,
};
use botticelli_narrative::{PortError, PortFuture, Row, TableQuery, TableReader, Target};
use botticelli_queue::Lease;
use serde_json::Value;
use sqlx::PgPool;

use super::held;
use crate::{
    handlers::{content_target, is_of_answer, is_of_posts, rows_of},
    outcome::chain,
    shop::Shop,
};

/// The tables of narratives and of posts, with one of them narrowed to the row in hand.
#[derive(Default)]
pub struct PostTables<'a> {
    /// Where they are kept; `None` when only the row in hand may be read.
    pub pool: Option<&'a PgPool>,
    /// The tables that may be read besides.
    pub readable: ReadableTables,
    /// The job that takes rows where a narrative pulls them; `None` when they are only to be looked at.
    pub puller: Option<Lease>,
    /// The table that holds the row in hand, and the row.
    pub in_hand: Option<(&'static str, &'a serde_json::Value)>,
}

impl<'a> PostTables<'a> {
    /// All that a job may read, and take.
    pub(crate) fn of_job(shop: &'a Shop, job: Lease) -> Self {
        Self {
            pool: Some(&shop.pool),
            puller: Some(job),
            readable: shop.readable.clone(),
            in_hand: None,
        }
    }
}

impl TableReader for PostTables<'_> {
    /// What a run outside of a job says is stored nowhere.
    fn refusal<'a>(&'a self, target: &'a Target, output: Option<&'a Value>) -> PortFuture<'a, Option<String>> {
        Box::pin(async move {
            match (self.pool, self.puller) {
                (Some(pool), Some(job)) if !is_of_posts(target) => {
                    let told = refusal(pool, job, &self.readable, target, output).await;
                    told.map_err(PortError::new)
                }
                _ => Ok(None),
            }
        })
    }

    fn read<'a>(&'a self, query: &'a TableQuery, key: &'a str) -> PortFuture<'a, Option<Vec<Row>>> {
        Box::pin(async move {
            if let Some((table, row)) = self.in_hand
                && table == query.table
            {
                return narrow(query, row).map(|row| Some(vec![row]));
            }
            let Some(pool) = self.pool else {
                let table = query.table.clone();
                return Err(PortError::new(match self.in_hand {
                    Some(_) => NotReadable::NotInHand(table),
                    None => NotReadable::NoDatabase(table),
                }));
            };
            let rows = match self.puller {
                Some(lease) if query.pull => pull(pool, lease, query, key).await?,
                _ => read_rows(pool, query, &self.readable).await,
            };
            match rows {
                Ok(rows) => Ok(Some(rows)),
                // What a narrative stores into comes about with its first rows; a table of others is there or misspelt.
                Err(error @ ReadError::NoSuchTable { .. }) if !query.table.contains('.') => {
                    tracing::warn!(error = %error, "Table {} is read and not there", query.table);
                    Ok(None)
                }
                Err(error) => Err(PortError::new(error)),
            }
        })
    }
}

/// Why an output of a job cannot be rows of `target` as it is now.
async fn refusal(
    pool: &PgPool,
    job: Lease,
    readable: &ReadableTables,
    target: &Target,
    output: Option<&Value>,
) -> Result<Option<String>, StoreError> {
    let Some(rows) = rows_of(output.cloned()) else {
        let table = &target.table;
        return Ok(Some(format!(
            "it becomes rows of table `{table}`, so it must be a JSON object, or a list of them"
        )));
    };
    let batch = Batch {
        // The table is there, so what shape it would be made in does not count.
        target: content_target(target, None, readable),
        rows: &rows,
        origin: Origin {
            run_id: job.job.0,
            narrative: "",
            act: "",
            iteration: 1,
            model: None,
            prompt_hash: None,
        },
    };
    let refused = try_rows(pool, &batch).await?;
    Ok(refused.filter(is_of_answer).map(|error| chain(&error)))
}

/// Takes rows for a job. A worker that lost the job takes none: nobody would work on them.
async fn pull(
    pool: &PgPool,
    lease: Lease,
    query: &TableQuery,
    key: &str,
) -> Result<Result<Vec<Row>, ReadError>, PortError> {
    let mut transaction = held(pool, lease).await?;
    let puller = Puller {
        job: lease.job.0,
        step: key,
    };
    let rows = pull_rows(&mut transaction, query, puller).await;
    if rows.is_ok() {
        transaction.commit().await.map_err(PortError::new)?;
    }
    Ok(rows)
}

/// There is no table to be read here but that of the row in hand, if there is one.
#[derive(Debug, thiserror::Error)]
enum NotReadable {
    #[error(
        "table `{0}` cannot be read here: a posting narrative reads `approved_posts`, which is the post being published"
    )]
    NotInHand(String),
    #[error(
        "there is no database to read table `{0}` from: set DATABASE_URL to one that can be reached and has been migrated, or start `botticelli up`"
    )]
    NoDatabase(String),
}

/// The row in hand has no such column.
#[derive(Debug, thiserror::Error)]
#[error("table `{table}` has no column `{column}`; its columns are {columns}")]
struct NoColumn {
    table: String,
    column: String,
    columns: String,
}

/// The columns of the row in hand that the query asks for, in its order. Its conditions, order and limit were answered by
/// taking the row in hand.
fn narrow(query: &TableQuery, row: &serde_json::Value) -> Result<Row, PortError> {
    let Some(row) = row.as_object() else {
        return Ok(Row::new());
    };
    if query.columns.is_empty() {
        return Ok(row.clone());
    }
    query
        .columns
        .iter()
        .map(|column| match row.get(column) {
            Some(value) => Ok((column.clone(), value.clone())),
            None => Err(PortError::new(NoColumn {
                table: query.table.clone(),
                column: column.clone(),
                columns: row
                    .keys()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            })),
        })
        .collect()
}
