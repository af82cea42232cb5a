//! The decision of a switch: which branches a value, or each item of a list, takes.

use std::sync::Arc;

use kailash_core::{Map, Path, Result, Text, Value, expr::Expr};

use super::cases::Cases;
use crate::data::compare::{Operator, matches};

/// What of the input is checked.
pub(super) enum Checked {
    /// The input itself.
    Whole,
    /// A field of it, or a dot path into it, if it is a map.
    Field(Text),
    /// What an expression makes of it.
    Expression(Arc<Expr>),
}

/// How a switch decides.
pub(super) struct Decision {
    pub(super) checked: Checked,
    pub(super) operator: Operator,
}

impl Decision {
    /// The values of the branches (true and false; or each case, then the default), and the result.
    pub(super) fn branches(
        &self,
        input: Value,
        cases: Option<&Cases>,
        against: &Value,
    ) -> Result<(Vec<Option<Value>>, Value)> {
        let count = cases.map_or(2, |cases| cases.cases.len() + 1);
        let items = match (&self.checked, input) {
            (Checked::Field(_), Value::List(items)) => items,
            (_, input) => {
                let taken = self.taken(&input, cases, against)?;
                let mut branches = vec![None; count];
                for branch in &taken {
                    branches[*branch] = Some(input.clone());
                }
                return Ok((branches, result(&taken, cases)));
            }
        };
        let mut groups: Vec<Vec<Value>> = vec![Vec::new(); count];
        let mut result_of_items = cases.map_or(Value::Bool(false), |_| Value::Null);
        for item in items.iter() {
            let taken = self.taken(item, cases, against)?;
            for branch in &taken {
                groups[*branch].push(item.clone());
            }
            let result = result(&taken, cases);
            if result.is_truthy() || (cases.is_some() && !result.is_null()) {
                result_of_items = result;
            }
        }
        if groups.iter().all(Vec::is_empty) {
            let branches =
                (1..=count).map(|branch| (branch == count).then(|| Value::list(Vec::new()))).collect();
            return Ok((branches, result_of_items));
        }
        let branches = groups.into_iter().map(|group| (!group.is_empty()).then(|| Value::list(group)));
        Ok((branches.collect(), result_of_items))
    }

    /// The branches that one value takes; never none.
    fn taken(&self, value: &Value, cases: Option<&Cases>, against: &Value) -> Result<Vec<usize>> {
        let checked = self.checked(value)?;
        let Some(cases) = cases else {
            let holds = match self.checked {
                Checked::Expression(_) => checked.is_truthy(),
                _ => matches(self.operator, &checked, against)?,
            };
            return Ok(vec![usize::from(!holds)]);
        };
        let mut taken = Vec::with_capacity(1);
        for (branch, case) in cases.cases.iter().enumerate() {
            if matches(self.operator, &checked, case)? {
                taken.push(branch);
                if cases.first_only {
                    break;
                }
            }
        }
        if taken.is_empty() {
            taken.push(cases.cases.len());
        }
        Ok(taken)
    }

    fn checked(&self, value: &Value) -> Result<Value> {
        match (&self.checked, value) {
            (Checked::Field(field), Value::Map(map)) => Ok(match map.get(field) {
                Some(found) => found.clone(),
                None => Path::new(field.split('.')).resolve(value).unwrap_or_default(),
            }),
            (Checked::Expression(expression), value) => {
                let mut variables = value.as_map().cloned().unwrap_or_else(Map::new);
                variables.insert("input_data", value.clone());
                expression.eval(variables)
            }
            (_, value) => Ok(value.clone()),
        }
    }
}

/// Whether the true branch was taken; with cases, the case that matched last.
fn result(taken: &[usize], cases: Option<&Cases>) -> Value {
    match (cases, taken.last()) {
        (None, last) => Value::Bool(last == Some(&0)),
        (Some(cases), Some(last)) => cases.cases.get(*last).cloned().unwrap_or_default(),
        (Some(_), None) => Value::Null,
    }
}
