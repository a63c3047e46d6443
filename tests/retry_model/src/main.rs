//! Prints the number of states, and how each fault is found: `cargo run -p retry-model`.

use std::io::{self, Write as _};

use retry_model::{CountingWrite, Fault};

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    let sound = CountingWrite { fault: None, edits: 2 }.check();
    let result = sound.broken.map_or("every guarantee holds".to_owned(), |broken| format!("broken: {broken:#?}"));
    writeln!(out, "the counting write: {} states, {result}", sound.states)?;
    for fault in Fault::ALL {
        let checked = CountingWrite { fault: Some(fault), edits: fault.edits() }.check();
        match checked.broken {
            Some((guarantee, actions)) => writeln!(out, "{fault:?}: found in {} steps: {guarantee}", actions.len())?,
            None => writeln!(out, "{fault:?}: NOT FOUND in {} states", checked.states)?,
        }
    }
    Ok(())
}
