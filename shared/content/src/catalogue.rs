//! What the database says about a table: nothing is read or written that is not found here first.

use sqlx::{FromRow, PgConnection};

use crate::{identifier::Identifier, table_name::TableName};

/// A table or view, and its columns in their order.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are answers of the catalogue, independent of each other"
)]
pub(crate) struct Table {
    pub(crate) name: TableName,
    /// Whether rows are kept in it: it is no view.
    pub(crate) keeps_rows: bool,
    /// Whether this role may read it.
    pub(crate) is_readable: bool,
    /// Whether it was made here, and may be given columns.
    pub(crate) is_ours: bool,
    /// Whether a column `id` tells its rows apart.
    pub(crate) has_key: bool,
    /// Whether its schema is that of a fleet.
    pub(crate) is_of_a_fleet: bool,
    pub(crate) columns: Vec<Column>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Its type, as it is written in a statement.
    pub(crate) declared: String,
    /// The type that values are compared in: that of a domain is what it is based on.
    pub(crate) compared: String,
    /// Whether every row has a value.
    pub(crate) not_null: bool,
    /// Whether a row that says nothing gets a value.
    pub(crate) has_default: bool,
    /// Whether its values are the database's own business.
    pub(crate) is_generated: bool,
}

/// What the comment on a table begins with that was made here. An owner who writes another takes the table over.
pub(crate) const MARK: &str = "Made by Botticelli";

#[derive(FromRow)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are answers of the catalogue, independent of each other"
)]
struct CatalogueRow {
    keeps_rows: bool,
    is_readable: bool,
    is_ours: bool,
    has_key: bool,
    is_of_a_fleet: bool,
    name: Option<String>,
    declared: Option<String>,
    compared: Option<String>,
    not_null: Option<bool>,
    has_default: Option<bool>,
    is_generated: Option<bool>,
}

impl Table {
    /// The table of this name; `None` when there is none.
    pub(crate) async fn find(connection: &mut PgConnection, name: &TableName) -> Result<Option<Self>, sqlx::Error> {
        let rows: Vec<CatalogueRow> = sqlx::query_as(
            "select relation.relkind in ('r', 'p') as keeps_rows,
                    has_schema_privilege(space.oid, 'usage') and has_any_column_privilege(relation.oid, 'select')
                      as is_readable,
                    coalesce(starts_with(obj_description(relation.oid, 'pg_class'), $3), false) as is_ours,
                    exists (
                      select from pg_catalog.pg_index as index
                      join pg_catalog.pg_attribute as key
                        on key.attrelid = index.indrelid and key.attnum = index.indkey[0]
                      where index.indrelid = relation.oid and index.indisunique and index.indnkeyatts = 1
                        and index.indpred is null and key.attname = 'id'
                    ) as has_key,
                    exists (
                      select from pg_catalog.pg_class as migrations
                      where migrations.relnamespace = space.oid and migrations.relname = '_sqlx_migrations'
                    ) as is_of_a_fleet,
                    field.attname::text as name,
                    format_type(field.atttypid, field.atttypmod) as declared,
                    format_type(coalesce(nullif(kind.typbasetype, 0), kind.oid), -1) as compared,
                    field.attnotnull as not_null,
                    field.atthasdef as has_default,
                    field.attgenerated <> '' or field.attidentity <> '' as is_generated
             from pg_catalog.pg_class as relation
             join pg_catalog.pg_namespace as space on space.oid = relation.relnamespace
             left join pg_catalog.pg_attribute as field
               on field.attrelid = relation.oid and field.attnum > 0 and not field.attisdropped
             left join pg_catalog.pg_type as kind on kind.oid = field.atttypid
             where space.nspname = $1 and relation.relname = $2 and relation.relkind in ('r', 'p', 'v', 'm', 'f')
             order by field.attnum",
        )
        .persistent(false)
        .bind(name.schema())
        .bind(name.table())
        .bind(MARK)
        .fetch_all(connection)
        .await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut table = Self {
            name: name.clone(),
            keeps_rows: first.keeps_rows,
            is_readable: first.is_readable,
            is_ours: first.is_ours,
            has_key: first.has_key,
            is_of_a_fleet: first.is_of_a_fleet,
            columns: Vec::new(),
        };
        table.columns = rows.into_iter().filter_map(CatalogueRow::column).collect();
        Ok(Some(table))
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn column_names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// Whether it notes who took its rows.
    pub(crate) fn notes_pulls(&self) -> bool {
        self.column("pulled_at").is_some()
    }
}

impl CatalogueRow {
    fn column(self) -> Option<Column> {
        Some(Column {
            name: self.name?,
            declared: self.declared?,
            compared: self.compared?,
            not_null: self.not_null?,
            has_default: self.has_default?,
            is_generated: self.is_generated?,
        })
    }
}

impl Column {
    /// Its name for a statement. The catalogue has no name that is none.
    pub(crate) fn quoted(&self) -> String {
        Identifier::of(&self.name).map_or_else(String::new, |name| name.to_string())
    }
}
