//! `cargo run`: Pushgate on this machine, until Ctrl-C.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use local::{Local, Options, TEMPLATE};
use shared::config::Config;
use url::Url;

/// Pushgate on this machine: the gateway, the functions, the tables, the queue and the sign-in in one process.
#[derive(Parser)]
#[command(name = "pushgate", version)]
struct Flags {
    /// The gateway's port on 127.0.0.1
    #[arg(long, default_value_t = 3000, value_name = "N")]
    port: u16,
    /// Keep everything in memory
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// The folder that keeps tables, queue and secret
    #[arg(long, default_value = ".pushgate", value_name = "DIR")]
    data: PathBuf,
    /// A push service that may be reached over plain http; may be repeated
    #[arg(long = "push-host", value_name = "HOST:PORT")]
    push_hosts: Vec<String>,
    /// Send invocations to `cargo lambda watch` at this address
    #[arg(long, value_name = "URL")]
    functions: Option<Url>,
    /// The template to read
    #[arg(long, default_value = TEMPLATE, value_name = "FILE", hide_default_value = true)]
    template: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let _ = writeln!(io::stderr(), "{sentence} (--help lists the flags)");
            return ExitCode::FAILURE;
        }
        Err(help) => help.exit(),
    };
    local::log::start(&Config::from_env());
    let options = Options {
        port: flags.port,
        data: (!flags.memory).then_some(flags.data),
        push_hosts: flags.push_hosts,
        functions: flags.functions,
        template: flags.template,
    };
    let local = match Local::start(options.clone()).await {
        Ok(local) => local,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    let _ = io::stdout().write_all(welcome(&local, &options).as_bytes());
    asked_to_end().await;
    let _ = writeln!(io::stdout(), "Stopping.");
    local.stop().await;
    ExitCode::SUCCESS
}

/// What a newcomer needs next.
fn welcome(local: &Local, options: &Options) -> String {
    let url = local.url();
    let kept = options.data.as_ref().map_or("in memory".to_owned(), |folder| format!("in {}", folder.display()));
    let mut text = format!(
        "Pushgate runs on this machine alone; data is kept {kept}.

  API        {url}/v1 ({} routes)
  To read    {url}/_local/api
  Sign-in    {url}/_local/.well-known/openid-configuration (client id: pushgate-local)
  Tokens     {url}/_local/token?user=admin@acme (or member@acme, admin@globex, member@globex, nobody@nowhere)
  Health     {url}/_local/health
  Dead       {url}/_local/dead-letters
  DynamoDB   {}
  Queue      {}
  Secrets    {}
",
        local.routes().len(),
        local.dynamodb_url(),
        local.queue_url(),
        local.secrets_url(),
    );
    if let (Some(address), Some(file)) = (&options.functions, local.environment_file()) {
        let port = address.port_or_known_default().unwrap_or(9000);
        let _ = write!(
            text,
            "
Functions run at {address}. Start them, anew after each start of this program:

  cargo lambda watch --invoke-address 127.0.0.1 --invoke-port {port} --env-file {}
",
            file.display()
        );
    }
    let _ = write!(
        text,
        r#"
Create a first key:

  curl -s {url}/v1/keys -H "Authorization: $(curl -s '{url}/_local/token?user=admin@acme' | cut -d'"' -f4)" -H 'Content-Type: application/json' -d '{{"name":"First key","permissions":["PushNotifications/Send"],"scope":"all"}}'

Ctrl-C ends it.
"#
    );
    text
}

/// Returns at Ctrl-C, or when the system asks the process to end.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
