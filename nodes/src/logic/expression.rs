//! Computes a value from the node's inputs by an expression.

use std::sync::Arc;

use kailash_core::{
    Kind, Result, Text,
    expr::Expr,
    node::{Body, BuildContext, Input, Inputs, Lift, NodeType, Output, Outputs, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::variables;

/// Computes a value from the node's inputs by a Python-like expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// The expression, in Jinja2 syntax: `price * count + 1`, `rows|length > 3 and ok`. Every input is a variable of its
    /// name; one that is absent is an error.
    expression: String,
    #[serde(skip)]
    compiled: Option<Arc<Expr>>,
}

impl NodeType for Expression {
    fn spec() -> Spec {
        Spec::new("Expression", "logic", "Computes a value from its inputs by a Python-like expression.")
            .inputs([Input::optional("item", Kind::Any, "The value that the expression sees as `item`.")
                .streaming()])
            .open_inputs()
            .outputs([Output::new("result", Kind::Any, "The value of the expression.").streaming()])
    }

    fn configure(&mut self, _: &mut Setup<'_>) -> Result<()> {
        self.compiled =
            Some(Arc::new(Expr::compile(&self.expression).map_err(|error| error.at("expression"))?));
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let expression = match &self.compiled {
            Some(compiled) => Arc::clone(compiled),
            None => Arc::new(Expr::compile(&self.expression)?),
        };
        let names: Arc<[Text]> = cx.inputs.into();
        let body = Body::compute(move |inputs: Inputs, _| {
            Ok(Outputs::one(expression.eval(variables::of(&names, &inputs))?).into())
        });
        Ok(body.with_lift(Lift::PerItem))
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Registry, Services, Value, testing::NodeTest, value};

    use super::*;

    async fn eval(expression: &str, given: Value) -> Result<Value> {
        let mut registry = Registry::new();
        registry.register::<Expression>()?;
        let names: Vec<String> = given.as_map().unwrap().keys().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "item").collect();
        let config = value!({"expression": expression});
        let node = NodeTest::from_registry(&registry, "Expression", config, &Services::default(), &names)?;
        Ok(node.run(given).await?.remove("result").unwrap())
    }

    #[tokio::test]
    async fn inputs_are_variables() {
        let given = value!({"item": {"price": 2.5}, "count": 4});
        assert_eq!(eval("item.price * count", given).await.unwrap(), value!(10.0));
    }

    #[tokio::test]
    async fn a_syntax_error_is_found_before_any_run() {
        let error = eval("a <", value!({})).await.unwrap_err();
        assert!(error.message().contains("expression.syntax"), "{error}");
    }

    #[tokio::test]
    async fn an_absent_name_is_an_error() {
        assert_eq!(eval("a > 1", value!({})).await.unwrap_err().code(), "expression.eval");
    }
}
