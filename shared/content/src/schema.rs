//! The schema of the narratives' tables, and the locks under which something is made in it.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::{
    StoreError,
    table_name::{TableName, content_schema},
};

#[derive(FromRow)]
struct Standing {
    exists: bool,
    is_of_a_fleet: bool,
    /// Whether this role may make it.
    may_make: bool,
    database: String,
    role: String,
    schema: String,
}

/// Makes the schema unless it is there.
pub(crate) async fn ensure_schema(connection: &mut PgConnection, table: &str) -> Result<(), StoreError> {
    let failed = StoreError::while_doing("made", table);
    let name = content_schema();
    let mut standing = look(connection, &name).await.map_err(failed)?;
    if !standing.exists {
        lock(connection, &name).await.map_err(failed)?;
        standing = look(connection, &name).await.map_err(failed)?;
    }
    if standing.is_of_a_fleet {
        return Err(StoreError::OtherFleet(name));
    }
    if standing.exists {
        return Ok(());
    }
    let Standing {
        database, role, schema, ..
    } = standing;
    if !standing.may_make {
        return Err(StoreError::NoPrivilege {
            action: format!("to make schema `{name}`, where the tables of narratives are,"),
            grant: format!(
                "grant create on database {database} to {role}` or `create schema {schema} authorization {role}"
            ),
        });
    }
    execute(connection, format!("create schema if not exists {schema}"))
        .await
        .map_err(failed)
}

async fn look(connection: &mut PgConnection, name: &str) -> Result<Standing, sqlx::Error> {
    sqlx::query_as(
        "select space.oid is not null as exists,
                exists (
                  select from pg_catalog.pg_class as migrations
                  where migrations.relnamespace = space.oid and migrations.relname = '_sqlx_migrations'
                ) as is_of_a_fleet,
                has_database_privilege(current_database(), 'create') as may_make,
                quote_ident(current_database()) as database,
                quote_ident(current_user) as role,
                quote_ident(asked.name) as schema
         from (select $1::text as name) as asked
         left join pg_catalog.pg_namespace as space on space.nspname = asked.name",
    )
    .persistent(false)
    .bind(name)
    .fetch_one(connection)
    .await
}

/// Whether this role may make tables in the schema; otherwise the statement that lets it.
pub(crate) async fn grant_to_make(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let (may_make, schema, role): (bool, String, String) = sqlx::query_as(
        "select has_schema_privilege($1, 'create') and has_schema_privilege($1, 'usage'), quote_ident($1),
                quote_ident(current_user)",
    )
    .persistent(false)
    .bind(content_schema())
    .fetch_one(connection)
    .await?;
    Ok((!may_make).then(|| format!("grant usage, create on schema {schema} to {role}")))
}

/// What the owner of a table says so that this role may put rows into it.
pub(crate) async fn grant_to_insert(connection: &mut PgConnection, table: &TableName) -> Result<String, sqlx::Error> {
    let role: String = sqlx::query_scalar("select quote_ident(current_user)")
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok(format!("grant select, insert on {table} to {role}"))
}

/// Waits until nobody else makes or changes what is called `name`, and keeps others waiting until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('botticelli content ' || $1, 0))")
        .persistent(false)
        .bind(name)
        .execute(connection)
        .await
        .map(drop)
}

/// Runs a statement that is made of quoted names and types of the catalogue.
pub(crate) async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map(drop)
}
