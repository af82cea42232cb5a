//! The registry: node types by name, registered explicitly.

mod registered;
mod suggest;

use std::{collections::HashMap, sync::Arc};

pub use registered::{NodeConfig, RegisteredType};
pub use suggest::nearest;

use crate::{Error, ErrorKind, Result, node::NodeType};

/// Node types by name. A name is found as registered, with or without the suffix `Node`.
#[derive(Clone, Default)]
pub struct Registry {
    types: Vec<Arc<RegisteredType>>,
    names: HashMap<String, usize>,
    announced: HashMap<&'static str, String>,
}

impl Registry {
    /// A registry without types.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the type `T` under its name and aliases.
    ///
    /// # Errors
    /// Kind `Conflict`, code `registry.duplicate`, if a name is taken.
    pub fn register<T: NodeType>(&mut self) -> Result<()> {
        let registered = Arc::new(RegisteredType::of::<T>());
        let spec = registered.spec();
        let names = || [spec.name].into_iter().chain(spec.aliases.iter().copied());
        if let Some(taken) = names().find(|name| self.names.contains_key(canonical(name))) {
            let message = format!("node type `{taken}` is registered twice");
            return Err(Error::new(ErrorKind::Conflict, "registry.duplicate", message));
        }
        let index = self.types.len();
        self.names.extend(names().map(|name| (canonical(name).to_owned(), index)));
        self.types.push(Arc::clone(&registered));
        Ok(())
    }

    /// Names a type that documents may carry, with the hint for a build that does not have it.
    pub fn announce(&mut self, name: &'static str, hint: impl Into<String>) {
        self.announced.insert(canonical(name), hint.into());
    }

    /// The type called `name`.
    ///
    /// # Errors
    /// Kind `Missing`: code `node.type.not_built` for an announced type, else `node.type.unknown` with the nearest name.
    pub fn get(&self, name: &str) -> Result<&Arc<RegisteredType>> {
        if let Some(index) = self.names.get(canonical(name)) {
            return Ok(&self.types[*index]);
        }
        if let Some(hint) = self.announced.get(canonical(name)) {
            let message = format!("node type `{name}` is not part of this build");
            return Err(Error::missing("node.type.not_built", message).with_hint(hint));
        }
        let error = Error::missing("node.type.unknown", format!("unknown node type `{name}`"));
        let known = self.types.iter().map(|t| t.spec().name);
        Err(match nearest(canonical(name), known) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint("`kailash nodes` lists the known types"),
        })
    }

    /// All types, by category and name.
    #[must_use]
    pub fn types(&self) -> Vec<&Arc<RegisteredType>> {
        let mut types: Vec<_> = self.types.iter().collect();
        types.sort_by_key(|t| (t.spec().category, t.spec().name));
        types
    }
}

fn canonical(name: &str) -> &str {
    name.strip_suffix("Node").filter(|stem| !stem.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::Registry;
    use crate::{
        Result,
        node::{Body, BuildContext, NodeType, Outputs, Spec},
    };

    macro_rules! node {
        ($type:ident, $name:literal, $aliases:expr) => {
            #[derive(Deserialize, JsonSchema)]
            struct $type {}

            impl NodeType for $type {
                fn spec() -> Spec {
                    Spec::new($name, "test", "").aliases(&$aliases)
                }

                fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
                    Ok(Body::inline(|_, _| Ok(Outputs::one(1).into())))
                }
            }
        };
    }

    node!(First, "First", ["Shared"]);
    node!(Second, "Second", ["Shared"]);
    node!(Third, "Third", []);

    #[test]
    fn a_refused_type_leaves_nothing_behind() {
        let mut registry = Registry::new();
        registry.register::<First>().unwrap();
        for again in [registry.register::<First>(), registry.register::<Second>()] {
            assert_eq!(again.unwrap_err().code(), "registry.duplicate");
        }
        assert_eq!(registry.get("Second").err().unwrap().code(), "node.type.unknown");
        registry.register::<Third>().unwrap();
        for name in ["First", "SharedNode", "Shared"] {
            assert_eq!(registry.get(name).unwrap().spec().name, "First");
        }
        assert_eq!(registry.get("Third").unwrap().spec().name, "Third");
    }
}
