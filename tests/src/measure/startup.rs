//! How long `cargo run` takes, from a built tree to the first answered request, and how much memory it holds then.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::say;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Starts it so many times.
pub async fn run(starts: usize) {
    for _ in 0..starts {
        let port = free_port();
        let began = Instant::now();
        let mut cargo = Command::new("cargo")
            .args(["run", "--quiet", "--", "--memory", "--port", &port.to_string()])
            .current_dir(ROOT)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo");
        let answered = loop {
            match reqwest::get(format!("http://127.0.0.1:{port}/v1/keys")).await {
                Ok(answer) => break answer.status(),
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
            let ended = cargo.try_wait().expect("a process");
            assert!(ended.is_none(), "it ended without an answer: {ended:?}");
        };
        let millis = began.elapsed().as_millis();
        // On Unix cargo becomes the program that it runs.
        let kilobytes = resident(cargo.id());
        cargo.kill().expect("a process");
        cargo.wait().expect("its end");

        say(&format!("startup: first answer ({answered}) after {millis} ms, {} MB resident", kilobytes / 1024));
        assert_eq!(answered, 401);
    }
}

/// A port on which nobody answers.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The memory that a process holds, in kilobytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
