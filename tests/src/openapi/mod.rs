//! `docs/openapi.yaml` for the tests: the document, the validation of every response, and the coverage.

pub mod coverage;
mod document;
#[cfg(test)]
mod examples;
mod parts;
mod validate;

pub use document::{Operation, Security, operations, problems};
pub use validate::validate_request;
pub(crate) use validate::validate_response;
