//! Code that two or more functions need, in layers: `domain` knows neither AWS nor HTTP; `store` and `aws` reach the
//! services; `http` turns requests into calls of them and results into responses; `log` writes events and metrics.

pub mod aws;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod log;
pub mod store;
