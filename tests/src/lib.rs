//! What the suite and the measuring programs are written with: the product on a free port, people and keys that use it,
//! a push service that decrypts, and a search for secrets where none may be.

mod answer;
mod app;
mod calls;
pub mod embedded_metrics;
pub mod engine;
pub mod leaks;
pub mod logs;
pub mod measure;
pub mod proxy;
mod push_service;
pub mod runtime_api;
mod shown;

pub use answer::Answer;
pub use app::{App, Key, KeyPlan, Person};
pub use push_service::{Device, Hold, PushService, Received};
pub use shown::shown;
