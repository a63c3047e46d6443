//! Account isolation: an id of another account gets exactly the response of an absent one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::json;
use tests::openapi::{Security, operations};
use tests::{App, Browser, Key, Response};

/// Objects of the account globex, which acme tries to reach.
struct Globex<'a> {
    key: Key<'a>,
    channels_key: Key<'a>,
    push: String,
    subscription: String,
    browser: Browser,
}

/// Creates an object of each kind in globex; its channels are `secret` and `hidden`.
async fn globex(app: &App) -> Globex<'_> {
    let admin = app.user("admin@globex").await;
    for slug in ["secret", "hidden"] {
        admin.post("/channels", &json!({ "slug": slug })).await.expect(201);
    }
    let key = app.key().all_permissions().create_as("admin@globex").await;
    let channels_key = app.key().all_permissions().channels(&["secret"]).create_as("admin@globex").await;
    let browser = app.push_service.browser();
    let subscription = key.subscribe(&browser, &["secret"]).await;
    let push = key.push(&json!({ "title": "Inside globex" })).await.expect(202).json();
    app.delivered().await;
    Globex { push: push["id"].as_str().expect("an id").to_owned(), key, channels_key, subscription, browser }
}

/// Every item of globex, if the tables can be read.
async fn state_of_globex(app: &App) -> Option<Vec<String>> {
    let dump = app.if_local()?.dump().await;
    Some(dump.lines().filter(|line| line.contains("globex")).map(str::to_owned).collect())
}

/// The status, headers and body, without what differs between any two responses and without the requested name.
fn without(response: &Response, name: &str) -> (u16, BTreeMap<String, String>, String) {
    // The date and the request id differ in each response.
    let varies = |header: &str| header == "date" || header.starts_with("x-amz");
    let headers = response.headers.iter().filter(|(header, _)| !varies(header.as_str()));
    let headers =
        headers.map(|(header, value)| (header.to_string(), value.to_str().expect("text").to_owned())).collect();
    let body = if response.status >= 400 { response.without_request_id() } else { response.text.clone() };
    (response.status, headers, body.replace(name, "<name>"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_account_looks_absent_on_every_route() {
    let app = App::start().await;
    let globex = globex(&app).await;
    app.channels(&["own"]).await;
    let admin = app.admin().await;
    let all = app.key().all_permissions().create().await;
    let some = app.key().all_permissions().channels(&["own"]).create().await;
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
    let browser = app.push_service.browser();
    let in_slug = browser.subscription(&["{}"]).to_string();

    let user = &admin.token;
    let own_key = format!("/keys/{put}");
    // Each operation with a name in its path, with its example.
    let mut requests = Vec::new();
    for operation in operations().into_iter().filter(|it| it.security != Security::Public && it.path.contains('{')) {
        let names = match operation.path {
            path if path.contains("{channel}") => slug,
            path if path.starts_with("/keys/") => key,
            path if path.starts_with("/subscriptions/") => subscription,
            path if path.starts_with("/push") => push,
            path => panic!("{path} has a name of a new kind: say here which one exists"),
        };
        let credential = if operation.security == Security::User { user } else { &all.secret };
        let path = operation.path.replace("{id}", "{}").replace("{channel}", "{}");
        let body = operation.example_body().map(ToString::to_string).unwrap_or_default();
        requests.push((credential, operation.method, path, body, names, None));
    }
    assert!(requests.len() >= 10, "{requests:?}");
    // Names in bodies, invalid bodies, and a key of each scope.
    for (credential, method, path, body, names, status) in [
        (user, Method::PATCH, "/keys/{}", r#"{"name":""}"#, key, 400),
        (user, Method::POST, "/keys", new_key, slug, 422),
        (user, Method::PATCH, &own_key, r#"{"scope":"channels","channels":["own","{}"]}"#, slug, 422),
        (user, Method::DELETE, "/channels/{}", "", ("hidden", "absent"), 404),
        (&some.secret, Method::GET, "/push/{}", "", push, 404),
        (&all.secret, Method::POST, "/push", to_slug, slug, 422),
        (&some.secret, Method::POST, "/push", to_slug, slug, 403),
        (&some.secret, Method::POST, "/channels/{}/push", hello, slug, 403),
        (&all.secret, Method::PUT, "/subscriptions", &in_slug, slug, 422),
        (&some.secret, Method::PUT, "/subscriptions", &in_slug, slug, 403),
        (&some.secret, Method::DELETE, "/subscriptions/{}", "", subscription, 404),
    ] {
        requests.push((credential, method, path.to_owned(), body.to_owned(), names, Some(status)));
    }
    for (credential, method, path, body, (foreign, absent), status) in requests {
        let case = format!("{method} {path} {body}");
        let mut responses = Vec::new();
        for name in [foreign, absent] {
            let request = app.request(method.clone(), &path.replace("{}", name)).bearer_auth(credential);
            let response = app.send(request.body(body.replace("{}", name))).await;
            responses.push(without(&response, name));
        }
        let expected = status.map_or(vec![404, 422], |status| vec![status]);
        assert!(expected.contains(&responses[0].0), "{case}: {responses:?}");
        assert_eq!(responses[0], responses[1], "{case}");
    }
    assert_eq!(state_of_globex(&app).await, before, "nothing of globex changed");
    app.stop().await;
}

/// The lists of an account with two entries in each, and the cursor of the second page of each.
async fn cursors(app: &App, admin: &str) -> Vec<(String, String)> {
    let user = app.user(admin).await;
    for slug in ["first", "second"] {
        user.post("/channels", &json!({ "slug": slug })).await.expect(201);
    }
    let keys = [app.key().create_as(admin).await, app.key().create_as(admin).await];
    let mut lists = ["/keys", "/channels", "/pushes"].map(str::to_owned).to_vec();
    for key in keys {
        key.push(&json!({ "title": "Hello" })).await.expect(202);
        user.patch(&format!("/keys/{}", key.id), &json!({ "name": "Renamed" })).await.expect(200);
        lists.push(format!("/keys/{}/history", key.id));
    }
    let mut cursors = Vec::new();
    for list in lists {
        let page = user.get(&format!("{list}?limit=1")).await.expect(200).json();
        cursors.push((list, page["next_cursor"].as_str().expect("a cursor").to_owned()));
    }
    cursors
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_valid_in_its_own_list_and_account_alone() {
    let app = App::start().await;
    let (acme, globex) = (cursors(&app, "admin@acme").await, cursors(&app, "admin@globex").await);
    let admin = app.admin().await;
    let entry = |cursor: &str| {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).expect("base64url")).expect("text");
        text.rsplit(' ').next().expect("an entry").to_owned()
    };

    for (list, own) in &acme {
        admin.get(&format!("{list}?cursor={own}")).await.expect(200);
        let rejected = admin.get(&format!("{list}?cursor=bm8gY3Vyc29y")).await;
        rejected.assert_problem(400, "invalid_parameter");
        let of_others = acme.iter().chain(&globex).map(|(_, cursor)| cursor).filter(|cursor| *cursor != own);
        // The bare entry, and another version of the cursor.
        let by_hand = [
            entry(own),
            URL_SAFE_NO_PAD
                .decode(own)
                .map(|it| String::from_utf8(it).expect("text").replacen('1', "2", 1))
                .expect("base64url"),
        ];
        for cursor in of_others.cloned().chain(by_hand.map(|text| URL_SAFE_NO_PAD.encode(text))) {
            let response = admin.get(&format!("{list}?cursor={cursor}")).await;
            assert_eq!(without(&response, ""), without(&rejected, ""), "{list} {cursor}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_keys_see_only_their_own_account() {
    let app = App::start().await;
    let globex = globex(&app).await;
    app.channels(&["own"]).await;
    let key = app.key().create().await;
    key.push(&json!({ "title": "Inside acme" })).await.expect(202);

    for (email, others) in [
        ("admin@acme", vec![globex.key.id.as_str(), &globex.channels_key.id, &globex.push, "secret", "hidden", "Gina"]),
        (
            "member@acme",
            vec![globex.key.id.as_str(), &globex.channels_key.id, &globex.push, "secret", "hidden", "Gina"],
        ),
        ("admin@globex", vec![key.id.as_str(), r#""own""#, "Ada"]),
        ("member@globex", vec![key.id.as_str(), r#""own""#, "Ada"]),
    ] {
        let user = app.user(email).await;
        for list in ["/keys", "/channels", "/pushes"] {
            let response = user.get(list).await.expect(200);
            for other in &others {
                assert!(!response.text.contains(other), "{email} sees {other} in {list}");
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
    let browser = app.push_service.browser();
    let subscriber = app.subscriber().await;
    let subscription = subscriber.subscribe(&browser, &["own", "secret"]).await;
    let own = app.key().create().await;
    let push = own.push(&json!({ "title": "Inside acme", "dry_run": false })).await.expect(202).json();
    let push = push["id"].as_str().expect("an id");
    app.delivered().await;
    let (ours, theirs) = (browser.attempts(), globex.browser.attempts());

    // Globex sends to everyone, and to the slug that exists in both accounts.
    let hello = json!({ "title": "From globex" });
    let to_secret = json!({ "title": "From globex", "target": { "channels": ["secret"] } });
    for key in [&globex.key, &globex.channels_key] {
        for response in [key.push(&hello).await, key.push(&to_secret).await, key.push_to("secret", &hello).await] {
            assert_eq!(response.status, 202, "{}", response.text);
        }
        key.get(&format!("/push/{push}")).await.assert_problem(404, "not_found");
        let delete = key.delete(&format!("/subscriptions/{subscription}")).await;
        delete.assert_problem(404, "not_found");
    }
    globex.key.push_to("own", &hello).await.assert_problem(422, "unknown_channel");
    globex.channels_key.push_to("own", &hello).await.assert_problem(403, "scope_violation");
    app.delivered().await;

    assert_eq!((browser.attempts(), globex.browser.attempts()), (ours, theirs + 6));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_browser_has_a_separate_subscription_in_each_account() {
    let app = App::start().await;
    let globex = globex(&app).await;
    let acme = app.subscriber().await;
    let (in_globex, in_acme) = (globex.subscription.clone(), acme.subscribe(&globex.browser, &[]).await);
    assert_ne!(in_globex, in_acme, "the id does not reveal the other account");

    acme.delete(&format!("/subscriptions/{in_acme}")).await.expect(204);
    let before = globex.browser.attempts();
    let accepted = globex.channels_key.push(&json!({ "title": "Still here" })).await.expect(202).json();
    app.delivered().await;

    assert_eq!(accepted["audience"], json!({ "all": false, "channels": ["secret"] }));
    assert_eq!(globex.browser.attempts(), before + 1);
    app.stop().await;
}
