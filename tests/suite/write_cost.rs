//! The cost of the authorizer: one write of one unit for an allowed request, also with a key in full use, and no call
//! for a string that is not a key.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::account::Actor;
use shared::domain::channel::{Channel, ChannelId, Channels, Slug};
use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::key::{Key, Overlap, Status};
use shared::domain::limits::Limits;
use shared::domain::random;
use shared::domain::scope::Scope;
use shared::domain::secret::{Secret, TagKey};
use shared::domain::time::Timestamp;
use shared::store::{CreateOutcome, EditOutcome, Store};
use tests::embedded_dynamodb::{EmbeddedDynamoDb, KEYS, tag_key};
use tests::fault_proxy::{Fault, FaultProxy};

/// The authorizer's store behind a proxy that records its calls.
struct Authorizer {
    database: EmbeddedDynamoDb,
    proxy: FaultProxy,
    store: Store,
}

impl Authorizer {
    async fn start() -> Self {
        let database = EmbeddedDynamoDb::start().await;
        let proxy = FaultProxy::start(database.url(), true, |_| Fault::None).await;
        let store = EmbeddedDynamoDb::store(&proxy.url()).await;
        Self { database, proxy, store }
    }

    /// Adds a key in full use: a name of 20 characters, 3 channels, 30 days of counters and 15 slots.
    async fn key(&self, status: Status) -> (Key, Secret) {
        let admin = EmbeddedDynamoDb::store(self.database.url()).await;
        let now = Timestamp::now();
        let mut channels = Channels::new();
        for slug in ["ops", "news", "test-devices"] {
            let slug = Slug::try_from(slug.to_owned()).expect("a slug");
            let created_by = Actor { id: "0b1f5a7c".to_owned(), name: "Ada Admin".to_owned() };
            let id = ChannelId::generate();
            let channel =
                Channel { slug: slug.clone(), id: id.clone(), created_at: now, created_by, keys: 0, subscriptions: 0 };
            channels.insert(slug, id);
            let account = "acme".to_owned().try_into().expect("an account");
            assert_eq!(admin.add_channel(&account, &channel).await.expect("a response"), CreateOutcome::Created);
        }
        let change = |key: &mut Key| {
            key.scope = Scope::Channels(channels);
            key.status = status;
        };
        let (key, secret) = self.database.add_key(&admin, change).await;
        assert_eq!(key.name.as_str().chars().count(), 20);
        self.fill(&key, now).await;
        (key, secret)
    }

    /// Gives the key a five-digit count for each of 30 days, and 15 writers within the last minute.
    async fn fill(&self, key: &Key, now: Timestamp) {
        let slot = |age: i64| (random::base62(8), AttributeValue::N((now.millis() - age * 3_000).to_string()));
        let mut update = self
            .database
            .client()
            .update_item()
            .table_name(KEYS)
            .key("account", AttributeValue::S(key.account.to_string()))
            .key("id", AttributeValue::S(key.id.to_string()))
            .expression_attribute_values(":slots", AttributeValue::M((0..15).map(slot).collect()))
            .expression_attribute_values(":day", AttributeValue::N("12345".to_owned()))
            .expression_attribute_values(":uses", AttributeValue::N("370350".to_owned()));
        let mut set = vec!["slots = :slots".to_owned(), "uses = :uses".to_owned()];
        for age in 0..30 {
            set.push(format!("#d{age} = :day"));
            update = update.expression_attribute_names(format!("#d{age}"), format!("d{}", now.day() - age));
        }
        update.update_expression(format!("SET {}", set.join(", "))).send().await.expect("a response");
    }

    /// The authorizer's response to this key on this route, and its calls: operation, status, units.
    async fn authorize(
        &self,
        key: &str,
        resource: &str,
        path: &str,
    ) -> (Result<Value, String>, Vec<(String, u16, f64)>) {
        let response = authorizer::handle(&self.store, &tag_key(), event(key, resource, path)).await;
        let response = response
            .map(|response| serde_json::to_value(response).expect("JSON"))
            .map_err(|failure| failure.to_string());
        let calls = self.proxy.take_calls();
        (response, calls.into_iter().map(|call| (call.operation, call.status, call.units)).collect())
    }
}

/// The event of a REST API's REQUEST authorizer.
fn event(key: &str, resource: &str, path: &str) -> Value {
    let headers = json!({
        "Accept": "*/*", "Authorization": format!("Bearer {key}"), "Content-Type": "application/json",
        "Host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com", "User-Agent": "curl/8.14.1",
        "X-Amzn-Trace-Id": "Root=1-6923a1b2-0123456789abcdef01234567", "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
    });
    let many = headers.as_object().expect("headers").iter().map(|(name, value)| (name.clone(), json!([value])));
    let channel = path.strip_prefix("/channels/").and_then(|rest| rest.strip_suffix("/push"));
    json!({
        "type": "REQUEST",
        "methodArn": format!("arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/v1/POST{path}"),
        "resource": resource, "path": path, "httpMethod": "POST",
        "headers": headers, "multiValueHeaders": many.collect::<serde_json::Map<_, _>>(),
        "queryStringParameters": {}, "multiValueQueryStringParameters": {},
        "pathParameters": channel.map_or(json!({}), |channel| json!({ "channel": channel })),
        "stageVariables": {},
        "requestContext": {
            "resourceId": "abc123", "resourcePath": resource, "httpMethod": "POST", "path": format!("/v1{path}"),
            "accountId": "123456789012", "apiId": "a1b2c3d4e5", "stage": "v1", "protocol": "HTTP/1.1",
            "requestId": "b7c1c1f0-6d2e-4b0a-9d6c-2f1e3a4b5c6d", "requestTimeEpoch": 1_795_428_000_000_i64,
            "identity": { "sourceIp": "203.0.113.7", "userAgent": "curl/8.14.1" },
        },
    })
}

/// The size of an item as DynamoDB charges it: names and strings in UTF-8, a number in one byte per two digits plus
/// one, and a map in 3 bytes plus one per entry.
fn size(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::M(map) => 3 + map.len() + size(map),
        other => panic!("a key has no {other:?}"),
    }
}

/// Asserts one write whose condition failed. The embedded database does not return the units of such a write.
#[track_caller]
fn assert_one_failed_condition(calls: &[(String, u16, f64)]) {
    let calls: Vec<_> = calls.iter().map(|(operation, status, _)| (operation.as_str(), *status)).collect();
    assert_eq!(calls, [("UpdateItem", 400)]);
}

#[tokio::test]
async fn an_allowed_request_is_one_call_of_one_write_unit() {
    let authorizer = Authorizer::start().await;
    let (key, secret) = authorizer.key(Status::Active).await;

    for (resource, path) in [("/push", "/push"), ("/channels/{channel}/push", "/channels/ops/push")] {
        let (response, calls) = authorizer.authorize(secret.expose(), resource, path).await;

        assert_eq!(response.expect("a policy")["policyDocument"]["Statement"][0]["Effect"], "Allow");
        assert_eq!(calls, [("UpdateItem".to_owned(), 200, 1.0)], "{path}");
    }
    let item = authorizer.database.item(&key).await;
    let slots = item["slots"].as_m().expect("a map").len();
    assert_eq!(slots, 16, "the 15 writers, and the authorizer's own slot");
    assert!(size(&item) < 1_024, "{} bytes", size(&item));
}

#[tokio::test]
async fn a_denied_request_is_one_call() {
    let authorizer = Authorizer::start().await;
    let (_, secret) = authorizer.key(Status::Active).await;

    let (response, calls) =
        authorizer.authorize(secret.expose(), "/channels/{channel}/push", "/channels/sales/push").await;

    assert_eq!(response.expect("a policy")["context"]["code"], "scope_violation");
    assert_one_failed_condition(&calls);
}

#[tokio::test]
async fn a_request_with_an_inactive_key_is_one_call() {
    let authorizer = Authorizer::start().await;
    let (_, secret) = authorizer.key(Status::Inactive).await;

    let (response, calls) = authorizer.authorize(secret.expose(), "/push", "/push").await;

    assert_eq!(response.expect("a policy")["context"]["code"], "key_inactive");
    assert_one_failed_condition(&calls);
}

#[tokio::test]
async fn a_string_that_is_not_a_key_is_no_call() {
    let authorizer = Authorizer::start().await;
    let (_, secret) = authorizer.key(Status::Active).await;
    let (start, last) = secret.expose().split_at(secret.expose().len() - 1);
    let mistyped = format!("{start}{}", if last == "0" { '1' } else { '0' });

    for text in ["", "hello", "pgk_acme", &mistyped, &secret.expose().to_lowercase()] {
        let (response, calls) = authorizer.authorize(text, "/push", "/push").await;
        assert_eq!((response, calls), (Err("Unauthorized".to_owned()), Vec::new()), "{text}");
    }
}

#[tokio::test]
async fn a_well_formed_unknown_key_is_at_most_one_call() {
    let authorizer = Authorizer::start().await;
    let (key, _) = authorizer.key(Status::Active).await;
    let nowhere = Secret::generate(&key.account, &KeyId::generate(Timestamp::now()), &tag_key());
    let guessed = Secret::generate(&key.account, &key.id, &tag_key());

    for secret in [nowhere, guessed] {
        let (response, calls) = authorizer.authorize(secret.expose(), "/push", "/push").await;
        assert_eq!(response, Err("Unauthorized".to_owned()));
        assert!(calls.len() <= 1, "{calls:?}");
    }
}

#[tokio::test]
async fn a_secret_that_this_deployment_did_not_issue_is_no_call() {
    let authorizer = Authorizer::start().await;
    let (key, _) = authorizer.key(Status::Active).await;
    let other = TagKey::new(&"x".repeat(32)).expect("a tag key");

    for id in [key.id.clone(), KeyId::generate(Timestamp::now())] {
        let invented = Secret::generate(&key.account, &id, &other);
        assert!(Secret::is_well_formed(invented.expose()));
        let (response, calls) = authorizer.authorize(invented.expose(), "/push", "/push").await;
        assert_eq!((response, calls), (Err("Unauthorized".to_owned()), Vec::new()));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_rejected_before_the_rest_of_the_key_is_parsed() {
    let authorizer = Authorizer::start().await;
    let (key, secret) = authorizer.key(Status::Inactive).await;
    let other = Secret::generate(&key.account, &key.id, &tag_key());
    // Only a request that parses the key fails.
    let damage = authorizer.database.client().update_item().table_name(KEYS);
    let damage = damage.key("account", AttributeValue::S(key.account.to_string()));
    let damage = damage.key("id", AttributeValue::S(key.id.to_string())).update_expression("SET channels = :number");
    let damage = damage.expression_attribute_values(":number", AttributeValue::N("1".to_owned()));
    damage.send().await.expect("a response");

    for (secret, expected) in [(&other, "Unauthorized"), (&secret, "Unavailable")] {
        let (response, calls) = authorizer.authorize(secret.expose(), "/push", "/push").await;
        assert_eq!((response, calls.len()), (Err(expected.to_owned()), 1));
    }
}

#[tokio::test]
async fn only_a_secret_that_was_accepted_is_retried_while_dynamodb_throttles() {
    let database = EmbeddedDynamoDb::start().await;
    let left = Arc::new(AtomicUsize::new(0));
    let throttle = {
        let left = Arc::clone(&left);
        move |_: &Value| {
            let throttled = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if throttled { Fault::Throttle } else { Fault::None }
        }
    };
    let proxy = FaultProxy::start(database.url(), true, throttle).await;
    let authorizer = Authorizer { store: EmbeddedDynamoDb::store(&proxy.url()).await, database, proxy };
    let (key, secret) =
        authorizer.database.add_key(&EmbeddedDynamoDb::store(authorizer.database.url()).await, |_| ()).await;
    let deleted = Secret::generate(&key.account, &KeyId::generate(Timestamp::now()), &tag_key());
    let calls_of = async |secret: &Secret, throttled: usize| {
        left.store(throttled, Ordering::SeqCst);
        let (response, calls) = authorizer.authorize(secret.expose(), "/push", "/push").await;
        (response.map(|response| response["policyDocument"]["Statement"][0]["Effect"].clone()), calls.len())
    };

    // As many calls as a client can cause without a valid secret.
    assert_eq!(calls_of(&deleted, 100).await, (Err("Unavailable".to_owned()), 2));
    assert_eq!(calls_of(&secret, 100).await, (Err("Unavailable".to_owned()), 2));
    assert_eq!(calls_of(&secret, 1).await, (Ok("Allow".into()), 2), "the first request of a valid secret");
    assert_eq!(calls_of(&secret, 6).await, (Ok("Allow".into()), 7), "accepted before");
    assert_eq!(calls_of(&deleted, 0).await, (Err("Unauthorized".to_owned()), 1));

    let admin = EmbeddedDynamoDb::store(authorizer.database.url()).await;
    let rotated = key.rotated(
        &Secret::generate(&key.account, &key.id, &tag_key()),
        Overlap::try_from(0).expect("no overlap"),
        Timestamp::now(),
    );
    let event = AuditEvent::new(Action::Rotated, &key.created_by, Some(&key), Some(&rotated), Timestamp::now());
    assert_eq!(admin.rotate_key(&key, &rotated, &event, None).await.expect("a response"), EditOutcome::Written);
    assert_eq!(calls_of(&secret, 0).await, (Err("Unauthorized".to_owned()), 1), "replaced");
    assert_eq!(calls_of(&secret, 100).await, (Err("Unavailable".to_owned()), 2), "no longer accepted");
}

#[tokio::test]
async fn limits_a_rotation_and_a_new_day_need_one_call_and_the_previous_secret_two() {
    let authorizer = Authorizer::start().await;
    let admin = EmbeddedDynamoDb::store(authorizer.database.url()).await;
    let limits = |key: &mut Key| key.limits = Limits { per_minute: Some(60), per_day: Some(1_000) };
    let (key, old) = authorizer.database.add_key(&admin, limits).await;
    let calls = async |secret: &Secret| {
        let (response, calls) = authorizer.authorize(secret.expose(), "/push", "/push").await;
        assert_eq!(response.expect("a policy")["policyDocument"]["Statement"][0]["Effect"], "Allow");
        calls.len()
    };

    // The first request of a key is also its first of the day.
    assert_eq!(calls(&old).await, 1, "with limits, on the first request of a day");
    let new = Secret::generate(&key.account, &key.id, &tag_key());
    let overlap = Overlap::try_from(600).expect("an overlap");
    let rotated = key.rotated(&new, overlap, Timestamp::now());
    let event = AuditEvent::new(Action::Rotated, &key.created_by, Some(&key), Some(&rotated), Timestamp::now());
    assert_eq!(admin.rotate_key(&key, &rotated, &event, None).await.expect("a response"), EditOutcome::Written);

    assert_eq!(calls(&new).await, 1, "after a rotation");
    assert_eq!(calls(&old).await, 2, "with the previous secret");
}

#[tokio::test]
async fn expired_parts_of_a_key_are_pruned_by_a_later_write_at_no_cost() {
    let authorizer = Authorizer::start().await;
    let (key, secret) =
        authorizer.database.add_key(&EmbeddedDynamoDb::store(authorizer.database.url()).await, |_| ()).await;
    let now = Timestamp::now();
    let (day, minute) = (now.day(), now.minute());
    let number = |n: i64| AttributeValue::N(n.to_string());
    let expired = |index: i64| match index {
        0..20 => format!("m{}", minute - 2 - index),
        _ => format!("d{}", day - 31 - index),
    };
    let kept = [format!("m{}", minute - 1), format!("d{}", day - 29)];
    let mut past: HashMap<String, AttributeValue> =
        (0..30).map(expired).chain(kept.clone()).map(|name| (name, number(1))).collect();
    past.insert("old_hash".to_owned(), AttributeValue::B(Blob::new([7; 32])));
    past.insert("old_hint".to_owned(), AttributeValue::S("ab12".to_owned()));
    past.insert("old_until".to_owned(), number(now.millis() - 61_000));
    past.insert("old_used_at".to_owned(), number(now.millis() - 62_000));
    let slot = |age: i64| (random::base62(8), number(now.millis() - age * 1_000));
    past.insert("slots".to_owned(), AttributeValue::M([slot(61), slot(50)].into()));
    let before = authorizer.database.item(&key).await;
    let put = authorizer.database.client().put_item().table_name(KEYS);
    put.set_item(Some(before.into_iter().chain(past).collect())).send().await.expect("a response");

    for _ in 0..2 {
        let (_, calls) = authorizer.authorize(secret.expose(), "/push", "/push").await;
        assert_eq!(calls.iter().map(|(_, status, _)| *status).collect::<Vec<_>>(), [200]);
    }

    let item = authorizer.database.item(&key).await;
    let remaining: Vec<_> = (0..30).map(expired).filter(|name| item.contains_key(name)).collect();
    assert_eq!(remaining, Vec::<String>::new());
    assert!(kept.iter().all(|name| item.contains_key(name)), "{item:?}");
    assert!(!item.keys().any(|name| name.starts_with("old_")), "{item:?}");
    assert_eq!(
        item["slots"].as_m().expect("a map").len(),
        2,
        "the slot that may still be in use, and the authorizer's own"
    );
}

#[tokio::test]
async fn the_previous_secret_of_a_concurrent_rotation_is_not_pruned() {
    let authorizer = Authorizer::start().await;
    let admin = EmbeddedDynamoDb::store(authorizer.database.url()).await;
    let (key, first) = authorizer.database.add_key(&admin, |_| ()).await;
    let rotate = async |key: &Key| {
        let secret = Secret::generate(&key.account, &key.id, &tag_key());
        let overlap = Overlap::try_from(600).expect("an overlap");
        let rotated = key.rotated(&secret, overlap, Timestamp::now());
        let event = AuditEvent::new(Action::Rotated, &key.created_by, Some(key), Some(&rotated), Timestamp::now());
        assert_eq!(admin.rotate_key(key, &rotated, &event, None).await.expect("a response"), EditOutcome::Written);
        (rotated, secret)
    };
    let (rotated, second) = rotate(&key).await;
    let end = authorizer.database.client().update_item().table_name(KEYS);
    let end = end.key("account", AttributeValue::S(key.account.to_string()));
    let end = end.key("id", AttributeValue::S(key.id.to_string())).update_expression("SET old_until = :past");
    let end = end.expression_attribute_values(":past", AttributeValue::N("1".to_owned()));
    end.send().await.expect("a response");
    // This request sees that the first secret has expired.
    let _ = authorizer.authorize(second.expose(), "/push", "/push").await;
    let (_, third) = rotate(&rotated).await;

    for (secret, allowed) in [(&third, true), (&second, true), (&first, false)] {
        let (response, _) = authorizer.authorize(secret.expose(), "/push", "/push").await;
        assert_eq!(response.is_ok(), allowed, "{response:?}");
    }
    assert!(authorizer.database.item(&key).await.contains_key("old_used_at"));
}
