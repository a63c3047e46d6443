//! The contract, the template and the pages of the problems speak of the same routes and codes, and every answer to a key
//! with limits carries the headers that the contract promises of them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use tests::contract::{Security, operations, problems};
use tests::{Answer, App, Laptop};

fn routes(laptop: &Laptop) -> BTreeSet<(String, Security)> {
    let security = |authorizer: Option<&str>| match authorizer {
        Some("UserPoolAuthorizer") => Security::Person,
        Some("ApiKeyAuthorizer") => Security::Key,
        None => Security::Nobody,
        Some(other) => panic!("the contract has no name for the authorizer {other}"),
    };
    let routes = laptop.routes().iter();
    routes.map(|it| (format!("{} {}", it.method, it.resource), security(it.authorizer.as_deref()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_has_the_templates_routes_and_authorizers_and_no_others() {
    let app = App::start().await;
    let documented: BTreeSet<_> = operations().iter().map(|it| (it.name(), it.security)).collect();
    assert_eq!(routes(app.laptop()), documented);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_its_page_with_its_title_and_status() {
    let app = App::start().await;
    for (code, status, title) in problems() {
        let page = app.send(app.request(Method::GET, &format!("/problems/{code}"))).await.expect(200).text;
        assert!(page.contains(&format!("<title>{title} ({code})</title>")), "{code}: {page}");
        assert!(page.contains(&format!("<code>{status} {code}</code>")), "{code}: {page}");
    }
    let unknown = app.send(app.request(Method::GET, "/problems/no_such_code")).await;
    assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
    app.stop().await;
}

#[test]
fn every_page_is_of_a_code_of_the_contract() {
    let documented: BTreeSet<&str> = problems().into_iter().map(|(code, ..)| code).collect();
    assert_eq!(get_problem::codes().collect::<BTreeSet<_>>(), documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_laptop_shows_every_route_of_the_contract_to_read() {
    let app = App::start().await;
    let answer = app.send(app.request_outside(Method::GET, "/_local/api")).await.expect(200);

    assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
    let sections: Vec<&str> = answer.text.split("<h3 id=").collect();
    for operation in operations() {
        let name = format!("<code>{}</code></h3>", operation.name());
        let section = sections.iter().find(|section| section.contains(&name)).unwrap_or_else(|| panic!("no {name}"));
        for (status, codes) in operation.answers() {
            let shown = section.split("<summary>").find(|it| it.starts_with(&format!("<code>{status}</code>")));
            let shown = shown.unwrap_or_else(|| panic!("{name} has no {status}"));
            assert!(
                codes.iter().all(|code| shown.contains(&format!("<code>{code}</code>"))),
                "{name} {status}: {shown}"
            );
        }
    }
    assert!(answer.text.contains("overlap_seconds") && answer.text.contains("Idempotency-Key"));
    let elsewhere = ["src=", "http-equiv", "<script", "<link", "@import", "url("];
    assert!(elsewhere.iter().all(|it| !answer.text.contains(it)), "nothing is loaded from elsewhere");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_a_function_to_a_key_with_limits_says_what_is_left_of_both() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let plan = || {
        let plan = app.key().permissions(&["PushNotifications/Send", "Subscriptions/Write"]);
        plan.with("limits", json!({ "per_minute": 60, "per_day": 1000 }))
    };
    let (key, narrow) = (plan().create().await, plan().channels(&["ops"]).create().await);
    let device = app.push_service.device();
    let to = |channel: &str| json!({ "title": "Hello", "target": { "channels": [channel] } });
    let id = |answer: &Answer| answer.json()["id"].as_str().expect("an id").to_owned();

    // Nobody is in `news`.
    let sent = key.push(&to("news")).await.expect(202);
    let left = sent.header("RateLimit").expect("what is left");
    assert!(left.starts_with(r#""day";r=999;t="#) && left.contains(r#", "minute";r=59;t="#), "{left}");
    let subscribed = key.put(&device.subscription(&["ops"])).await.expect(201);
    let answers = [
        key.get(&format!("/push/{}", id(&sent))).await.expect(200),
        key.get("/push/01M85000000000000000000000").await.expect(404),
        key.push(&json!({ "title": "Hello", "dry_run": true })).await.expect(200),
        key.push(&json!({})).await.expect(400),
        narrow.push(&to("news")).await.expect(403),
        key.push(&json!({ "title": "x".repeat(4_000) })).await.expect(413),
        key.push(&to("nope")).await.expect(422),
        key.put(&device.subscription(&[])).await.expect(200),
        key.put(&json!({})).await.expect(400),
        key.put(&device.subscription(&["nope"])).await.expect(422),
        key.get("/subscriptions/config").await.expect(200),
        key.delete(&format!("/subscriptions/{}", id(&subscribed))).await.expect(204),
    ];

    for answer in answers.iter().chain([&sent, &subscribed]) {
        let policy = answer.header("RateLimit-Policy");
        assert_eq!(policy, Some(r#""day";q=1000;w=86400, "minute";q=60;w=60"#), "{} {}", answer.status, answer.text);
        assert!(answer.header("RateLimit").is_some(), "{} {}", answer.status, answer.text);
    }
    app.stop().await;
}
