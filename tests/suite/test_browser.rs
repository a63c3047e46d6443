//! The test browser of the laptop: pushes to it arrive decrypted, on its page.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Response};

async fn get(app: &App, path: &str) -> Response {
    app.send(app.request_outside(Method::GET, path)).await.expect(200)
}

/// The subscription of a new test browser to the channel `ops`.
async fn new_subscription(app: &App) -> Value {
    let path = "/_local/browser/subscription?channel=ops";
    let subscription = app.send(app.request_outside(Method::POST, path)).await.expect(201).json();
    assert_eq!(subscription["channels"], json!(["ops"]));
    subscription
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_arrives_decrypted_and_is_shown_as_text() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    assert!(get(&app, "/_local/browser").await.text.contains("No push has arrived yet."));
    app.subscriber().await.put(&new_subscription(&app).await).await.expect(201);
    let key = app.key().create().await;
    let title = "<script>alert(1)</script> & \"Hello\"";
    for (channel, title) in [("ops", "First"), ("news", "For nobody"), ("ops", title)] {
        let body = json!({ "title": title, "message": "It works", "target": { "channels": [channel] } });
        key.push(&body).await.expect(202);
        app.delivered().await;
    }

    let pushes = get(&app, "/_local/browser/pushes").await.json();
    let pushes = pushes["pushes"].as_array().expect("pushes");
    let titles: Vec<&Value> = pushes.iter().map(|push| &push["push"]["title"]).collect();
    assert_eq!(titles, [title, "First"], "the newest first");
    assert_eq!(pushes[0]["push"]["message"], "It works");
    let page = get(&app, "/_local/browser").await;
    assert!(
        page.text.contains("<h2>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;Hello&quot;</h2>"),
        "{}",
        page.text
    );
    assert!(page.header("Content-Security-Policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_the_program_forgot_is_unsubscribed_at_the_next_push() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let mut subscription = new_subscription(&app).await;
    let made_up = app.request_outside(Method::POST, "/_local/browser/subscription").body("a push");
    app.send(made_up).await.expect(400);
    // As after a restart with the tables of before.
    subscription["endpoint"] = format!("{}/_local/push/forgotten", app.url()).into();
    app.subscriber().await.put(&subscription).await.expect(201);
    let key = app.key().create().await;
    let push = key.push(&json!({ "title": "Hello" })).await.expect(202).json();
    app.delivered().await;
    let counts =
        key.get(&format!("/push/{}", push["id"].as_str().expect("an id"))).await.expect(200).json()["counts"].clone();
    assert_eq!(counts["gone"], 1, "{counts}");
    app.stop().await;
}
