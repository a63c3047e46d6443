//! Tests that need tools which cargo does not install: `./check` installs them into `.tools/` and runs this target.

mod browser;
mod examples;
