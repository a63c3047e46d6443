//! `cargo run`: runs Pushgate on this machine until Ctrl-C.

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

/// Runs Pushgate on this machine: the API, the functions, the tables, the queue and sign-in in one process.
#[derive(Parser)]
#[command(name = "pushgate", version)]
struct Flags {
    /// The API's port on 127.0.0.1
    #[arg(long, default_value_t = 3000, value_name = "N")]
    port: u16,
    /// Keep everything in memory
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// The folder that stores the tables, the queue and the secrets
    #[arg(long, default_value = ".pushgate", value_name = "DIR")]
    data: PathBuf,
    /// A push service that is allowed over plain HTTP; may be repeated
    #[arg(long = "push-host", value_name = "HOST:PORT")]
    push_hosts: Vec<String>,
    /// Run the functions in `cargo lambda watch` at this address
    #[arg(long, value_name = "URL")]
    functions: Option<Url>,
    /// Deliver the dead letters again: the tasks that failed five times
    #[arg(long)]
    redrive: bool,
    /// The SAM template
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
        redrive: flags.redrive,
        template: flags.template,
    };
    let local = match Local::start(options.clone()).await {
        Ok(local) => local,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
    };
    let _ = io::stdout().write_all(banner(&local, &options).as_bytes());
    shutdown_signal().await;
    let _ = writeln!(io::stdout(), "Stopping.");
    local.stop().await;
    ExitCode::SUCCESS
}

/// The endpoints and the first commands.
fn banner(local: &Local, options: &Options) -> String {
    let url = local.url();
    let storage = options.data.as_ref().map_or("in memory".to_owned(), |folder| format!("in {}", folder.display()));
    let mut text = format!(
        "Pushgate runs on 127.0.0.1 only; data is stored {storage}.

  Console          {url}/
  API              {url}/v1 ({} routes)
  API reference    {url}/_local/api
  Sign-in          {url}/_local/.well-known/openid-configuration (client ID: pushgate-local)
  ID tokens        {url}/_local/token?user=admin@acme (or member@acme, admin@globex, member@globex, nobody@nowhere)
  Test browser     {url}/_local/browser (shows the pushes that are sent to it)
  Health           {url}/_local/health
  Dead letters     {url}/_local/dead-letters (start with --redrive to deliver them again)
  DynamoDB         {}
  SQS              {}
  Secrets Manager  {}
  AWS CLI          . {}
",
        local.routes().len(),
        local.dynamodb_url(),
        local.queue_url(),
        local.secrets_url(),
        local.aws_file().display(),
    );
    if let (Some(address), Some(file)) = (&options.functions, local.environment_file()) {
        let port = address.port_or_known_default().unwrap_or(9000);
        let _ = write!(
            text,
            "
Functions run at {address}. Start them now, and again after each restart of this program:

  cargo lambda watch --invoke-address 127.0.0.1 --invoke-port {port} --env-file {}
",
            file.display()
        );
    }
    let _ = write!(
        text,
        r#"
Create your first key:

  curl -s {url}/v1/keys -H "Authorization: $(curl -s '{url}/_local/token?user=admin@acme' | cut -d'"' -f4)" -H 'Content-Type: application/json' -d '{{"name":"First key","permissions":["PushNotifications/Send"],"scope":"all"}}'

Press Ctrl-C to stop.
"#
    );
    text
}

/// Resolves on SIGINT (Ctrl-C) or SIGTERM.
async fn shutdown_signal() {
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
