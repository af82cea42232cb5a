//! Rows for a table: put into groups that one statement can write, and the text of that statement.
//!
//! ```text
//! rows ─> group: same columns, no key twice, not more than a statement may have parameters
//! ```

use std::collections::HashSet;

use kailash_core::{Error, Map, Result, Text, Value};

use super::{OnConflict, statement::write, tokens::Dialect};

/// How many bytes a name may have in PostgreSQL, which would cut a longer one.
const MAX_NAME: usize = 63;

/// A table and what to do with rows that are there already.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The name, quoted.
    name: String,
    keys: Vec<String>,
    update: Option<Vec<String>>,
    on_conflict: OnConflict,
}

/// Rows of the same columns.
pub(super) struct Group {
    /// The columns.
    pub(super) columns: Vec<Text>,
    /// The values by row and column.
    pub(super) rows: Vec<Vec<Value>>,
}

impl Table {
    /// The table `name`, perhaps with a schema before it.
    ///
    /// # Errors
    /// Kind `Invalid`, code `sql.name` or `sql.keys`.
    pub(super) fn new(
        name: &str,
        keys: Vec<String>,
        update: Option<Vec<String>>,
        on_conflict: OnConflict,
    ) -> Result<Self> {
        let parts: Vec<String> =
            name.split('.').map(quote).collect::<Result<_>>().map_err(|e| e.at("table"))?;
        if parts.len() > 2 {
            return Err(Error::invalid("sql.name", "a table is named `table` or `schema.table`").at("table"));
        }
        for (field, names) in [("key_columns", &keys), ("update_columns", update.as_ref().unwrap_or(&keys))] {
            names.iter().try_for_each(|name| quote(name).map(drop)).map_err(|error| error.at(field))?;
        }
        if keys.is_empty() && on_conflict == OnConflict::Update {
            return Err(Error::invalid("sql.keys", "without key columns nobody knows which row to update")
                .at("key_columns")
                .with_hint("name the columns of the primary key or of a unique index"));
        }
        Ok(Self { name: parts.join("."), keys, update, on_conflict })
    }

    /// Puts `rows`, counted from `first`, into groups of at most so many values.
    ///
    /// # Errors
    /// Kind `Invalid`, code `sql.rows`, at the row.
    pub(super) fn groups(&self, rows: &[Value], first: u64, dialect: Dialect) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = Vec::new();
        let mut seen = HashSet::new();
        for (number, row) in (first..).zip(rows) {
            let wrong = |message: String| Error::invalid("sql.rows", message).at(format!("row {number}"));
            let row = row.as_map().ok_or_else(|| wrong(format!("a row is a map, not {}", row.kind())))?;
            let key = self.key(row, dialect).map_err(|error| {
                let told = wrong(error.message().to_owned());
                match error.hint() {
                    Some(hint) => told.with_hint(hint),
                    None => told,
                }
            })?;
            let fits = |group: &Group| {
                let same = group.columns.len() == row.len()
                    && group.columns.iter().all(|name| row.contains_key(name));
                let room = match dialect {
                    Dialect::Sqlite => (group.rows.len() + 1) * row.len() <= dialect.most_parameters(),
                    // There a statement has one parameter for each column.
                    Dialect::Postgres => true,
                };
                same && room && key.as_ref().is_none_or(|key| !seen.contains(key))
            };
            if !groups.last().is_some_and(fits) {
                if row.is_empty() || row.len() > dialect.most_parameters() {
                    return Err(wrong(format!("a row cannot have {} columns", row.len())));
                }
                for name in row.keys() {
                    quote(name).map_err(|error| wrong(error.message().to_owned()))?;
                }
                groups.push(Group { columns: row.keys().cloned().collect(), rows: Vec::new() });
                seen.clear();
            }
            seen.extend(key);
            if let Some(group) = groups.last_mut() {
                let cell = |name: &Text| row.get(name).cloned().unwrap_or_default();
                let cells = group.columns.iter().map(cell).collect();
                group.rows.push(cells);
            }
        }
        Ok(groups)
    }

    /// What may not occur twice in a statement: PostgreSQL refuses to update a row twice.
    fn key(&self, row: &Map, dialect: Dialect) -> Result<Option<Vec<String>>> {
        let mut key = Vec::with_capacity(self.keys.len());
        for name in &self.keys {
            let value = row.get(name).ok_or_else(|| {
                Error::invalid("sql.rows", format!("the row has no value for key column `{name}`"))
            })?;
            if value.is_null() && self.on_conflict != OnConflict::Error {
                let message = format!("key column `{name}` of the row is null");
                return Err(Error::invalid("sql.rows", message).with_hint(
                    "a null equals no other key: the row would be inserted each time it is written",
                ));
            }
            key.push(super::postgres::plain(value)?);
        }
        Ok((dialect == Dialect::Postgres && self.on_conflict == OnConflict::Update).then_some(key))
    }

    /// The statement that writes `columns` of what `source` gives.
    pub(super) fn insert(&self, columns: &[Text], source: &str) -> Result<String> {
        let names = list(columns.iter().map(Text::as_str))?;
        let mut sql = format!("INSERT INTO {} ({names}) {source}", self.name);
        if self.on_conflict == OnConflict::Error {
            return Ok(sql);
        }
        sql.push_str(" ON CONFLICT");
        if !self.keys.is_empty() {
            let keys = list(self.keys.iter().map(String::as_str))?;
            write(&mut sql, format_args!(" ({keys})"));
        }
        let is_key = |name: &str| self.keys.iter().any(|key| key == name);
        let wanted = |name: &str| match &self.update {
            Some(update) => update.iter().any(|update| update == name),
            None => !is_key(name),
        };
        let update = columns.iter().map(Text::as_str).filter(|name| wanted(name));
        let update: Vec<String> = update
            .map(|name| quote(name).map(|name| format!("{name} = EXCLUDED.{name}")))
            .collect::<Result<_>>()?;
        if update.is_empty() || self.on_conflict == OnConflict::Ignore {
            sql.push_str(" DO NOTHING");
        } else {
            write(&mut sql, format_args!(" DO UPDATE SET {}", update.join(", ")));
        }
        Ok(sql)
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> Result<String> {
    Ok(names.map(quote).collect::<Result<Vec<_>>>()?.join(", "))
}

/// `name` between quotes, in which nothing of it is more than a sign.
fn quote(name: &str) -> Result<String> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let shown: String = name.chars().filter(|sign| !sign.is_control()).take(MAX_NAME).collect();
        let message = format!("`{shown}` cannot be a name: 1 to {MAX_NAME} bytes without control signs");
        return Err(Error::invalid("sql.name", message));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn table(on_conflict: OnConflict, update: Option<Vec<String>>) -> Table {
        Table::new("shop.Orders", vec!["id".into()], update, on_conflict).unwrap()
    }

    #[test]
    fn names_are_quoted_so_that_they_stay_names() {
        let columns = ["id".into(), "a\"; DROP TABLE t; --".into()];
        let sql = table(OnConflict::Update, None).insert(&columns, "VALUES").unwrap();
        assert_eq!(
            sql,
            "INSERT INTO \"shop\".\"Orders\" (\"id\", \"a\"\"; DROP TABLE t; --\") VALUES ON CONFLICT (\"id\") \
             DO UPDATE SET \"a\"\"; DROP TABLE t; --\" = EXCLUDED.\"a\"\"; DROP TABLE t; --\""
        );
        for name in ["", "a\0b", "a.b.c", "x\n", &"x".repeat(64)] {
            let error = Table::new(name, vec!["id".into()], None, OnConflict::Update).unwrap_err();
            assert_eq!((error.code(), error.place()), ("sql.name", Some("table")));
        }
    }

    #[test]
    fn only_what_is_given_and_wanted_is_updated() {
        let columns = ["id".into(), "a".into(), "b".into()];
        let end =
            |table: Table| table.insert(&columns, "").unwrap().split("CONFLICT").nth(1).map(str::to_owned);
        let some = |text: &str| Some(text.to_owned());
        let only = |name: &str| Some(vec![name.to_owned()]);
        assert_eq!(
            end(table(OnConflict::Update, only("b"))),
            some(" (\"id\") DO UPDATE SET \"b\" = EXCLUDED.\"b\"")
        );
        assert_eq!(end(table(OnConflict::Update, only("c"))), some(" (\"id\") DO NOTHING"));
        assert_eq!(end(table(OnConflict::Ignore, None)), some(" (\"id\") DO NOTHING"));
        assert_eq!(end(table(OnConflict::Error, None)), None);
        assert!(Table::new("t", Vec::new(), None, OnConflict::Update).is_err());
    }

    #[test]
    fn rows_are_grouped_by_their_columns_and_a_key_stands_once_in_a_statement() {
        let rows = value!([
            {"id": 1, "a": 1}, {"a": 2, "id": 2}, {"id": 3}, {"id": 4, "a": 1}, {"id": 4, "a": 2}, {"id": "4", "a": 3},
        ]);
        let sizes = |dialect| -> Vec<usize> {
            let groups = table(OnConflict::Update, None).groups(rows.as_list().unwrap(), 1, dialect).unwrap();
            groups.iter().map(|group| group.rows.len()).collect()
        };
        assert_eq!(sizes(Dialect::Sqlite), [2, 1, 3]);
        assert_eq!(sizes(Dialect::Postgres), [2, 1, 1, 1, 1]);
        let groups =
            table(OnConflict::Update, None).groups(rows.as_list().unwrap(), 1, Dialect::Sqlite).unwrap();
        assert_eq!(groups[0].rows[1], [value!(2), value!(2)]);
    }

    #[test]
    fn a_statement_has_no_more_parameters_than_the_database_takes() {
        let rows: Vec<Value> = (0..20_000).map(|id| value!({"id": id, "a": 1})).collect();
        let groups = table(OnConflict::Update, None).groups(&rows, 1, Dialect::Sqlite).unwrap();
        assert_eq!(groups.iter().map(|group| group.rows.len()).collect::<Vec<_>>(), [16_383, 3_617]);
    }

    #[test]
    fn rows_that_cannot_be_written_are_named() {
        for row in [value!(1), value!({"a": 1}), value!({}), value!({"id": 1, "": 2})] {
            let error = table(OnConflict::Update, None).groups(&[row], 7, Dialect::Sqlite).err().unwrap();
            assert_eq!((error.code(), error.place()), ("sql.rows", Some("row 7")));
        }
        let null = [value!({"id": null, "a": 1})];
        for on_conflict in [OnConflict::Update, OnConflict::Ignore] {
            let error = table(on_conflict, None).groups(&null, 7, Dialect::Sqlite).err().unwrap();
            assert_eq!((error.code(), error.place()), ("sql.rows", Some("row 7")));
            assert!(error.hint().is_some(), "{error:?}");
        }
        assert!(table(OnConflict::Error, None).groups(&null, 7, Dialect::Sqlite).is_ok());
    }
}
