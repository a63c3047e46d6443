//! The queue, the data folder and failed starts.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn messages_invoke_the_function_and_failed_ones_become_dead_letters() {
    let local = Sample::new().start().await;
    let url = format!("{}/000000000000/Work", local.queue_url());
    for body in ["valid", "invalid"] {
        let sent =
            aws(&local, local.queue_url(), "AmazonSQS.SendMessage", json!({"QueueUrl": url, "MessageBody": body}))
                .await;
        assert_eq!(sent["MD5OfMessageBody"], format!("{:x}", md5::compute(body)));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while !local.queue_is_idle().await {
        assert!(Instant::now() < deadline, "the queue does not become idle");
        tokio::task::yield_now().await;
    }
    assert_eq!(local.dead_letters(), ["invalid"]);
    let (_, listed) = get(&local, "/_local/dead-letters", ("a", "b")).await;
    assert_eq!(listed, r#"{"dead_letters":["invalid"]}"#);
    let unknown =
        aws(&local, local.queue_url(), "AmazonSQS.SendMessage", json!({"QueueUrl": "x/y", "MessageBody": "b"})).await;
    assert_eq!(unknown["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
}

#[tokio::test]
async fn data_survives_a_restart_and_is_locked_by_one_process() {
    let sample = Sample::new();
    let data = sample.folder.path().join("data");
    let options = Options { data: Some(data.clone()), ..sample.options() };
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let local = sample.start_with(options.clone()).await.expect("a start");
        let tables = aws(&local, local.dynamodb_url(), "DynamoDB_20120810.ListTables", json!({})).await;
        assert_eq!(tables["TableNames"], json!(["Table"]));
        let secret =
            aws(&local, local.secrets_url(), "secretsmanager.GetSecretValue", json!({"SecretId": "Secret"})).await;
        secrets.push(secret["SecretString"].as_str().expect("a secret").to_owned());
        let error = sample.start_with(options.clone()).await.err().expect("an error").to_string();
        assert!(error.contains("in use by another pushgate"), "{error}");
        local.stop().await;
    }
    assert_eq!(secrets[0], secrets[1]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(data.join("secrets.json")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_failed_start_is_an_error_of_one_sentence() {
    let sample = Sample::new();
    let local = sample.start().await;
    let port = local.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    for (options, expected) in [
        (Options { port, ..sample.options() }, "is in use"),
        (Options { template: "/nowhere.yaml".into(), ..sample.options() }, "cannot be read"),
        (Options { push_hosts: vec!["x".into()], ..sample.options() }, "--push-host takes HOST:PORT"),
    ] {
        let error = sample.start_with(options).await.err().expect("an error").to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
}
