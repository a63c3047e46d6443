//! Proxy events as typed requests, and results as responses: the only place with status codes, headers and problems.

pub mod auth;
mod headers;
pub mod json_body;
pub mod key_fields;
pub mod pagination;
mod precondition;
pub mod preview;
pub mod problem;
mod request;
pub mod response;
mod retry;
pub mod secret_request;
pub mod send_request;
mod serve;
pub mod views;

pub use precondition::Precondition;
pub use problem::Problem;
pub use request::{BooleanParam, Extract, Request, from_event};
pub use response::{Response, ResponseExt};
pub use retry::EditAttempts;
pub use serve::{ANY_PATH, Routes, serve};
