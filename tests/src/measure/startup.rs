//! The time from `cargo run` on a built tree to the first response, and the memory that the app uses then.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::gateway_process::resident;
use super::print::print_line;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Starts the app this many times.
pub async fn run(starts: usize) {
    for _ in 0..starts {
        let port = free_port();
        let started = Instant::now();
        let mut cargo = Command::new("cargo")
            .args(["run", "--quiet", "--", "--memory", "--port", &port.to_string()])
            .current_dir(ROOT)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo");
        let status = loop {
            match reqwest::get(format!("http://127.0.0.1:{port}/v1/keys")).await {
                Ok(response) => break response.status(),
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
            let ended = cargo.try_wait().expect("a process");
            assert!(ended.is_none(), "it exited without a response: {ended:?}");
        };
        let millis = started.elapsed().as_millis();
        // On Unix, cargo replaces itself with the program that it runs.
        let kilobytes = resident(cargo.id());
        cargo.kill().expect("a process");
        cargo.wait().expect("an exit");

        print_line(&format!("startup: first response ({status}) after {millis} ms, {} MB resident", kilobytes / 1024));
        assert_eq!(status, 401);
    }
}

/// A free port.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
