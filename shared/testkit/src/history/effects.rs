//! Effects that a worker has on the database itself, where they can be fenced.

use sqlx::{PgConnection, PgPool};

/// Numbers come from the sequence that claims get their ids from, so the database itself says what came first: an effect
/// whose number is beyond a later claim of its job was had after that claim.
const TABLE: &str = "create table effects (
  number bigint not null default nextval(pg_get_serial_sequence('botticelli.claims', 'id')),
  claim bigint not null,
  job bigint not null,
  attempt integer not null,
  worker uuid not null,
  is_final boolean not null,
  made_at timestamptz not null default clock_timestamp()
)";

/// An effect on the database.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct FencedEffect {
    /// Its place in the order of effects and claims.
    pub number: i64,
    /// The claim under which it was had.
    pub claim: i64,
    /// The job.
    pub job: i64,
    /// Which attempt of it.
    pub attempt: i32,
    /// The id of the worker's lease.
    pub worker: String,
    /// Whether the transaction was to complete the job as well.
    pub is_final: bool,
    /// When, in microseconds since 1970 by the clock of the server.
    pub made_at: i64,
}

/// Makes the table for [`note_effects`] in an empty database.
///
/// # Errors
///
/// When the database refuses it.
pub async fn make_effects(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(TABLE).execute(pool).await.map(drop)
}

/// Has an effect for each attempt, a job and its number, of one claim; to be called in a transaction that holds the claim.
/// An attempt that has had it already, in a transaction whose answer was lost, does not get a second one.
///
/// # Errors
///
/// When the database refuses it or does not answer.
pub async fn note_effects(
    connection: &mut PgConnection,
    claim: i64,
    worker: &str,
    attempts: &[(i64, i32)],
    is_final: bool,
) -> Result<(), sqlx::Error> {
    let (jobs, attempts): (Vec<i64>, Vec<i32>) = attempts.iter().copied().unzip();
    sqlx::query(
        "insert into effects (claim, job, attempt, worker, is_final)
         select $1, job, attempt, $2::uuid, $5
         from unnest($3::bigint[], $4::integer[]) as had (job, attempt)
         where not exists (
           select from effects where effects.claim = $1 and effects.job = had.job and effects.attempt = had.attempt
         )",
    )
    .bind(claim)
    .bind(worker)
    .bind(jobs)
    .bind(attempts)
    .bind(is_final)
    .execute(connection)
    .await
    .map(drop)
}

/// All effects, in their order; `None` when the database has no table for them.
pub(super) async fn read_effects(connection: &mut PgConnection) -> Result<Option<Vec<FencedEffect>>, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar("select to_regclass('effects') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_as(
        "select
           number, claim, job, attempt, worker::text, is_final, (extract(epoch from made_at) * 1000000)::bigint as made_at
         from effects order by number",
    )
    .fetch_all(connection)
    .await
    .map(Some)
}
