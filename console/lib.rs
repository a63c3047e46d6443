//! The files of the web console, built by `build.rs` from `src/` and part of this crate.

/// A file of the console. All are text: API Gateway returns no other without a setting that encodes every request.
#[derive(Debug)]
pub struct File {
    /// The name, which is also the last segment of its path.
    pub name: &'static str,
    /// The content.
    pub text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The page.
pub const PAGE: &str = "index.html";

/// The text in the page that the server replaces with the page's configuration.
pub const CONFIG_PLACEHOLDER: &str = "{{config}}";

/// The file with this name.
pub fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}
