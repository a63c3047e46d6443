//! An HTTP response, read whole, and the assertions on it.

use std::fmt::Display;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::emulator_gap::EmulatorGap;

/// A response of the API.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unparsed.
    pub text: String,
}

impl Response {
    /// Reads a response with its body.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Self { status, headers, text }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text))
    }

    /// The value of a header, if it is present.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Asserts the status and the problem code; a response without a code has the code "".
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        self.assert_problem_in("the response", status, code);
    }

    /// The same, with the case of a table for the failure message.
    #[track_caller]
    pub fn assert_problem_in(&self, case: impl Display, status: u16, code: &str) {
        assert_eq!(self.status, status, "{case}: the status, not with the code {code}: {}", self.text);
        self.assert_text_in(case, "code", code);
    }

    /// Asserts the text of a field of the body; an absent field has the text "".
    #[track_caller]
    pub fn assert_text(&self, field: &str, expected: &str) {
        self.assert_text_in("the response", field, expected);
    }

    /// The same, with the case of a table for the failure message.
    ///
    /// An emulator that declares `EmulatorGap::AuthorizerContext` sends `$context.authorizer.…` unsubstituted, and
    /// there that passes for any expected text.
    #[track_caller]
    pub fn assert_text_in(&self, case: impl Display, field: &str, expected: &str) {
        let body = self.json();
        let text = body[field].as_str().unwrap_or_default();
        let unsubstituted = text.starts_with("$context.authorizer.") && EmulatorGap::AuthorizerContext.is_declared();
        assert!(text == expected || unsubstituted, "{case}: {field} is {text:?}, not {expected:?}: {}", self.text);
    }

    /// The field errors of an `invalid_body` problem, each as `pointer: detail`.
    pub fn field_errors(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {} {}", self.status, self.text));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        errors.iter().map(|error| format!("{}: {}", text(&error["pointer"]), text(&error["detail"]))).collect()
    }

    /// The JSON Pointers of the field errors.
    pub fn pointers(&self) -> Vec<String> {
        let errors = self.field_errors().into_iter();
        errors.map(|error| error.split_once(':').expect("a pointer").0.to_owned()).collect()
    }

    /// The body with `<id>` for the request's id, so that two responses can be compared byte for byte.
    pub fn without_request_id(&self) -> String {
        let id = self.json()["request_id"].as_str().expect("a request id").to_owned();
        self.text.replace(&id, "<id>")
    }

    /// Fails unless the status is this one.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "the assertion alone is often all that a test needs")]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}
