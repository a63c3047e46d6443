//! Targets `send_body`, `key_body`, `key_changes_body` and `subscription_body`: a body that is accepted matches the OpenAPI
//! document, and a rejected one names its fields.

use reqwest::Method;
use serde_json::json;
use shared::domain::push_hosts::PushHosts;
use shared::domain::time::Timestamp;
use shared::http::send_request::SendRequest;
use shared::http::{Problem, Request, from_event};
use tests::openapi::validate_request;

use crate::corpus::{Corpus, Mutation, fuzz};

/// Runs the target of the bodies of one route.
fn fuzz_bodies<T>(target: &str, method: &Method, path: &str, parse: impl Fn(&Request) -> Result<T, Problem>) {
    let corpus = Corpus::read(target);
    fuzz(target, |mutation: Mutation| {
        let text = corpus.text(&mutation);
        match parse(&from_event(json!({ "body": text }))) {
            Ok(_) => validate_request(method, path, text.as_bytes(), 200).unwrap_or_else(|error| panic!("{error}")),
            Err(Problem::InvalidBody(errors)) => {
                assert!(!errors.is_empty() && errors.len() <= 50, "{errors:?}");
                assert!(errors.iter().all(|error| error.pointer.is_empty() || error.pointer.starts_with('/')));
            }
            Err(other) => panic!("{:?} for {text:?}", other.row().code),
        }
    });
}

#[test]
fn an_accepted_send_is_documented_and_a_rejected_one_is_explained() {
    fuzz_bodies("send_body", &Method::POST, "/push", SendRequest::parse);
}

#[test]
fn an_accepted_key_is_documented_and_a_rejected_one_is_explained() {
    fuzz_bodies("key_body", &Method::POST, "/keys", |request| create_key::parse(request, Timestamp::now()));
}

#[test]
fn accepted_changes_of_a_key_are_documented_and_rejected_ones_are_explained() {
    let path = "/keys/01K9GZ5D6W7X8Y9Z0A1B2C3D4E";
    fuzz_bodies("key_changes_body", &Method::PATCH, path, |request| update_key::parse(request, Timestamp::now()));
}

#[test]
fn an_accepted_subscription_is_documented_and_a_rejected_one_is_explained() {
    let hosts = PushHosts::parse("fcm.googleapis.com,*.push.apple.com");
    fuzz_bodies("subscription_body", &Method::PUT, "/subscriptions", |request| {
        put_subscription::parse(request, &hosts)
    });
}
