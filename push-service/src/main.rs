//! A push service on this machine, for trying out the app: it decrypts the pushes.

use clap::Parser;
use push_service::PushService;

/// A push service on 127.0.0.1 that decrypts pushes.
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
            print_line(&format!("A push service listens on http://{}", service.address()));
            service.serve().await;
        }
        Err(error) => {
            print_line(&format!("Port {port} cannot be used: {error}"));
            std::process::exit(1);
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command-line program prints")]
fn print_line(line: &str) {
    println!("{line}");
}
