//! The services of a host: a typed, immutable map that nodes get their handles from.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use crate::{Error, ErrorKind, Result, node::Requirement};

/// Handles by type, built once by the host. Cloning shares it.
#[derive(Clone, Default)]
pub struct Services(Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Services {
    /// A builder without services.
    #[must_use]
    pub fn builder() -> ServicesBuilder {
        ServicesBuilder::default()
    }

    /// The handle of type `T`.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>()).and_then(|handle| handle.downcast_ref())
    }

    /// The handle of type `T`, called `name` in the message.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `service.missing`.
    pub fn require<T: Send + Sync + 'static>(&self, name: &'static str) -> Result<&T> {
        self.get().ok_or_else(|| missing(name))
    }

    /// Whether what `requirement` asks for is there.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `service.missing`.
    pub fn check(&self, requirement: &Requirement) -> Result<()> {
        if self.0.contains_key(&requirement.id) { Ok(()) } else { Err(missing(requirement.name)) }
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "service.missing", format!("this host has no service `{name}`"))
        .with_retry(crate::Retry::Never)
        .with_hint("give the runtime this service")
}

/// Collects handles; each type at most once.
#[derive(Default)]
pub struct ServicesBuilder {
    handles: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl ServicesBuilder {
    /// Adds a handle.
    ///
    /// # Errors
    /// Kind `Conflict`, code `service.duplicate`, if a handle of this type is there.
    pub fn with<T: Send + Sync + 'static>(mut self, handle: T) -> Result<Self> {
        if self.handles.insert(TypeId::of::<T>(), Arc::new(handle)).is_some() {
            let message = format!("two services of type {}", std::any::type_name::<T>());
            return Err(Error::new(ErrorKind::Conflict, "service.duplicate", message));
        }
        Ok(self)
    }

    /// The finished map.
    #[must_use]
    pub fn build(self) -> Services {
        Services(Arc::new(self.handles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_found_by_its_type_and_never_twice() {
        let services = Services::builder().with(7_u32).unwrap().with("x").unwrap().build();
        assert_eq!(services.get::<u32>(), Some(&7));
        assert_eq!(services.require::<String>("names").unwrap_err().code(), "service.missing");
        let twice = Services::builder().with(1_u8).unwrap().with(2_u8);
        assert_eq!(twice.err().unwrap().code(), "service.duplicate");
    }
}
