//! The VAPID secret is rotated while everything runs: old subscriptions are signed for with the old key, new ones with the
//! new, and one that was noted with the wrong key is reached all the same.

use std::path::Path;
use std::process::Command;

use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use shared::push::Audience;
use shared::time::Timestamp;
use tests::direct_delivery::Courier;
use tests::{App, Device, Key};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The secrets of the running product, for its owner.
fn secrets(app: &App) -> Secrets {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("tests", "tests", None, None, "tests"))
        .endpoint_url(app.laptop().secrets_url());
    Secrets::from_conf(config.build())
}

async fn secret(app: &App) -> Value {
    let answer = secrets(app).get_secret_value().secret_id("VapidSecret").send().await.expect("the secret");
    serde_json::from_str(answer.secret_string().expect("text")).expect("JSON")
}

async fn put(app: &App, value: &Value) {
    let put = secrets(app).put_secret_value().secret_id("VapidSecret").secret_string(value.to_string());
    put.send().await.expect("a new version");
}

/// A new secret becomes the current one, and the one before stays known.
async fn rotate(app: &App, seed: &str) {
    let before = secret(app).await;
    let mut old = vec![before["current"].clone()];
    // The first secret names no old ones.
    old.extend(before["old"].as_array().into_iter().flatten().cloned());
    put(app, &json!({ "current": seed.repeat(64), "old": old })).await;
}

/// The key that a page is told to subscribe with.
async fn current(subscriber: &Key<'_>) -> String {
    let config = subscriber.get("/subscriptions/config").await.expect(200).json();
    config["vapid_public_key"].as_str().expect("a key").to_owned()
}

/// A device whose browser subscribed with this key, and whose push service refuses others.
fn device(app: &App, made_with: &str) -> Device {
    let device = app.push_service.device();
    device.made_with(made_with);
    device
}

async fn counts(app: &App, push: &Value) -> Value {
    let path = format!("/pushes/{}", push["id"].as_str().expect("an id"));
    app.admin().await.get(&path).await.expect(200).json()["counts"].clone()
}

fn signers(device: &Device) -> Vec<String> {
    device.received().into_iter().map(|received| received.signed_by).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_subscriptions_are_signed_for_with_the_old_key_and_new_ones_with_the_new() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let key = app.key().create().await;
    let hello = json!({ "title": "Hello" });
    let first = current(&subscriber).await;
    let old = device(&app, &first);
    subscriber.subscribe(&old, &[]).await;
    let _ = key.push(&hello).await.expect(202);
    app.delivered().await;

    rotate(&app, "b").await;
    let second = current(&subscriber).await;
    let new = device(&app, &second);
    subscriber.subscribe(&new, &[]).await;
    // Its browser comes back with the same subscription, which is still the old key's.
    subscriber.subscribe(&old, &[]).await;
    let push = key.push(&hello).await.expect(202).json();
    app.delivered().await;

    assert_ne!(first, second);
    assert_eq!(signers(&old), [first.clone(), first]);
    assert_eq!(signers(&new), [second]);
    assert_eq!((old.attempts(), new.attempts()), (2, 1), "nobody is asked twice");
    let expected = json!({ "recipients": 2, "delivered": 2, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &push).await, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_was_noted_with_the_wrong_key_is_reached_with_the_right_one() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let key = app.key().create().await;
    let first = current(&subscriber).await;
    // The page subscribed before the rotation, and says so after two.
    rotate(&app, "b").await;
    rotate(&app, "c").await;
    let (late, stranger) = (device(&app, &first), device(&app, "a key that nobody has any more"));
    for device in [&late, &stranger] {
        subscriber.subscribe(device, &[]).await;
    }

    let push = key.push(&json!({ "title": "Hello" })).await.expect(202).json();
    app.delivered().await;

    assert_eq!(signers(&late), std::slice::from_ref(&first));
    assert_eq!((late.attempts(), stranger.attempts()), (3, 3), "each key once");
    let expected = json!({ "recipients": 2, "delivered": 1, "gone": 0, "failed": 1 });
    assert_eq!(counts(&app, &push).await, expected);
    // Neither is removed, and what was wrong is still right to be tried.
    stranger.made_with(&first);
    let push = key.push(&json!({ "title": "Again" })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 2, "delivered": 2, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &push).await, expected);
    app.stop().await;
}

/// A delivery that read the secret now, and would keep it for its five minutes.
async fn courier(app: &App) -> Courier {
    let courier = Courier::new(app, app.laptop().dynamodb_url());
    courier.delivery.vapid.keys(Timestamp::now()).await.expect("keys");
    courier
}

/// Lets this delivery do a send of its own, which the running product knows nothing of.
async fn deliver(app: &App, courier: &Courier) -> Value {
    let push = courier.keep(Audience::All).await;
    assert!(courier.deliver(&push).await);
    counts(app, &json!({ "id": push.id })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_runs_during_a_rotation_reads_the_secret_again_when_it_meets_a_new_key() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let running = courier(&app).await;

    for seed in ["b", "c"] {
        rotate(&app, seed).await;
        let key = current(&subscriber).await;
        let device = device(&app, &key);
        subscriber.subscribe(&device, &[]).await;

        let counts = deliver(&app, &running).await;

        assert_eq!(counts["delivered"], counts["recipients"], "{counts}");
        assert_eq!((signers(&device), device.attempts()), (vec![key], 1), "each new key at once");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_whose_every_signature_is_refused_reads_the_secret_again() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let running = courier(&app).await;
    // Noted with the old key by a function that did not know of the rotation yet; made with the new one.
    let device = app.push_service.device();
    subscriber.subscribe(&device, &[]).await;
    rotate(&app, "b").await;
    let second = current(&subscriber).await;
    device.made_with(&second);

    let counts = deliver(&app, &running).await;

    assert_eq!(counts["delivered"], 1);
    assert_eq!(signers(&device), [second]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_broken_by_a_rotation_leaves_the_keys_that_are_known() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let key = app.key().create().await;
    let first = current(&subscriber).await;
    let device = device(&app, &first);
    subscriber.subscribe(&device, &[]).await;
    let _ = key.push(&json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;

    put(&app, &json!({ "current": "too short" })).await;

    assert_eq!(current(&subscriber).await, first);
    let _ = key.push(&json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;
    assert_eq!(signers(&device), [first.clone(), first]);
    app.stop().await;
}

/// The last shell block under a heading of the operator's manual.
fn commands(heading: &str) -> String {
    let manual = std::fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).expect("the manual");
    let (_, section) = manual.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().expect("a section");
    let block = section.split("```sh\n").skip(1).last().expect("commands");
    block.split("```").next().expect("an end").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_operators_manual_rotate_the_secret() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let (before, first) = (secret(&app).await, current(&subscriber).await);
    let tools = Path::new(ROOT).join(".tools/venv/bin");
    let path = format!("{}:{}", tools.display(), std::env::var_os("PATH").expect("a path").to_string_lossy());
    let environment = [
        ("PATH", path.as_str()),
        ("SECRET", "VapidSecret"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", app.laptop().secrets_url()),
    ];

    for rotations in 1..=2 {
        let script = commands("Rotate the VAPID secret");
        let mut shell = Command::new("bash");
        let shell = shell.args(["-eu", "-o", "pipefail", "-c", &script]).env_clear().envs(environment);
        let output = shell.output().expect("a shell");
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));

        assert!(output.status.success(), "{printed}");
        let after = secret(&app).await;
        let old = after["old"].as_array().expect("a list");
        assert_eq!((old.len(), old.last()), (rotations, Some(&before["current"])), "{printed}");
        let seed = after["current"].as_str().expect("text");
        assert!(seed.len() >= 64 && !printed.contains(seed), "no secret is printed");
        assert_ne!(current(&subscriber).await, first);
    }
    app.stop().await;
}
