//! Nothing of one account can be named by another: an id of a stranger answers exactly as an absent one.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::json;
use shared::key::KeyId;
use shared::time::Timestamp;
use tests::openapi::{Security, operations};
use tests::{Answer, App, Device, Key};

/// What globex has, and acme would like to name.
struct Globex<'a> {
    key: Key<'a>,
    channels_key: Key<'a>,
    push: String,
    subscription: String,
    device: Device,
}

/// An account with everything that an account can have; its channels are `secret` and `hidden`.
async fn globex(app: &App) -> Globex<'_> {
    let admin = app.person("admin@globex").await;
    for slug in ["secret", "hidden"] {
        let _ = admin.post("/channels", &json!({ "slug": slug })).await.expect(201);
    }
    let permissions = ["PushNotifications/Send", "Subscriptions/Write"];
    let key = app.key().permissions(&permissions).create_as("admin@globex").await;
    let channels_key = app.key().permissions(&permissions).channels(&["secret"]).create_as("admin@globex").await;
    let device = app.push_service.device();
    let subscription = key.subscribe(&device, &["secret"]).await;
    let push = key.push(&json!({ "title": "Inside globex" })).await.expect(202).json();
    app.delivered().await;
    Globex { push: push["id"].as_str().expect("an id").to_owned(), key, channels_key, subscription, device }
}

/// All that is kept of globex, where the tables can be looked into.
async fn state_of_globex(app: &App) -> Option<Vec<String>> {
    let dump = app.if_laptop()?.dump().await;
    Some(dump.lines().filter(|line| line.contains("globex")).map(str::to_owned).collect())
}

/// Status, headers and body without what differs between any two answers, and without the name that was asked for.
fn without(answer: &Answer, name: &str) -> (u16, BTreeMap<String, String>, String) {
    // The date, and what the gateway calls the request.
    let varies = |header: &str| header == "date" || header.starts_with("x-amz");
    let headers = answer.headers.iter().filter(|(header, _)| !varies(header.as_str()));
    let headers =
        headers.map(|(header, value)| (header.to_string(), value.to_str().expect("text").to_owned())).collect();
    let body = if answer.status >= 400 { answer.without_request_id() } else { answer.text.clone() };
    (answer.status, headers, body.replace(name, "<name>"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_account_answers_as_an_absent_one_on_every_route() {
    let app = App::start().await;
    let globex = globex(&app).await;
    app.channels(&["own"]).await;
    let admin = app.admin().await;
    let permissions = ["PushNotifications/Send", "Subscriptions/Write"];
    let all = app.key().permissions(&permissions).create().await;
    let some = app.key().permissions(&permissions).channels(&["own"]).create().await;
    let before = state_of_globex(&app).await;

    let absent_ulid = "01JD0000000000000000000000";
    let key = (globex.key.id.as_str(), absent_ulid);
    let push = (globex.push.as_str(), absent_ulid);
    let subscription = (globex.subscription.as_str(), "00000000000000000000000000000000");
    let slug = ("secret", "absent");
    let hello = r#"{"title":"Hello"}"#;
    let to_slug = r#"{"title":"Hello","target":{"channels":["own","{}"]}}"#;
    let new_key = r#"{"name":"New","permissions":["PushNotifications/Send"],"scope":"channels","channels":["{}"]}"#;
    let put = all.id.clone();
    let device = app.push_service.device();
    let in_slug = device.subscription(&["{}"]).to_string();

    // For people, then for a key of each scope.
    let people = &admin.token;
    let own_key = format!("/keys/{put}");
    let mut asked = BTreeSet::new();
    for (credential, method, path, body, (foreign, absent), status) in [
        (people, Method::GET, "/keys/{}", "", key, 404),
        (people, Method::PATCH, "/keys/{}", r#"{"name":"Mine","status":"inactive"}"#, key, 404),
        (people, Method::PATCH, "/keys/{}", r#"{"name":""}"#, key, 400),
        (people, Method::DELETE, "/keys/{}", "", key, 404),
        (people, Method::POST, "/keys/{}/rotate", r#"{"overlap_seconds":0}"#, key, 404),
        (people, Method::POST, "/keys/{}/explain", hello, key, 404),
        (people, Method::GET, "/keys/{}/history", "", key, 404),
        (people, Method::POST, "/keys", new_key, slug, 422),
        (people, Method::PATCH, &own_key, r#"{"scope":"channels","channels":["own","{}"]}"#, slug, 422),
        (people, Method::DELETE, "/channels/{}", "", slug, 404),
        (people, Method::DELETE, "/channels/{}", "", ("hidden", "absent"), 404),
        (people, Method::GET, "/pushes/{}", "", push, 404),
        (&all.secret, Method::GET, "/push/{}", "", push, 404),
        (&some.secret, Method::GET, "/push/{}", "", push, 404),
        (&all.secret, Method::POST, "/push", to_slug, slug, 422),
        (&some.secret, Method::POST, "/push", to_slug, slug, 403),
        (&all.secret, Method::POST, "/channels/{}/push", hello, slug, 422),
        (&some.secret, Method::POST, "/channels/{}/push", hello, slug, 403),
        (&all.secret, Method::PUT, "/subscriptions", &in_slug, slug, 422),
        (&some.secret, Method::PUT, "/subscriptions", &in_slug, slug, 403),
        (&all.secret, Method::DELETE, "/subscriptions/{}", "", subscription, 404),
        (&some.secret, Method::DELETE, "/subscriptions/{}", "", subscription, 404),
    ] {
        let case = format!("{method} {path} {body}");
        asked.insert(format!("{method} {path}"));
        let mut answers = Vec::new();
        for name in [foreign, absent] {
            let request = app.request(method.clone(), &path.replace("{}", name)).bearer_auth(credential);
            let answer = app.send(request.body(body.replace("{}", name))).await;
            answers.push(without(&answer, name));
        }
        assert_eq!(answers[0].0, status, "{case}: {answers:?}");
        assert_eq!(answers[0], answers[1], "{case}");
    }
    assert_eq!(state_of_globex(&app).await, before, "nothing of globex changed");
    let named = operations().into_iter().filter(|it| it.security != Security::Nobody && it.path.contains('{'));
    let named: Vec<String> = named.map(|it| it.name().replace("{id}", "{}").replace("{channel}", "{}")).collect();
    assert!(named.len() >= 10 && named.iter().all(|name| asked.contains(name)), "{named:?} of {asked:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_account_answers_as_an_absent_one() {
    let app = App::start().await;
    app.channels(&["aaa", "zzz"]).await;
    let key = app.key().create().await;
    let _ = key.push(&json!({ "title": "Hello" })).await.expect(202);
    let globex = globex(&app).await;
    let admin = app.admin().await;
    let cursor = |place: &str| URL_SAFE_NO_PAD.encode(place);
    // Later than all of acme, like those of globex.
    let absent = KeyId::generate(Timestamp::now());

    for (path, foreign, absent) in [
        ("/keys", globex.key.id.as_str(), absent.as_str()),
        ("/pushes", globex.push.as_str(), absent.as_str()),
        ("/channels", "secret", "secreu"),
    ] {
        let mut answers = Vec::new();
        for place in [foreign, absent] {
            let answer = admin.get(&format!("{path}?cursor={}", cursor(place))).await.expect(200);
            answers.push(without(&answer, place));
        }
        assert_eq!(answers[0], answers[1], "{path}");
        for name in [&globex.key.id, &globex.channels_key.id, &globex.push, "secret", "hidden", "Gina"] {
            assert!(!answers[0].2.contains(name), "{path} shows {name}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_keys_of_two_accounts_see_only_their_own() {
    let app = App::start().await;
    let globex = globex(&app).await;
    app.channels(&["own"]).await;
    let key = app.key().create().await;
    let _ = key.push(&json!({ "title": "Inside acme" })).await.expect(202);

    for (user, others) in [
        ("admin@acme", vec![globex.key.id.as_str(), &globex.channels_key.id, &globex.push, "secret", "hidden", "Gina"]),
        (
            "member@acme",
            vec![globex.key.id.as_str(), &globex.channels_key.id, &globex.push, "secret", "hidden", "Gina"],
        ),
        ("admin@globex", vec![key.id.as_str(), r#""own""#, "Ada"]),
        ("member@globex", vec![key.id.as_str(), r#""own""#, "Ada"]),
    ] {
        let person = app.person(user).await;
        for list in ["/keys", "/channels", "/pushes"] {
            let answer = person.get(list).await.expect(200);
            for other in &others {
                assert!(!answer.text.contains(other), "{user} sees {other} in {list}");
            }
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reaches_no_channel_no_push_and_no_subscription_of_another_account() {
    let app = App::start().await;
    let globex = globex(&app).await;
    app.channels(&["own", "secret"]).await;
    let device = app.push_service.device();
    let subscriber = app.subscriber().await;
    let subscription = subscriber.subscribe(&device, &["own", "secret"]).await;
    let own = app.key().create().await;
    let push = own.push(&json!({ "title": "Inside acme", "dry_run": false })).await.expect(202).json();
    let push = push["id"].as_str().expect("an id");
    app.delivered().await;
    let (ours, theirs) = (device.attempts(), globex.device.attempts());

    // Everything that globex can send, to everyone and to the slug that both have.
    let hello = json!({ "title": "From globex" });
    let to_secret = json!({ "title": "From globex", "target": { "channels": ["secret"] } });
    for key in [&globex.key, &globex.channels_key] {
        for answer in [key.push(&hello).await, key.push(&to_secret).await, key.push_to("secret", &hello).await] {
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        assert_eq!(key.get(&format!("/push/{push}")).await.refusal(), (404, "not_found".to_owned()));
        let delete = key.delete(&format!("/subscriptions/{subscription}")).await;
        assert_eq!(delete.refusal(), (404, "not_found".to_owned()));
    }
    assert_eq!(globex.key.push_to("own", &hello).await.refusal(), (422, "unknown_channel".to_owned()));
    assert_eq!(globex.channels_key.push_to("own", &hello).await.refusal(), (403, "scope_violation".to_owned()));
    app.delivered().await;

    assert_eq!((device.attempts(), globex.device.attempts()), (ours, theirs + 6));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_device_is_a_subscription_of_its_own_in_each_account() {
    let app = App::start().await;
    let globex = globex(&app).await;
    let acme = app.subscriber().await;
    let (in_globex, in_acme) = (globex.subscription.clone(), acme.subscribe(&globex.device, &[]).await);
    assert_ne!(in_globex, in_acme, "the id says nothing of the other account");

    let _ = acme.delete(&format!("/subscriptions/{in_acme}")).await.expect(204);
    let before = globex.device.attempts();
    let accepted = globex.channels_key.push(&json!({ "title": "Still here" })).await.expect(202).json();
    app.delivered().await;

    assert_eq!(accepted["audience"], json!({ "all": false, "channels": ["secret"] }));
    assert_eq!(globex.device.attempts(), before + 1);
    app.stop().await;
}
