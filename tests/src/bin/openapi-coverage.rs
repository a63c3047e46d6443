//! Prints every documented response with the number of times that the suite saw it, and fails if one was never seen.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use tests::openapi::coverage::{Coverage, coverage};

fn main() -> ExitCode {
    let Coverage { rows, faults, unreachable } = coverage();
    let mut out = io::stdout().lock();
    let all: u64 = rows.iter().map(|(_, times)| times).sum();
    for (response, times) in &rows {
        let _ = writeln!(out, "{times:>7}  {response}");
    }
    let routes: BTreeSet<String> = rows.iter().map(|(response, _)| route(response)).collect();
    let _ = writeln!(
        out,
        "{} routes, {} responses by status and code, {unreachable} of them not testable; {all} responses seen",
        routes.len(),
        rows.len(),
    );
    for fault in &faults {
        let _ = writeln!(io::stderr(), "{fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The method and the path of a response's name.
fn route(response: &str) -> String {
    response.split(' ').take_while(|part| part.parse::<u16>().is_err()).collect::<Vec<_>>().join(" ")
}
