//! A page of another origin in a real browser, which tries every port of this machine's app.

use std::path::PathBuf;

use local::{Local, Options};
use serde_json::{Value, json};

use crate::browser::{Autopush, Firefox, Site};

/// Sends to an address in every way that a page can, and returns what it could read.
const ATTACK: &str = "
    const [url, body] = args;
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'application/x-amz-json-1.0', 'application/json'];
    const headers = (type) => ({
        'Content-Type': type,
        'X-Amz-Target': 'AmazonSQS.SendMessage',
        'X-Amz-Security-Token': 'guessed',
        Authorization: 'AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/sqs/aws4_request',
    });
    const read = [];
    const attempt = async (init) => {
        try {
            const response = await fetch(url, init);
            const text = await response.text();
            if (response.type !== 'opaque' || text !== '') read.push(text);
        } catch {
            // The browser did not let the page read the response.
        }
    };
    await attempt({});
    await attempt({ mode: 'no-cors' });
    await attempt({ mode: 'no-cors', credentials: 'include' });
    for (const type of types) {
        await attempt({ method: 'POST', body, headers: headers(type) });
        await attempt({ method: 'POST', body, headers: { 'Content-Type': type } });
        await attempt({ method: 'POST', body, headers: headers(type), mode: 'no-cors' });
    }
    for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
        const frame = document.createElement('iframe');
        frame.name = `frame-${enctype}`;
        const form = document.createElement('form');
        Object.assign(form, { action: url, method: 'post', enctype, target: frame.name });
        const field = document.createElement('input');
        Object.assign(field, { name: body, value: '' });
        form.append(field);
        document.body.append(frame, form);
        const loaded = new Promise((resolve) => { frame.onload = resolve; setTimeout(resolve, 1000); });
        form.submit();
        await loaded;
        try {
            const text = frame.contentDocument.body.textContent;
            if (text !== '') read.push(text);
        } catch {
            // The frame is of another origin.
        }
    }
    await new Promise((resolve) => {
        const socket = new WebSocket(url.replace('http', 'ws'));
        socket.onopen = () => { read.push('a WebSocket'); resolve(); };
        socket.onerror = resolve;
    });
    return read;";

#[tokio::test]
async fn a_page_of_another_origin_reads_and_changes_nothing() {
    let autopush = Autopush::start().await;
    let pushgate = Local::start(Options {
        port: 0,
        data: None,
        push_hosts: Vec::new(),
        functions: None,
        redrive: false,
        template: PathBuf::from(local::TEMPLATE),
    });
    let pushgate = pushgate.await.unwrap_or_else(|e| panic!("{e}"));
    let folder = site_folder();
    let site = Site::start_open(&folder).await;
    let mut firefox = Firefox::start(&autopush.url()).await;
    firefox.open(site.url()).await;

    let queue = format!("{}/000000000000/PushQueue", pushgate.queue_url());
    let message = json!({ "QueueUrl": queue, "MessageBody": "planted" }).to_string();
    let mut urls: Vec<String> =
        [pushgate.dynamodb_url(), pushgate.queue_url(), pushgate.secrets_url()].map(|url| format!("{url}/")).into();
    let paths =
        ["token?user=admin@acme", "health", "dead-letters", "api", "oauth2/authorize", "oauth2/token", "jwks.json"];
    for path in paths.into_iter().chain(["browser", "browser/pushes", "browser/subscription", "push/unknown"]) {
        urls.push(format!("{}/_local/{path}", pushgate.url()));
    }
    // `evil.localhost` is this machine for the browser, as a domain is after DNS rebinding.
    let rebound: Vec<String> = urls.iter().map(|url| url.replace("127.0.0.1", "evil.localhost")).collect();
    for url in urls.iter().chain(&rebound) {
        let read = firefox.run(ATTACK, &[url, &message]).await;
        assert_eq!(read, Value::Array(Vec::new()), "{url}");
    }
    assert!(pushgate.queue_is_idle().await && pushgate.dead_letters().is_empty(), "no message was sent");

    // The same page reads what is meant for every origin, so it could have read the rest.
    let config = format!("{}/v1/subscriptions/config", pushgate.url());
    let read = firefox.run("return [(await fetch(args[0])).status]", &[&config]).await;
    assert_eq!(read, json!([401]));
    drop(firefox);
    pushgate.stop().await;
    std::fs::remove_dir_all(folder).expect("the folder");
}

/// A folder with one empty page.
fn site_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("pushgate-origins-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("index.html"), "<!doctype html><title>Another site</title><body>").expect("a file");
    folder
}
