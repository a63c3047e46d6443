//! Tests that need tools which cargo does not install. `./check` installs the tools and runs this target; plain `cargo test`
//! skips it.

mod browser;
mod browser_origins;
mod cargo_lambda_watch;
mod examples;
mod rotate_vapid;
