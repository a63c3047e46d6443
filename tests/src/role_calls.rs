//! The AWS calls that each function made while the suite ran, recorded so that they can be compared with its role's
//! grants.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use local::Grant;
use serde_json::{Value, json};
use shared::domain::random;

/// The folder where each app writes its calls to a file of its own.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/calls");

/// Records these calls: `{"<logical id>": [["<action>", "<ARN>"], …]}`.
pub(crate) fn record(calls: &BTreeMap<String, BTreeSet<Grant>>) {
    let pair = |call: &Grant| json!([call.action, call.resource]);
    let all: BTreeMap<&String, Vec<Value>> =
        calls.iter().map(|(function, calls)| (function, calls.iter().map(pair).collect())).collect();
    let file = Path::new(FOLDER).join(format!("{}.json", random::base62(16)));
    std::fs::create_dir_all(FOLDER).expect("a folder");
    std::fs::write(file, json!(all).to_string()).expect("a file");
}
