//! Target `endpoint`: an accepted endpoint leads to an allowed host, by another parser too, and is stored as it is sent to.

use axum::http::Uri;
use shared::domain::push_hosts::PushHosts;

use crate::corpus::{Corpus, Mutation, fuzz};

const ORIGIN: &str = "127.0.0.1:9000";

/// Whether another parser finds an allowed host in the text that the transport connects to.
fn is_allowed(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    match (uri.scheme_str(), authority.as_str()) {
        (Some("http"), ORIGIN) | (Some("https"), "fcm.googleapis.com") => true,
        (Some("https"), host) => {
            host.strip_suffix(".push.apple.com").is_some_and(|sub| !sub.is_empty() && !sub.contains(['@', ':', '/']))
        }
        _ => false,
    }
}

#[test]
fn an_endpoint_leads_to_an_allowed_host() {
    let corpus = Corpus::read("endpoint");
    let hosts = PushHosts::parse(&format!("fcm.googleapis.com,*.push.apple.com,http://{ORIGIN}"));
    fuzz("endpoint", move |mutation: Mutation| {
        let text = corpus.text(&mutation);
        if let Ok(endpoint) = hosts.endpoint(&text) {
            let stored = endpoint.url().as_str();
            assert!(is_allowed(stored), "{text:?} is {stored:?}");
            assert_eq!(hosts.endpoint(stored).as_ref(), Ok(&endpoint), "{text:?}");
        }
    });
}
