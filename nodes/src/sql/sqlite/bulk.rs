//! Many rows into a table of SQLite: one statement with a parameter for every value.

use async_trait::async_trait;
use kailash_core::{Result, Value};

use super::Link;
use crate::sql::{
    ResultFormat,
    error::Attempt,
    flow::{Flow, Sink},
    statement::{Statement, question},
    upsert::{Group, Table},
};

impl Link {
    /// Writes the rows of `group` and says how many of them changed something.
    pub(in crate::sql) async fn insert(&mut self, table: &Table, group: Group) -> Attempt<u64> {
        let width = group.columns.len();
        let mut source = String::from("VALUES ");
        for row in 0..group.rows.len() {
            source.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                source.push_str(if column == 0 { "" } else { ", " });
                question(row * width + column, &mut source);
            }
            source.push(')');
        }
        let sql = table.insert(&group.columns, &source)?;
        let statement = Statement::bulk(sql.into(), group.rows.into_iter().flatten().collect());
        self.run(&statement, &mut Flow::new(ResultFormat::List, usize::MAX, &mut Nobody)).await
    }
}

/// Takes the rows of statements that give none.
struct Nobody;

#[async_trait]
impl Sink for Nobody {
    async fn take(&mut self, _: Vec<Value>, _: usize) -> Result<()> {
        Ok(())
    }
}
