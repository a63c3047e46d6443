//! What the suite and the measuring programs are written with: the product on a free port, people and keys that use it,
//! a push service that decrypts, and a search for secrets where none may be.

mod actors;
mod app;
mod deployment;
pub mod direct_delivery;
pub mod embedded_dynamodb;
pub mod embedded_metrics;
mod emulator_gap;
pub mod fault_proxy;
mod invoke_api;
pub mod leaks;
mod local_app;
pub mod logs;
pub mod measure;
pub mod openapi;
mod push_service;
mod redact;
mod response;
mod role_calls;
pub mod runtime_api;

pub use actors::{Key, KeyPlan, Person};
pub use app::App;
pub use emulator_gap::Gap;
pub use local_app::Laptop;
pub use push_service::{Device, Hold, PushService, Received};
pub use redact::shown;
pub use response::{Answer, Refusal, Said};
