//! What the suite and the measuring programs are written with: the product on a free port, people and keys that use it,
//! a push service that decrypts, and a search for secrets where none may be.

mod actors;
mod answer;
mod app;
mod calls;
pub mod contract;
pub mod courier;
mod deployment;
pub mod embedded_metrics;
pub mod engine;
mod gap;
mod invoke_api;
mod laptop;
pub mod leaks;
pub mod logs;
pub mod measure;
pub mod proxy;
mod push_service;
pub mod runtime_api;
mod shown;

pub use actors::{Key, KeyPlan, Person};
pub use answer::{Answer, Refusal, Said};
pub use app::App;
pub use gap::Gap;
pub use laptop::Laptop;
pub use push_service::{Device, Hold, PushService, Received};
pub use shown::shown;
