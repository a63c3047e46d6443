//! The web page in a real browser: it subscribes, and a push goes the whole way to a notification.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use local::{Local, Options};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::example;
use crate::browser::{Autopush, Event, Firefox, Site};

/// How long the API may take until it shows a change.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The page in a browser, with a Pushgate that reaches the browser's push service.
struct Scene {
    pushgate: Local,
    client: Client,
    admin: String,
    page_key: Value,
    sender_key: String,
    autopush: Autopush,
    site: Site,
    firefox: Firefox,
}

impl Scene {
    async fn start() -> Self {
        let autopush = Autopush::start().await;
        let pushgate = Local::start(Options {
            port: 0,
            data: None,
            push_hosts: vec![autopush.host()],
            functions: None,
            redrive: false,
            template: PathBuf::from(local::TEMPLATE),
        });
        let pushgate = pushgate.await.unwrap_or_else(|e| panic!("{e}"));
        let client = Client::new();
        let call =
            async |method, path: &str, token: &str, body| call(&client, &pushgate, method, path, token, body).await;

        let token = call(Method::GET, "/_local/token?user=admin@acme", "", Value::Null).await;
        let admin = token["id_token"].as_str().expect("a token").to_owned();
        call(Method::POST, "/v1/channels", &admin, json!({ "slug": "ops" })).await;
        let key = async |permission: &str| {
            let new = json!({ "name": "Key", "permissions": [permission], "scope": "channels", "channels": ["ops"] });
            call(Method::POST, "/v1/keys", &admin, new).await
        };
        let (page_key, sender_key) = (key("Subscriptions/Write").await, key("PushNotifications/Send").await);
        let text = |value: &Value| value.as_str().expect("text").to_owned();

        let config = configured(pushgate.url(), &text(&page_key["secret"]));
        let site = Site::start(&example("web-page"), ("config.js", config), pushgate.url()).await;
        let mut firefox = Firefox::start(&autopush.url()).await;
        firefox.open(site.url()).await;

        let sender_key = text(&sender_key["secret"]);
        Self { pushgate, client, admin, page_key, sender_key, autopush, site, firefox }
    }

    /// Waits until the page says this.
    async fn page_says(&mut self, sentence: &str) {
        let wait = "
            const status = document.querySelector('[role=status]');
            const said = [];
            return new Promise((resolve) => {
                const look = () => {
                    said.push(status.textContent);
                    if (status.textContent === args[0]) resolve(said);
                };
                new MutationObserver(look).observe(status, { childList: true, characterData: true, subtree: true });
                look();
                setTimeout(() => resolve(said), 20_000);
            });";
        let said = self.firefox.run(wait, &[sentence]).await;
        assert_eq!(said.as_array().and_then(|said| said.last()), Some(&json!(sentence)), "the page said {said}");
    }

    async fn subscribe(&mut self) {
        self.page_says("This browser is not subscribed.").await;
        self.firefox.click("button").await;
        self.page_says("This browser is subscribed.").await;
        assert_eq!(self.autopush.event().await, Event::Registered);
    }

    async fn send(&self, push: Value) {
        call(&self.client, &self.pushgate, Method::POST, "/v1/push", &self.sender_key, push).await;
    }

    /// The number of subscriptions that a push would reach.
    async fn recipients(&self) -> u64 {
        let push = json!({ "title": "Hello", "dry_run": true });
        let result = call(&self.client, &self.pushgate, Method::POST, "/v1/push", &self.sender_key, push).await;
        result["recipients"]["count"].as_u64().expect("a count")
    }

    /// The notification of the page that is shown, as soon as one is.
    async fn notification(&mut self) -> Value {
        let wait = "
            const registration = await navigator.serviceWorker.ready;
            for (;;) {
                const [shown] = await registration.getNotifications();
                if (shown) {
                    const { title, body, icon, data, tag } = shown;
                    return { title, body, icon, data, tag };
                }
                await new Promise((resolve) => setTimeout(resolve, 20));
            }";
        self.firefox.run(wait, &[]).await
    }

    async fn stop(self) {
        drop(self.firefox);
        self.pushgate.stop().await;
    }
}

/// The page's configuration, changed as its README says.
fn configured(pushgate: &str, key: &str) -> String {
    let config = std::fs::read_to_string(example("web-page/config.js")).expect("a file");
    let mut changed = config;
    for (from, to) in [("\"http://127.0.0.1:3000/v1\"", format!("{pushgate}/v1")), ("\"pgk_…\"", key.to_owned())] {
        assert!(changed.contains(from), "{from} is not in config.js");
        changed = changed.replace(from, &json!(to).to_string());
    }
    changed
}

/// Sends a request, and returns the body of a response that is a success.
async fn call(client: &Client, pushgate: &Local, method: Method, path: &str, token: &str, body: Value) -> Value {
    let mut request = client.request(method, format!("{}{path}", pushgate.url())).bearer_auth(token);
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let response = request.send().await.expect("a response");
    let status = response.status();
    let text = response.text().await.expect("a body");
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn a_browser_subscribes_shows_a_push_opens_its_link_and_unsubscribes() {
    let mut scene = Scene::start().await;
    scene.subscribe().await;
    assert_eq!(scene.recipients().await, 1);

    let push = json!({
        "title": "The printer is back",
        "message": "Room 4 ☃",
        "url": "/printers/4",
        "icon": "/icon.png",
        "actions": [{ "action": "open", "title": "Open" }],
        "data": { "printer": 4 },
    });
    scene.send(push.clone()).await;
    assert_eq!(scene.autopush.event().await, Event::Delivered);

    let shown = scene.notification().await;
    assert_eq!((&shown["title"], &shown["body"]), (&push["title"], &push["message"]));
    assert_eq!(shown["icon"], format!("{}/icon.png", scene.site.url()));
    assert_eq!((&shown["data"]["data"], &shown["data"]["url"]), (&push["data"], &push["url"]));
    assert_eq!((&shown["data"]["actions"], &shown["data"]["id"]), (&push["actions"], &shown["tag"]));

    let click = "
        const [alert] = Services.wm.getEnumerator('alert:alert');
        alert.document.getElementById('alertBox').click();";
    scene.firefox.run_in_browser(click).await;
    assert_eq!(scene.site.other_page().await, "/printers/4");

    scene.firefox.click("button").await;
    scene.page_says("This browser is not subscribed.").await;
    assert_eq!(scene.autopush.event().await, Event::Unregistered);
    assert_eq!(scene.recipients().await, 0);
    scene.stop().await;
}

#[tokio::test]
async fn a_browser_whose_subscription_ends_subscribes_again() {
    let mut scene = Scene::start().await;
    scene.subscribe().await;

    scene.autopush.forget_browsers();
    assert_eq!(scene.autopush.event().await, Event::Registered);
    let began = Instant::now();
    // The old one goes with the next push, which its push service answers 410.
    while scene.recipients().await < 2 {
        assert!(began.elapsed() < MAX_WAIT, "the service worker does not subscribe again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    scene.send(json!({ "title": "Still here" })).await;
    assert_eq!(scene.autopush.event().await, Event::Delivered);
    assert_eq!(scene.notification().await["title"], "Still here");
    scene.stop().await;
}

#[tokio::test]
async fn the_page_shows_the_sentence_of_the_api_when_its_key_is_denied() {
    let mut scene = Scene::start().await;
    scene.page_says("This browser is not subscribed.").await;
    let key = format!("/v1/keys/{}", scene.page_key["key"]["id"].as_str().expect("an ID"));
    let inactive = json!({ "status": "inactive" });
    call(&scene.client, &scene.pushgate, Method::PATCH, &key, &scene.admin, inactive).await;
    let config = scene.client.get(format!("{}/v1/subscriptions/config", scene.pushgate.url()));
    let denied = config.bearer_auth(scene.page_key["secret"].as_str().expect("a secret")).send().await;
    let denied = denied.expect("a response").text().await.expect("a body");
    let problem: Value = serde_json::from_str(&denied).expect("JSON");
    assert_eq!(problem["code"], "key_inactive", "{problem}");

    scene.firefox.click("button").await;
    scene.page_says(problem["detail"].as_str().expect("a sentence")).await;
    scene.stop().await;
}
