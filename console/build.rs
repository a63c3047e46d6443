//! Builds the console with npm, and writes the list of its files. Without Node, a debug build contains a page that says what
//! is missing, and a release build fails.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the build reads. Never the folder itself, in which npm writes.
const SOURCES: [&str; 5] = ["src", "index.html", "package.json", "package-lock.json", "vite.config.ts"];

/// The oldest version of Node that Vite accepts.
const NODE: (u32, u32) = (20, 19);

fn main() -> Result<(), Box<dyn Error>> {
    for source in SOURCES.into_iter().chain(["build.rs"]) {
        println!("cargo::rerun-if-changed={source}");
    }
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let files = match build(&folder, &out) {
        Ok(files) => files,
        Err(reason) if variable("PROFILE")? == "release" => {
            return Err(format!("the console cannot be built: {reason}").into());
        }
        Err(reason) => {
            println!("cargo::warning=The console is not in this build: {reason}");
            // A file that does not exist: the next build tries again, since what was missing may be there then.
            println!("cargo::rerun-if-changed=not-built");
            let page = out.join("index.html");
            fs::write(&page, missing(&reason))?;
            vec![page]
        }
    };
    fs::write(out.join("files.rs"), list(&files)?)?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "cargo passes its settings to a build script in the environment")]
fn variable(name: &str) -> Result<String, std::env::VarError> {
    std::env::var(name)
}

/// Builds into a folder below `out`; the files, or the reason why it cannot be built.
fn build(folder: &Path, out: &Path) -> Result<Vec<PathBuf>, String> {
    check_node()?;
    install(folder)?;
    let dist = out.join("dist");
    let vite = folder.join("node_modules/vite/bin/vite.js");
    let mut command = Command::new("node");
    command.arg(vite).args(["build", "--logLevel", "error", "--emptyOutDir", "--outDir"]).arg(&dist);
    run(command.current_dir(folder))?;
    let entries = fs::read_dir(&dist).map_err(|error| error.to_string())?;
    let mut files: Vec<_> = entries.map_while(Result::ok).map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

fn check_node() -> Result<(), String> {
    let (major, minor) = NODE;
    let required = format!("it needs Node {major}.{minor} or newer, with npm, on the PATH");
    let output = Command::new("node").arg("--version").output().map_err(|_| required.clone())?;
    let version = String::from_utf8_lossy(&output.stdout);
    let mut numbers = version.trim().trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    if found >= NODE { Ok(()) } else { Err(format!("{required}, not {}", version.trim())) }
}

/// Installs the packages of the lock file, unless they are installed. Another build at the same time waits.
fn install(folder: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let modules = folder.join("node_modules");
    fs::create_dir_all(&modules).map_err(text)?;
    let lock = File::create(modules.join(".install.lock")).map_err(text)?;
    lock.lock().map_err(text)?;
    let modified = |path: PathBuf| fs::metadata(path).and_then(|it| it.modified()).ok();
    if modified(modules.join(".package-lock.json")) > modified(folder.join("package-lock.json")) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--omit=dev", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]);
    run(npm.current_dir(folder))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The last line of npm is the path of a log.
    let reason = text.lines().find(|line| line.to_lowercase().contains("error")).unwrap_or_default();
    Err(format!("{} fails: {reason}", command.get_program().display()))
}

/// The page of a debug build without Node. The reason is ours or npm's own.
fn missing(reason: &str) -> String {
    let reason = reason.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Pushgate</title>\n\
         <h1>The console is not in this build</h1>\n<p>The build says: {reason}.</p>\n\
         <p>The API works without it. Install Node and run <code>cargo run</code> again.</p>\n</html>\n"
    )
}

/// The table of the files, as Rust.
fn list(files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut text = "/// Every file.\npub const FILES: &[File] = &[\n".to_owned();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).ok_or("a file name that is not UTF-8")?;
        writeln!(text, "    File {{ name: {name:?}, text: include_str!({:?}) }},", file.display().to_string())?;
    }
    text.push_str("];\n");
    Ok(text)
}
