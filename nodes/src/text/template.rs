//! Fills a Jinja2 template with the node's inputs.

use std::sync::Arc;

use kailash_core::{
    Error, ErrorKind, Kind, Result, Retry, Text, Value, expr,
    node::{Body, BuildContext, Input, Inputs, Lift, NodeType, Output, Outputs, Setup, Spec},
};
use minijinja::{Environment, UndefinedBehavior};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::logic::variables;

/// Instructions that filling a template once may take.
const FUEL: u64 = 1_000_000;
/// The name of the one template in its environment.
const NAME: &str = "template";

/// Fills a Jinja2 template with the node's inputs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The template, in Jinja2 syntax: `{{ name }}`, `{% for row in rows %}`. Every input is a variable of its name; one
    /// that is absent is an error. Nothing is escaped.
    template: String,
    #[serde(skip)]
    compiled: Option<Arc<Environment<'static>>>,
}

impl Template {
    fn compile(&self) -> Result<Environment<'static>> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_template_owned(NAME, self.template.clone()).map_err(|error| {
            let detail = error.detail().unwrap_or("not a template");
            let message = match error.line() {
                Some(line) => format!("line {line}: {detail}"),
                None => detail.to_owned(),
            };
            Error::invalid("template.syntax", message).at("template")
        })?;
        Ok(environment)
    }
}

impl NodeType for Template {
    fn spec() -> Spec {
        Spec::new("Template", "text", "Fills a Jinja2 template with the values of its inputs.")
            .inputs([
                Input::optional("item", Kind::Any, "The value that the template sees as `item`.").streaming()
            ])
            .open_inputs()
            .outputs([Output::new("text", Kind::Text, "The filled template.").streaming()])
    }

    fn configure(&mut self, _: &mut Setup<'_>) -> Result<()> {
        self.compiled = Some(Arc::new(self.compile()?));
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let environment = match &self.compiled {
            Some(compiled) => Arc::clone(compiled),
            None => Arc::new(self.compile()?),
        };
        let names: Arc<[Text]> = cx.inputs.into();
        let body = Body::compute(move |inputs: Inputs, _| {
            let variables = expr::to_jinja(&Value::from(variables::of(&names, &inputs)));
            let template = environment.get_template(NAME).map_err(|error| failure(&error))?;
            let text = template.render(variables).map_err(|error| failure(&error))?;
            Ok(Outputs::one(text).into())
        });
        Ok(body.with_lift(Lift::PerItem))
    }
}

fn failure(error: &minijinja::Error) -> Error {
    let described = if error.kind() == minijinja::ErrorKind::OutOfFuel {
        Error::new(ErrorKind::Limit, "template.fuel", format!("the template takes more than {FUEL} steps"))
            .with_retry(Retry::Never)
    } else {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let described = Error::invalid("template.eval", detail);
        match error.kind() {
            minijinja::ErrorKind::UndefinedError => {
                described.with_hint("connect or give every name of the template, or use the filter `default`")
            }
            _ => described,
        }
    };
    match error.line() {
        Some(line) => described.at(format!("template line {line}")),
        None => described,
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Registry, Services, testing::NodeTest, value};

    use super::*;

    async fn fill(template: &str, given: Value) -> Result<Value> {
        let mut registry = Registry::new();
        registry.register::<Template>()?;
        let names: Vec<String> = given.as_map().unwrap().keys().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let config = value!({"template": template});
        let node = NodeTest::from_registry(&registry, "Template", config, &Services::default(), &names)?;
        Ok(node.run(given).await?.remove("text").unwrap())
    }

    #[tokio::test]
    async fn inputs_are_variables_and_nothing_is_escaped() {
        let template = "{{ user.name }}:{% for x in xs %} {{ x }}{% endfor %}";
        let text = fill(template, value!({"user": {"name": "<a&b>"}, "xs": [1, 2.5]})).await;
        assert_eq!(text.unwrap(), value!("<a&b>: 1 2.5"));
    }

    #[tokio::test]
    async fn an_absent_name_is_an_error_with_its_line() {
        let error = fill("a\n{{ nothing }}", value!({})).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("template.eval", Some("template line 2")));
        assert_eq!(fill("{{ nothing|default('-') }}", value!({})).await.unwrap(), value!("-"));
    }

    #[tokio::test]
    async fn a_wrong_template_is_found_before_any_run() {
        let error = fill("{% if %}", value!({})).await.unwrap_err();
        assert!(error.message().contains("template.syntax"), "{error}");
    }

    #[tokio::test]
    async fn endless_work_runs_out_of_fuel() {
        let template = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        let error = fill(template, value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "template.fuel"));
    }
}
