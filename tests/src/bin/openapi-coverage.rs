//! The table of every documented answer with the number of times that the suite saw it; it fails if one was never seen.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;

use tests::openapi::coverage::{Coverage, coverage};

fn main() -> ExitCode {
    let Coverage { rows, faults, unreachable } = coverage();
    let mut out = io::stdout().lock();
    let all: u64 = rows.iter().map(|(_, times)| times).sum();
    for (answer, times) in &rows {
        let _ = writeln!(out, "{times:>7}  {answer}");
    }
    let routes: BTreeSet<String> = rows.iter().map(|(answer, _)| route(answer)).collect();
    let _ = writeln!(
        out,
        "{} routes, {} answers by status and code, {unreachable} of them out of a test's reach; {all} answers seen",
        routes.len(),
        rows.len(),
    );
    for fault in &faults {
        let _ = writeln!(io::stderr(), "{fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The method and the path.
fn route(answer: &str) -> String {
    answer.split(' ').take_while(|word| word.parse::<u16>().is_err()).collect::<Vec<_>>().join(" ")
}
