//! Many rows into a table of PostgreSQL: one statement with one parameter for each column, a list of texts that the server
//! reads as the column's type. So the statement is the same for any number of rows.

use kailash_core::Value;
use sqlx::{
    Arguments, AssertSqlSafe, Either, Executor, Postgres, SqlSafeStr, Statement as _, Type,
    postgres::{PgArguments, PgTypeInfo},
};

use super::{Link, bind, error::failure};
use crate::sql::{
    error::Attempt,
    statement::{dollar, write},
    upsert::{Group, Table},
};

/// The number by which PostgreSQL knows the type TEXT.
const TEXT_OID: u32 = 25;

impl Link {
    /// Writes the rows of `group` and says how many of them changed something.
    pub(in crate::sql) async fn insert(&mut self, table: &Table, group: Group) -> Attempt<u64> {
        let mut written = self.write(table, group).await;
        if let Err(failure) = &mut written {
            self.forget(failure).await;
        }
        written
    }

    async fn write(&mut self, table: &Table, group: Group) -> Attempt<u64> {
        let failed = |error: sqlx::Error| failure(&error, None);
        let mut values = String::from("VALUES (");
        for column in 0..group.columns.len() {
            values.push_str(if column == 0 { "" } else { ", " });
            dollar(column, &mut values);
        }
        values.push(')');
        // Only asks for the types of the columns.
        let probe = AssertSqlSafe(table.insert(&group.columns, &values)?).into_sql_str();
        let prepared = self.connection.prepare(probe).await.map_err(failed)?;
        let types = match prepared.parameters() {
            Some(Either::Left(types)) => types,
            _ => &[],
        };
        let sql = table.insert(&group.columns, &source(types))?;
        let mut arguments = PgArguments::default();
        for (column, type_info) in types.iter().enumerate() {
            let bytes = texts(type_info, group.rows.iter().filter_map(|row| row.get(column)))?;
            let raw = bind::Raw { type_info: <[String] as Type<Postgres>>::type_info(), bytes: Some(bytes) };
            arguments
                .add(raw)
                .map_err(|error| kailash_core::Error::invalid("sql.rows", error.to_string()))?;
        }
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        query.execute(&mut *self.connection).await.map(|done| done.rows_affected()).map_err(failed)
    }
}

/// The rows of the statement: `SELECT CAST(r.c1 AS INT4), .. FROM unnest($1::text[], ..) AS r(c1, ..)`.
fn source(types: &[PgTypeInfo]) -> String {
    let (mut casts, mut lists, mut names) = (String::new(), String::new(), String::new());
    for (index, type_info) in types.iter().enumerate() {
        let (comma, number) = (if index == 0 { "" } else { ", " }, index + 1);
        write(&mut casts, format_args!("{comma}CAST(r.c{number} AS {})", bind::type_name(type_info)));
        write(&mut lists, format_args!("{comma}${number}::text[]"));
        write(&mut names, format_args!("{comma}c{number}"));
    }
    format!("SELECT {casts} FROM unnest({lists}) AS r({names})")
}

/// A list of texts in the binary form of the protocol: dimensions, nulls, type, length, lower bound, items.
fn texts<'a>(
    type_info: &PgTypeInfo,
    values: impl Iterator<Item = &'a Value>,
) -> kailash_core::Result<Vec<u8>> {
    let (mut count, mut has_nulls, mut items) = (0_i32, 0_i32, Vec::new());
    for value in values {
        count += 1;
        if value.is_null() {
            has_nulls = 1;
            items.extend((-1_i32).to_be_bytes());
            continue;
        }
        let text = bind::text(type_info, value)?;
        let too_long = |_| kailash_core::Error::invalid("sql.rows", "a value is longer than 2 GiB");
        items.extend(i32::try_from(text.len()).map_err(too_long)?.to_be_bytes());
        items.extend(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(20 + items.len());
    bytes.extend(1_i32.to_be_bytes());
    bytes.extend(has_nulls.to_be_bytes());
    bytes.extend(TEXT_OID.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(1_i32.to_be_bytes());
    bytes.extend(items);
    Ok(bytes)
}
