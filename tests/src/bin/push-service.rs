//! A push service on this machine, to try the product with: it decrypts what arrives.

use clap::Parser;
use tests::PushService;

/// A push service on 127.0.0.1 that decrypts what arrives.
#[derive(Parser)]
struct Arguments {
    /// The port to listen on.
    #[arg(long, default_value_t = 9090)]
    port: u16,
}

#[tokio::main]
async fn main() {
    let Arguments { port } = Arguments::parse();
    match PushService::start_on(port).await {
        Ok(service) => {
            say(&format!("A push service listens on http://{}", service.address()));
            service.serve().await;
        }
        Err(error) => {
            say(&format!("Port {port} cannot be used: {error}"));
            std::process::exit(1);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn say(line: &str) {
    println!("{line}");
}
