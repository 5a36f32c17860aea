//! Statements that need nothing of a session, so that they run through any connection pooler.

use futures_util::{
    StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Describe, Either, Execute, Executor, PgPool, PgTransaction, Postgres, SqlStr,
    error::BoxDynError,
    postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use crate::transaction::begin_in_task;

/// The limits of a session, for one transaction: it ends with them, whoever has the connection next.
const BEGIN: &str = "begin; set local statement_timeout = '30s'; set local idle_in_transaction_session_timeout = '10s'; set local jit = off";

/// Begins a transaction with the limits that [`connect`](crate::connect()) gives to a session: 30 s for any one statement.
/// What runs in it goes through a pooler in transaction mode as long as its statements have no name.
///
/// # Errors
///
/// What the driver says when there is no connection or the server does not begin.
pub async fn begin(pool: &PgPool) -> Result<PgTransaction<'static>, sqlx::Error> {
    begin_in_task(pool, Some(BEGIN)).await
}

/// An executor on `pool` for statements of people and of the API: each is a transaction of its own that is committed before
/// the answer is given, and has no name.
///
/// A pooler in transaction mode may hand every transaction to another server process. The driver prepares a statement and
/// runs it in two steps; apart from each other the second may miss the first, or find what another client left under the
/// same name. The price is three round trips instead of one, so what runs for each job goes to the pool itself.
pub fn sessionless(pool: &PgPool) -> Sessionless<'_> {
    Sessionless(pool)
}

/// What [`sessionless`] gives.
#[derive(Debug, Clone, Copy)]
pub struct Sessionless<'p>(&'p PgPool);

impl Sessionless<'_> {
    async fn answer<'q, E: 'q + Execute<'q, Postgres>>(
        self,
        query: E,
    ) -> Result<Vec<Either<PgQueryResult, PgRow>>, sqlx::Error> {
        let mut transaction = begin(self.0).await?;
        let answer = transaction.fetch_many(Nameless(query)).try_collect().await?;
        transaction.commit().await?;
        Ok(answer)
    }
}

impl<'p> Executor<'p> for Sessionless<'p> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let answer = async move { Ok::<_, sqlx::Error>(stream::iter(self.answer(query).await?.into_iter().map(Ok))) };
        stream::once(answer).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move { Ok(self.answer(query).await?.into_iter().find_map(Either::right)) })
    }

    fn prepare_with<'e>(
        self,
        _sql: SqlStr,
        _parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async { Err(needs_a_session()) })
    }

    fn describe<'e>(self, _sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async { Err(needs_a_session()) })
    }
}

fn needs_a_session() -> sqlx::Error {
    sqlx::Error::Protocol("a statement that is kept needs a session; run it on the pool".to_owned())
}

/// A statement without the name that the driver would give it.
struct Nameless<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Nameless<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.0.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}
