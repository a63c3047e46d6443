//! Support for the suite and the measuring programs: the app on a free port, actors that use it, a push service that
//! decrypts, a proxy that injects faults, and a search for leaked secrets.

mod actors;
mod app;
pub mod binaries;
mod deployment;
pub mod direct_delivery;
pub mod dynamodb_limits;
pub mod embedded_dynamodb;
pub mod embedded_metrics;
mod emulator_gap;
pub mod fault_proxy;
mod invoke_api;
pub mod leaks;
mod local_app;
pub mod logs;
pub mod many_subscriptions;
pub mod measure;
pub mod openapi;
mod redact;
mod response;
mod role_calls;
pub mod runtime_api;

pub use actors::{Key, KeyBuilder, User, sender_permissions};
pub use app::App;
pub use emulator_gap::EmulatorGap;
pub use local_app::LocalApp;
pub use push_service::{Browser, Hold, PushService, Received};
pub use redact::redact;
pub use response::Response;
