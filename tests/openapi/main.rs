//! The document of the API is OpenAPI, and a real host answers generated requests as the document says.

#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

mod closed;
mod conformance;
mod host;
mod scopes;
mod tools;
