//! What a deployment does otherwise than AWS, by name: a test that meets it goes on, and the run says so at its end.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde::Deserialize;

use crate::deployment;

/// A gap of the place that the product is deployed to. `deployment/skipped.toml` says each in a sentence.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// `$context.authorizer.*` stands in a gateway response as it stands in the template.
    AuthorizerContext,
    /// On an answer of a function, the header that names the request says something else than the function was told.
    RequestId,
    /// Headers, addresses and bodies may be of any size.
    SizeLimits,
    /// A path with an empty segment is taken for the path without it.
    Slashes,
}

impl Gap {
    fn name(self) -> &'static str {
        match self {
            Self::AuthorizerContext => "authorizer-context",
            Self::RequestId => "request-id",
            Self::SizeLimits => "size-limits",
            Self::Slashes => "slashes",
        }
    }

    /// Whether this deployment has it. Then it is noted which test met it.
    pub fn is_there(self) -> bool {
        let declared = deployment::description().is_some_and(|it| it.gaps.contains(&self));
        if declared {
            note(self.name());
        }
        declared
    }
}

/// Notes, where the suite runs by address, that the running test left something out for this reason.
pub(crate) fn note(reason: &str) {
    let description = deployment::description().expect("only a deployment has something to note");
    let file = OpenOptions::new().create(true).append(true).open(&description.notes);
    // libtest names a test's thread by the test.
    let line = format!("{reason} {}\n", std::thread::current().name().expect("a test's name"));
    file.expect("a file for notes").write_all(line.as_bytes()).expect("a line");
}
