//! Tests that need tools which cargo does not install. `./check` installs the tools into `.tools/` and runs this
//! target; plain `cargo test` skips it.

mod cargo_lambda_watch;
mod rotate_vapid;
