//! Fills a Jinja2 template with the node's inputs.

use std::{
    io::{self, Write},
    sync::Arc,
};

use kailash_core::{
    Error, ErrorKind, Kind, Result, Retry, Text, Value, expr,
    node::{Body, BuildContext, Input, Inputs, Lift, NodeType, Output, Outputs, Setup, Spec},
};
use minijinja::{Environment, UndefinedBehavior};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::logic::variables;

/// The longest template, in bytes.
const MAX_SOURCE: usize = 1 << 20;
/// How many operators the tags of a template may have together.
const MAX_OPERATORS: usize = 3000;
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
        if self.template.len() > MAX_SOURCE {
            let message = format!("the template has {} bytes, {MAX_SOURCE} are allowed", self.template.len());
            let error = Error::new(ErrorKind::Limit, "template.length", message).with_retry(Retry::Never);
            return Err(error.at("template"));
        }
        expr::check_operators(&tags(&self.template), MAX_OPERATORS).map_err(|error| error.at("template"))?;
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        expr::confine(&mut environment);
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
            let mut text = Bounded(Vec::new());
            template.render_captured_to(variables, &mut text).map_err(|error| failure(&error))?;
            let text = String::from_utf8(text.0).map_err(|_| Error::internal("a template gave no text"))?;
            Ok(Outputs::one(text).into())
        });
        Ok(body.with_lift(Lift::PerItem))
    }
}

/// What stands in the tags of a template, `{{ this }}` and `{% this %}`: from each opening to the last closing before
/// the next.
fn tags(template: &str) -> String {
    let opened = |pair: &[u8]| pair == b"{{" || pair == b"{%";
    let pairs = template.as_bytes().windows(2).enumerate();
    let mut openings: Vec<usize> = pairs.filter(|(_, pair)| opened(pair)).map(|(at, _)| at).collect();
    openings.push(template.len());
    let tag = |ends: &[usize]| {
        let text = &template[ends[0]..ends[1]];
        let closing = ["}}", "%}"].into_iter().filter_map(|closing| text.rfind(closing)).max();
        text[..closing.unwrap_or(text.len())].to_owned()
    };
    openings.windows(2).map(tag).collect::<Vec<_>>().join(" ")
}

/// Text that may not grow beyond [`expr::MAX_TEXT`].
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > expr::MAX_TEXT {
            return Err(io::Error::other(format!("the text would have more than {} bytes", expr::MAX_TEXT)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
