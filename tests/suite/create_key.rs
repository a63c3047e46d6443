//! `POST /keys`: the secret is shown once, and every field error of a body is reported.

use regex_lite::Regex;
use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::secret::PATTERN;
use shared::domain::time::{Timestamp, date};
use tests::{App, Response, redact};

fn key(name: &str) -> Value {
    json!({ "name": name, "permissions": ["PushNotifications/Send"], "scope": "all" })
}

fn with(field: &str, value: &Value) -> Value {
    let mut body = key("Webshop");
    body[field] = value.clone();
    body
}

async fn keys_of_acme(app: &App) -> usize {
    let list = app.admin().await.get("/keys").await.expect(200).json();
    list["keys"].as_array().expect("a list").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_returned_with_its_secret() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;

    let today = Timestamp::now().day();
    let body = json!({
        "name": "Webshop integration", "permissions": ["Subscriptions/Write", "PushNotifications/Send"],
        "scope": "channels", "channels": ["ops", "news"], "expires_at": "2999-01-01T01:00:00+01:00",
        "limits": { "per_minute": 60, "per_day": 1000 },
    });
    let response = admin.post("/keys", &body).await.expect(201);
    let tomorrow = Timestamp::now().day();

    let mut body = response.json();
    let id = body["key"]["id"].as_str().expect("an id").to_owned();
    let secret = body["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(response.header("Location"), Some(format!("/v1/keys/{id}").as_str()));
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    assert!(Regex::new(&format!("^{PATTERN}$")).expect("a pattern").is_match(&secret));
    assert!(secret.starts_with(&format!("pgk_{}_{id}_", app.account("acme"))));
    let random_end = secret.len() - 6;
    assert_eq!(body["key"]["hint"], secret[random_end - 4..random_end], "the last 4 before the checksum");

    // 30 days, newest first; a new day may begin during the test.
    let days = body["key"]["usage"]["days"].take();
    let unused = |last: i64| -> Value { (0..30).map(|ago| json!({ "date": date(last - ago), "count": 0 })).collect() };
    assert!(days == unused(today) || days == unused(tomorrow), "{days}");

    body["secret"] = "<secret>".into();
    body["key"]["hint"] = "<hint>".into();
    assert_eq!(body["key"]["etag"].as_str(), response.header("ETag"));
    body["key"]["etag"] = "<etag>".into();
    body["key"]["usage"]["days"] = "<30 days>".into();
    insta::assert_snapshot!(redact(&body), @r#"
    {
      "key": {
        "channels": [
          "news",
          "ops"
        ],
        "created_at": "<timestamp>",
        "created_by": {
          "id": "<uuid>",
          "name": "Ada"
        },
        "etag": "<etag>",
        "expires_at": "<timestamp>",
        "hint": "<hint>",
        "id": "<ulid>",
        "last_used_at": null,
        "limits": {
          "per_day": 1000,
          "per_minute": 60
        },
        "name": "Webshop integration",
        "permissions": [
          "PushNotifications/Send",
          "Subscriptions/Write"
        ],
        "rotation": null,
        "scope": "channels",
        "status": "active",
        "updated_at": "<timestamp>",
        "usage": {
          "days": "<30 days>",
          "total": 0
        }
      },
      "secret": "<secret>"
    }
    "#);
    assert_eq!(body["key"]["expires_at"], "2999-01-01T00:00:00.000Z", "the same time in UTC");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn omitted_limits_and_channels_default_to_none() {
    let app = App::start().await;
    let admin = app.admin().await;

    let plain = admin.post("/keys", &key("Plain")).await.expect(201).json();
    let nulls = json!({ "expires_at": null, "limits": { "per_minute": null, "per_day": 5 } });
    let mut body = key("Nulls");
    body.as_object_mut().expect("an object").append(&mut nulls.as_object().expect("an object").clone());
    let nulls = admin.post("/keys", &body).await.expect(201).json();

    for (key, per_day) in [(&plain["key"], Value::Null), (&nulls["key"], json!(5))] {
        assert_eq!((&key["scope"], &key["channels"]), (&json!("all"), &json!([])));
        assert_eq!(key["expires_at"], Value::Null);
        assert_eq!(key["limits"], json!({ "per_minute": null, "per_day": per_day }));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_never_shown_again() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);

    let responses = [
        admin.get("/keys").await.expect(200),
        admin.get(&path).await.expect(200),
        admin.patch(&path, &json!({ "name": "Renamed" })).await.expect(200),
    ];

    let random = key.secret.rsplit('_').next().expect("the random part");
    for response in responses {
        assert!(!response.text.contains(random), "{}", response.text);
        assert!(!response.text.contains(r#""secret""#), "{}", response.text);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_error_of_a_body_has_its_pointer() {
    let app = App::start().await;
    let body = json!({
        "name": "", "permissions": ["PushNotifications/Send", "Keys/Write"], "scope": "some",
        "channels": ["ops", "Not a slug", 7], "expires_at": "tomorrow",
        "limits": { "per_minute": 0, "per_day": "9", "per_year": 1 }, "owner/of": "me",
    });

    let response = app.admin().await.post("/keys", &body).await.expect(400);

    assert_eq!(response.header("Content-Type"), Some("application/problem+json"));
    insta::assert_snapshot!(redact(&response.json()), @r#"
    {
      "code": "invalid_body",
      "detail": "10 fields are invalid",
      "errors": [
        {
          "detail": "has 1 to 100 characters",
          "pointer": "/name"
        },
        {
          "detail": "is not a permission: PushNotifications/Send or Subscriptions/Write",
          "pointer": "/permissions/1"
        },
        {
          "detail": "is not a scope: all or channels",
          "pointer": "/scope"
        },
        {
          "detail": "is not a channel slug: 1 to 64 of a-z, 0-9 and -, not beginning or ending with -",
          "pointer": "/channels/1"
        },
        {
          "detail": "is not a string",
          "pointer": "/channels/2"
        },
        {
          "detail": "is not an RFC 3339 timestamp, like 2026-11-23T10:00:00Z",
          "pointer": "/expires_at"
        },
        {
          "detail": "is not a whole number from 1 to 4294967295",
          "pointer": "/limits/per_minute"
        },
        {
          "detail": "is not a whole number from 1 to 4294967295",
          "pointer": "/limits/per_day"
        },
        {
          "detail": "is not a field here",
          "pointer": "/limits/per_year"
        },
        {
          "detail": "is not a field here",
          "pointer": "/owner~1of"
        }
      ],
      "request_id": "<uuid>",
      "status": 400,
      "title": "The body is not valid",
      "type": "/v1/problems/invalid_body"
    }
    "#);
    assert_eq!(keys_of_acme(&app).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_required_field_has_its_pointer() {
    let app = App::start().await;
    let response = app.admin().await.post("/keys", &json!({})).await.expect(400);
    assert_eq!(response.field_errors(), ["/name: is required", "/permissions: is required", "/scope: is required"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_1_to_100_scalar_values_and_no_hidden_characters() {
    let app = App::start().await;
    let admin = app.admin().await;

    for good in [
        "W",
        " W ",
        "Übung ✓ 日本語",
        &"ß".repeat(100),
        &"👩".repeat(100),
        "e\u{301}",
        "می\u{200c}خواهم",
        "👩\u{200d}🚀",
    ] {
        let response = admin.post("/keys", &key(good)).await.expect(201);
        assert_eq!(response.json()["key"]["name"], good, "stored unchanged");
    }
    let too_long = "ß".repeat(101);
    let control = ["a\nb", "a\tb", "a\u{0}b", "a\u{7f}b", "a\u{85}b"];
    let override_ = ["a\u{202a}b", "a\u{202d}b", "a\u{202e}b", "a\u{2066}b", "a\u{2069}b"];
    let hidden = [
        "a\u{200b}b",
        "a\u{ad}b",
        "\u{3164}",
        "\u{115f}",
        "\u{2800}",
        "a\u{200d}b",
        "a\u{e0041}",
        "a\u{2028}b",
        "a\u{200f}",
    ];
    let bad = ["", " ", "\u{a0}\u{3000}\u{2003}", &too_long];
    for bad in bad.iter().chain(&control).chain(&override_).chain(&hidden) {
        let response = admin.post("/keys", &key(bad)).await.expect(400);
        assert_eq!(response.pointers(), ["/name"], "{bad:?}");
    }
    for bad in [json!(null), json!(7), json!(["W"]), json!({ "en": "W" })] {
        let response = admin.post("/keys", &with("name", &bad)).await.expect(400);
        assert_eq!(response.field_errors(), ["/name: is not a string"], "{bad}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_inconsistent_scope_and_channels_is_not_created() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let scoped = |scope: Value, channels: Value| {
        let mut body = with("scope", &scope);
        body["channels"] = channels;
        body
    };

    for (body, place) in [
        (scoped(json!("all"), json!(["ops"])), "/channels"),
        (scoped(json!("all"), json!([])), "/channels"),
        (scoped(json!("all"), json!(null)), "/channels"),
        (with("scope", &json!("channels")), "/channels"),
        (scoped(json!("channels"), json!([])), "/channels"),
        (scoped(json!("channels"), json!(null)), "/channels"),
        (scoped(json!("channels"), json!("ops")), "/channels"),
        (scoped(json!("channels"), json!({ "0": "ops" })), "/channels"),
        (scoped(json!("channels"), json!(["ops", null])), "/channels/1"),
        (scoped(json!("ALL"), json!(["ops"])), "/scope"),
        (scoped(json!(null), json!(["ops"])), "/scope"),
        (with("permissions", &json!([])), "/permissions"),
        (with("permissions", &json!("PushNotifications/Send")), "/permissions"),
        (with("permissions", &json!(null)), "/permissions"),
        (with("permissions", &json!(["pushnotifications/send"])), "/permissions/0"),
    ] {
        assert_eq!(admin.post("/keys", &body).await.expect(400).pointers(), [place], "{body}");
    }
    assert_eq!(keys_of_acme(&app).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_at_most_50_channels_and_each_must_exist() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..51).map(|n| format!("channel-{n:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let admin = app.admin().await;
    let scoped = |channels: &[&str]| app.key().channels(channels).body;

    let most = admin.post("/keys", &scoped(&slugs[..50])).await.expect(201);
    assert_eq!(most.json()["key"]["channels"], json!(slugs[..50]));
    assert_eq!(admin.post("/keys", &scoped(&slugs)).await.expect(400).pointers(), ["/channels"]);

    let repeated = ["channel-01", "channel-00", "channel-01", "channel-01"];
    let collapsed = admin.post("/keys", &scoped(&repeated)).await.expect(201);
    assert_eq!(collapsed.json()["key"]["channels"], json!(["channel-00", "channel-01"]), "each once, sorted");

    let unknown = admin.post("/keys", &scoped(&["channel-00", "nope", "missing"])).await;
    unknown.assert_problem(422, "unknown_channel");
    assert_eq!(unknown.json()["detail"], "Unknown channels: missing nope");
    assert_eq!(keys_of_acme(&app).await, 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expires_at_must_be_in_the_future_and_limits_are_integers_from_1() {
    let app = App::start().await;
    let admin = app.admin().await;
    let now = Timestamp::now();

    for bad in [
        json!(now.plus_seconds(-1).to_string()),
        json!("2020-01-01T00:00:00Z"),
        json!("2999-01-01"),
        json!(""),
        json!("2999-13-01T00:00:00Z"),
        json!("2999-01-01T00:00:00"),
        json!(32_472_144_000_000_i64),
        json!(true),
    ] {
        let response = admin.post("/keys", &with("expires_at", &bad)).await.expect(400);
        assert_eq!(response.pointers(), ["/expires_at"], "{bad}");
    }
    let soon = now.plus_seconds(3_600).to_string();
    let response = admin.post("/keys", &with("expires_at", &json!(soon))).await.expect(201);
    assert_eq!(response.json()["key"]["expires_at"], soon);

    // JSON Schema takes 10.0 for an integer, and so do some serializers.
    let response = admin.post("/keys", &with("limits", &json!({ "per_day": 10.0 }))).await.expect(201);
    assert_eq!(response.json()["key"]["limits"]["per_day"], 10);
    for bad in [json!(0), json!(-1), json!(-1.0), json!(1.5), json!("10"), json!(4_294_967_296_u64), json!([1])] {
        let response = admin.post("/keys", &with("limits", &json!({ "per_day": bad }))).await.expect(400);
        assert_eq!(response.pointers(), ["/limits/per_day"], "{bad}");
    }
    for bad in [json!(null), json!(10), json!([])] {
        let response = admin.post("/keys", &with("limits", &bad)).await.expect(400);
        assert_eq!(response.pointers(), ["/limits"], "{bad}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_an_object_is_one_field_error() {
    let app = App::start().await;
    let admin = app.admin().await;

    for body in ["", "nope", "{", "[]", "null", "7", r#""key""#, r#"["Webshop",["PushNotifications/Send"],"all"]"#] {
        let request = app.request(Method::POST, "/keys").bearer_auth(&admin.token).body(body);
        let response = app.send(request).await.expect(400);
        response.assert_text_in(format_args!("{body}"), "code", "invalid_body");
        assert_eq!(response.pointers(), [""], "{body}");
    }
    assert_eq!(keys_of_acme(&app).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_of_an_account_can_create_keys() {
    let app = App::start().await;
    let denied = app.user("member@acme").await.post("/keys", &key("Mine")).await;
    denied.assert_problem(403, "admin_required");
    let nowhere = app.user("nobody@nowhere").await.post("/keys", &key("Mine")).await;
    nowhere.assert_problem(403, "no_account");
    assert_eq!(keys_of_acme(&app).await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_without_a_valid_token_gets_the_same_401() {
    let app = App::start().await;
    let admin = app.admin().await;
    let secret = app.key().create().await.secret;
    let mut forged = admin.token.clone().into_bytes();
    let middle = admin.token.find('.').expect("a token") + 20;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("ASCII");
    let unsigned = admin.token[..=admin.token.rfind('.').expect("a token")].to_owned();
    let request = || app.request(Method::POST, "/keys").body(key("Mine").to_string());

    let responses: Vec<Response> = [
        app.send(request()).await,
        app.send(request().bearer_auth("nonsense")).await,
        app.send(request().bearer_auth(&forged)).await,
        app.send(request().bearer_auth(&unsigned)).await,
        app.send(request().bearer_auth(&secret)).await,
        app.send(request().header("x-api-key", &secret)).await,
        app.send(request().header("Authorization", "Basic YWRtaW46YWRtaW4=")).await,
    ]
    .into();

    for response in &responses {
        response.assert_problem(401, "unauthenticated");
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));
        assert_eq!(response.without_request_id(), responses[0].without_request_id());
    }
    assert_eq!(keys_of_acme(&app).await, 1);
    app.stop().await;
}
