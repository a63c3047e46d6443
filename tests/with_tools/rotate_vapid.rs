//! The runbook's commands for rotating the VAPID secret, run with the AWS CLI that `./check` installs.

use std::path::Path;
use std::process::Command;

use tests::App;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The last shell block under a heading of the runbook.
fn commands(heading: &str) -> String {
    let runbook = std::fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).expect("the runbook");
    let (_, section) = runbook.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().expect("a section");
    let block = section.split("```sh\n").skip(1).last().expect("commands");
    block.split("```").next().expect("an end").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_runbook_rotate_the_secret() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let (before, first) = (app.local().vapid_secret().await, subscriber.application_server_key().await);
    let tools = Path::new(ROOT).join(".tools/venv/bin");
    let path = format!("{}:{}", tools.display(), std::env::var_os("PATH").expect("a path").to_string_lossy());
    let environment = [
        ("PATH", path.as_str()),
        ("SECRET", "VapidSecret"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_SESSION_TOKEN", app.local().session_token()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", app.local().secrets_url()),
    ];

    for rotations in 1..=2 {
        let script = commands("Rotate the VAPID secret");
        let mut shell = Command::new("bash");
        let shell = shell.args(["-eu", "-o", "pipefail", "-c", &script]).env_clear().envs(environment);
        let output = shell.output().expect("a shell");
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));

        assert!(output.status.success(), "{printed}");
        let after = app.local().vapid_secret().await;
        let old = after["old"].as_array().expect("a list");
        assert_eq!((old.len(), old.last()), (rotations, Some(&before["current"])), "{printed}");
        let seed = after["current"].as_str().expect("text");
        assert!(seed.len() >= 64 && !printed.contains(seed), "no secret is printed");
        assert_ne!(subscriber.application_server_key().await, first);
    }
    app.stop().await;
}
