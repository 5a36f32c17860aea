//! Which table a narrative means, and whether it may read it.

use botticelli_database::served_schema;
use sqlx::PgConnection;

use crate::{
    ReadError, ReadableTables,
    catalogue::{Column, Table},
    identifier::list,
    table_name::{FLEET_TABLES, TableName, content_schema},
};

/// A table that may be read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) table: Table,
    pub(crate) home: Home,
}

/// Whose a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// The narratives'.
    Content,
    /// The fleet's: its posts.
    Fleet,
    /// Somebody else's, who lets narratives read it.
    Elsewhere,
}

/// Finds the table that narratives call `name`.
pub(crate) async fn find(
    connection: &mut PgConnection,
    name: &str,
    readable: &ReadableTables,
) -> Result<Found, ReadError> {
    let (place, home) = if FLEET_TABLES.contains(&name) {
        (TableName::of_fleet(name), Home::Fleet)
    } else if let Some(place) = readable.get(name) {
        (Some(place.clone()), Home::Elsewhere)
    } else {
        (TableName::of_content(name), Home::Content)
    };
    let Some(place) = place else {
        return Err(ReadError::NotAllowed {
            table: name.to_owned(),
            tables: tables(connection, name, readable).await?,
        });
    };
    let found = Table::find(connection, &place)
        .await
        .map_err(ReadError::reading(name))?;
    let is_anothers = |table: &Table| home == Home::Content && table.is_of_a_fleet;
    match found {
        Some(table) if !table.is_readable => Err(ReadError::NoPrivilege {
            table: name.to_owned(),
            grant: grant(connection, &place).await.map_err(ReadError::reading(name))?,
        }),
        Some(table) if !is_anothers(&table) => Ok(Found { table, home }),
        _ => Err(ReadError::NoSuchTable {
            table: name.to_owned(),
            tables: tables(connection, name, readable).await?,
        }),
    }
}

/// What the owner of a table says so that this role may read it.
async fn grant(connection: &mut PgConnection, place: &TableName) -> Result<String, sqlx::Error> {
    let (schema, role): (String, String) = sqlx::query_as("select quote_ident($1), quote_ident(current_user)")
        .persistent(false)
        .bind(place.schema())
        .fetch_one(connection)
        .await?;
    Ok(format!(
        "grant usage on schema {schema} to {role}; grant select on {place} to {role}"
    ))
}

/// The tables that can be read, for a message about one that cannot.
async fn tables(connection: &mut PgConnection, name: &str, readable: &ReadableTables) -> Result<String, ReadError> {
    let (schemas, names): (Vec<&str>, Vec<&str>) = FLEET_TABLES
        .into_iter()
        .map(|table| (served_schema().as_str(), table))
        .chain(readable.iter().map(|other| (other.schema(), other.table())))
        .unzip();
    // Those of the fleet come first, and then whatever else there is by its name.
    let tables: Vec<String> = sqlx::query_scalar(
        "select case when space.nspname in ($1, $2) then relation.relname::text
                     else space.nspname || '.' || relation.relname end
         from pg_catalog.pg_class as relation
         join pg_catalog.pg_namespace as space on space.oid = relation.relnamespace
         left join unnest($3::text[], $4::text[]) with ordinality as other (schema, name, place)
           on other.schema = space.nspname and other.name = relation.relname
         where relation.relkind in ('r', 'p', 'v', 'm', 'f')
           and (
             other.place is not null
             or space.nspname = $1 and not exists (
               select from pg_catalog.pg_class as migrations
               where migrations.relnamespace = space.oid and migrations.relname = '_sqlx_migrations'
             )
           )
         order by other.place, 1 limit 1000",
    )
    .persistent(false)
    .bind(content_schema())
    .bind(served_schema().as_str())
    .bind(schemas)
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(ReadError::reading(name))?;
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    Ok(list(name, &tables))
}

impl Found {
    /// A column of the table.
    pub(crate) fn column(&self, name: &str) -> Result<&Column, ReadError> {
        self.table.column(name).ok_or_else(|| ReadError::NoSuchColumn {
            table: self.called(),
            column: name.to_owned(),
            columns: list(name, &self.table.column_names()),
        })
    }

    /// What narratives call the table.
    pub(crate) fn called(&self) -> String {
        match self.home {
            Home::Content | Home::Fleet => self.table.name.table().to_owned(),
            Home::Elsewhere => format!("{}.{}", self.table.name.schema(), self.table.name.table()),
        }
    }
}
