//! The workspace's binaries that tests run as processes, built on first use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The path of a binary: `pushgate`, or a function that a test runs outside of the gateway.
pub fn path(binary: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    BUILD.call_once(|| {
        // With the features of the whole workspace, so that the dependencies are compiled only once.
        let build =
            "build --quiet --locked --workspace --bin pushgate --bin authorizer --bin preflight --bin send-push";
        let status = Command::new(env!("CARGO")).args(build.split(' ')).current_dir(ROOT).status();
        assert!(status.expect("cargo").success(), "the binaries do not compile");
    });
    Path::new(ROOT).join("target/debug").join(binary)
}
