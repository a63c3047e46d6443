//! Target `event`: a Lambda event. The authorizer allows it only if the key is the only credential; the proxy request has
//! the headers of the event, and only those.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::domain::json::LenientJson;
use shared::http::{Extract as _, from_event};
use tests::embedded_dynamodb::{EmbeddedDynamoDb, tag_key};
use tokio::runtime::Runtime;

use crate::corpus::{Corpus, Mutation, fuzz};

/// The texts of a header in both maps; `None` for a value that is not text.
fn credentials(event: &Value) -> BTreeSet<Option<String>> {
    let mut found = BTreeSet::new();
    for map in ["headers", "multiValueHeaders"] {
        for (name, values) in event[map].as_object().into_iter().flatten() {
            let name = name.to_ascii_lowercase();
            let values = match values {
                Value::Array(values) if map == "multiValueHeaders" => values.clone(),
                other => vec![other.clone()],
            };
            for value in values {
                let text = value.as_str().map(str::trim);
                match name.as_str() {
                    "x-api-key" => drop(found.insert(text.map(str::to_owned))),
                    "authorization" => {
                        let parts = text.and_then(|text| text.split_once(' '));
                        let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                        found.insert(token.map(|(_, token)| token.trim().to_owned()));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

#[test]
fn an_event_is_allowed_only_with_the_key_as_its_only_credential() {
    let corpus = Corpus::read("event");
    let tag_key = tag_key();
    let runtime = Runtime::new().expect("a runtime");
    let (_database, store, secret) = runtime.block_on(async {
        let database = EmbeddedDynamoDb::start().await;
        let store = EmbeddedDynamoDb::store(database.url()).await;
        let (_, secret) = database.add_key(&store, |_| ()).await;
        (database, store, secret.expose().to_owned())
    });
    fuzz("event", move |mutation: Mutation| {
        let text = corpus.text(&mutation).replace("SECRET", &secret);
        let Ok(LenientJson(event)) = serde_json::from_str(&text) else { return };
        let only_the_key = credentials(&event) == BTreeSet::from([Some(secret.clone())]);
        let response = runtime.block_on(authorizer::handle(&store, &tag_key, event.clone()));
        if let Ok(response) = response {
            let response = serde_json::to_value(&response).expect("JSON");
            let allowed = response["policyDocument"]["Statement"][0]["Effect"] == "Allow";
            assert!(only_the_key || !allowed, "{text}");
        }

        let request = from_event(event.clone());
        let names =
            event["multiValueHeaders"].as_object().into_iter().flatten().map(|(name, _)| name.to_ascii_lowercase());
        let names: BTreeSet<String> = names.collect();
        assert!(request.headers().keys().all(|name| names.contains(name.as_str())), "{text}");
        assert_eq!(request.body_text(), event["body"].as_str().unwrap_or_default(), "{text}");
        assert_eq!(request.route(), event["resource"].as_str().unwrap_or_default(), "{text}");
    });
}
