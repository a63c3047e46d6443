//! What the functions did at the tables, the queue and the secrets while the suite ran, kept to be compared with what their
//! roles grant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use local::Grant;
use serde_json::{Value, json};
use shared::random;

/// Where each run of the product leaves its calls, in a file of its own.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/calls");

/// Keeps these calls: `{"<logical id>": [["<action>", "<ARN>"], …]}`.
pub(crate) fn keep(calls: &BTreeMap<String, BTreeSet<Grant>>) {
    let one = |call: &Grant| json!([call.action, call.resource]);
    let all: BTreeMap<&String, Vec<Value>> =
        calls.iter().map(|(function, calls)| (function, calls.iter().map(one).collect())).collect();
    let file = Path::new(FOLDER).join(format!("{}.json", random::base62(16)));
    std::fs::create_dir_all(FOLDER).expect("a folder");
    std::fs::write(file, json!(all).to_string()).expect("a file");
}
