//! The README's commands, run in a shell exactly as written.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The folder in which the servers start, and keep their data.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/readme");

/// The shell blocks under a heading of the README.
fn blocks(heading: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).expect("the README");
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().expect("a section");
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("an end").to_owned()).collect()
}

/// A server that the README starts; it is killed at the end of the test.
struct Server(Child);

impl Server {
    fn start(command: &str, address: &str) -> Self {
        // With `exec`, killing the shell kills the program. Its data goes into a folder of the tests.
        let mut shell = shell(&format!("exec {command}"));
        let child = shell.current_dir(FOLDER).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut server = Self(child.expect("a shell"));
        let started = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(server.0.try_wait().expect("a status").is_none(), "it exited: {command}");
            assert!(started.elapsed() < Duration::from_mins(5), "it does not listen: {command}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.current_dir(ROOT).args(["-eu", "-o", "pipefail", "-c", script]);
    command
}

#[test]
fn the_commands_of_the_first_push_work() {
    const GATEWAY: &str = "127.0.0.1:3000";
    const PUSH_SERVICE: &str = "127.0.0.1:9090";
    for address in [GATEWAY, PUSH_SERVICE] {
        assert!(std::net::TcpStream::connect(address).is_err(), "something else listens on {address}");
    }
    let _ = std::fs::remove_dir_all(FOLDER);
    std::fs::create_dir_all(FOLDER).expect("a folder");
    let gateway = Server::start(blocks("Run it")[0].trim(), GATEWAY);

    let mut blocks = blocks("Send your first push");
    let start_push_service = blocks.pop().expect("a block");
    let start_again = blocks.pop().expect("a block");
    // A separator after each block keeps the outputs apart.
    let script = blocks.join("\necho; echo ----\n");
    let output = shell(&script).output().expect("a shell");
    let printed = String::from_utf8(output.stdout).expect("text");

    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let parts: Vec<&str> = printed.split("----").collect();
    assert_eq!(parts.len(), 4, "{printed}");
    assert!(parts[0].contains(r#""slug":"alerts""#), "{}", parts[0]);
    assert!(parts[1].contains(r#""channels":["alerts"]"#), "{}", parts[1]);
    assert!(parts[2].contains(r#""status":"done""#) && parts[2].contains(r#""delivered":1"#), "{}", parts[2]);
    let (_, arrived) = parts[2].split_once(r#"{"pushes":"#).expect("what arrived");
    assert!(arrived.contains(r#""title":"Hello""#) && arrived.contains(r#""message":"It works""#), "{arrived}");
    let last = ["\"status\":\"inactive\"", "key_inactive", "\"status\":\"active\"", "queued", "unauthenticated"];
    let pointers: Vec<usize> = last.iter().map(|word| parts[3].find(word).expect(word)).collect();
    assert!(pointers.is_sorted(), "{}", parts[3]);
    assert!(!printed.contains("pgk_"), "the README prints a secret");

    drop(gateway);
    let _gateway = Server::start(start_again.trim(), GATEWAY);
    let _push_service = Server::start(start_push_service.trim(), PUSH_SERVICE);
    // The same push, to a browser of that push service.
    let script = script.replace(
        "-X POST \"http://127.0.0.1:3000/_local/browser/subscription?channel=alerts\"",
        &format!("http://{PUSH_SERVICE}/subscription"),
    );
    let script = script
        .replace("alerts", "ops")
        .replace(&format!("{GATEWAY}/_local/browser/pushes"), &format!("{PUSH_SERVICE}/received"));
    let output = shell(&script).output().expect("a shell");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains(r#""title":"Hello","message":"It works""#), "{printed}");
}

#[test]
fn the_pictures_of_the_readme_exist_and_are_small() {
    const MAX_BYTES: u64 = 150_000;
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).expect("the README");
    let pictures: Vec<&str> = readme.split('"').filter(|text| text.starts_with("docs/images/")).collect();
    assert_eq!(pictures.len(), 2, "one for light and one for dark mode");
    for picture in pictures {
        let bytes = std::fs::metadata(Path::new(ROOT).join(picture)).expect(picture).len();
        assert!(bytes <= MAX_BYTES, "{picture} has {bytes} bytes");
    }
}
