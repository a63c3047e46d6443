//! The coverage of `docs/openapi.yaml`: how many times the suite saw each documented response, header and field.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use shared::domain::random;

use super::document::{DOCUMENT, Place, codes, elsewhere, operations};
use super::parts::{self, Parts};
use super::validate::Seen;

/// The folder where each app writes its responses to a file of its own.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/responses");

/// The number of occurrences of each response.
pub(crate) type Counts = BTreeMap<Seen, u64>;

/// The number of occurrences by the name of a response or of a part.
type Times = BTreeMap<String, u64>;

/// Records these responses and their parts.
pub(crate) fn record(responses: &Counts) {
    let mut times = Times::new();
    for (Seen { response, parts }, seen) in responses {
        for name in parts.iter().chain([response]) {
            *times.entry(name.clone()).or_default() += seen;
        }
    }
    let file = Path::new(FOLDER).join(format!("{}.json", random::base62(16)));
    std::fs::create_dir_all(FOLDER).expect("a folder");
    std::fs::write(file, json!(times).to_string()).expect("a file");
}

/// Every documented response with its number of occurrences, and the faults of the coverage.
pub struct Coverage {
    /// The responses, in the order of the document.
    pub rows: Vec<(String, u64)>,
    /// A response that is documented and never seen, or listed in `x-not-tested` and seen.
    pub faults: Vec<String>,
    /// The number of responses that no test can produce.
    pub unreachable: usize,
}

/// Compares the recorded responses with the document.
pub fn coverage() -> Coverage {
    let mut seen = Times::new();
    let files = std::fs::read_dir(FOLDER).unwrap_or_else(|e| panic!("run the suite first: {FOLDER}: {e}"));
    for file in files {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        for (response, times) in serde_json::from_str::<Times>(&text).expect("counts") {
            *seen.entry(response).or_default() += times;
        }
    }
    let (responses, not_tested) = (documented_responses(), not_tested());
    let mut coverage = compare(&responses, &not_tested, &seen);
    let parts: Vec<String> = documented_parts(&not_tested).into_iter().collect();
    coverage.faults.extend(compare(&parts, &parts_not_tested(), &seen).faults);
    coverage
}

fn compare(documented_responses: &[String], not_tested: &BTreeSet<String>, seen: &Times) -> Coverage {
    let mut coverage = Coverage { rows: Vec::new(), faults: Vec::new(), unreachable: 0 };
    for response in documented_responses {
        let times = seen.get(response).copied().unwrap_or_default();
        match (not_tested.contains(response), times) {
            (false, 0) => coverage.faults.push(format!("{response}: documented, and no test produces it")),
            (true, 0) => coverage.unreachable += 1,
            (true, _) => coverage.faults.push(format!("{response}: in x-not-tested, and seen {times} times")),
            (false, _) => {}
        }
        coverage.rows.push((response.clone(), times));
    }
    let unknown = not_tested.iter().filter(|response| !documented_responses.contains(response));
    coverage.faults.extend(unknown.map(|response| format!("{response}: in x-not-tested, and not documented")));
    coverage
}

/// The names of every documented response, as `validate_response` names what it saw.
fn documented_responses() -> Vec<String> {
    let mut responses = Vec::new();
    for operation in operations() {
        for (status, codes) in operation.responses() {
            add(&mut responses, &format!("{} {status}", operation.name()), &codes);
        }
    }
    let elsewhere = elsewhere();
    for status in elsewhere.names() {
        add(&mut responses, &format!("elsewhere {status}"), &codes(&elsewhere.child(status).expect("a response")));
    }
    responses
}

fn add(responses: &mut Vec<String>, route: &str, codes: &[&str]) {
    match codes {
        [] => responses.push(route.to_owned()),
        codes => responses.extend(codes.iter().map(|code| format!("{route} {code}"))),
    }
}

/// Every documented header and field, without responses whose every code is in `x-not-tested`.
fn documented_parts(not_tested: &BTreeSet<String>) -> Parts {
    let mut parts = Parts::new();
    let mut add_parts = |route: String, documented: &Place| {
        let mut responses = Vec::new();
        add(&mut responses, &route, &codes(documented));
        if responses.iter().any(|response| !not_tested.contains(response)) {
            parts.extend(parts::documented_parts(documented, &route));
        }
    };
    for operation in operations() {
        let responses = operation.place.child("responses").expect("responses");
        for status in responses.names() {
            add_parts(format!("{} {status}", operation.name()), &responses.child(status).expect("a response"));
        }
    }
    let elsewhere = elsewhere();
    for status in elsewhere.names() {
        add_parts(format!("elsewhere {status}"), &elsewhere.child(status).expect("a response"));
    }
    parts
}

/// The rows of `x-not-tested`: what no test can produce.
fn rows_not_tested() -> &'static [Value] {
    let rows = DOCUMENT["x-not-tested"].as_array().expect("x-not-tested");
    for row in rows {
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "a reason: {row}");
    }
    rows
}

/// The headers and fields in `x-not-tested`.
fn parts_not_tested() -> BTreeSet<String> {
    let parts = rows_not_tested().iter().filter_map(|row| row["parts"].as_array()).flatten();
    parts.map(|part| part.as_str().expect("a part").to_owned()).collect()
}

/// The responses in `x-not-tested`: a status and codes, of the listed operations or wherever they are documented.
fn not_tested() -> BTreeSet<String> {
    let mut responses = BTreeSet::new();
    for row in rows_not_tested() {
        let status = row["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
        let everywhere = row["operations"] == "all";
        for code in row["codes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            for operation in operations() {
                let id = &operation.place.value["operationId"];
                let named = row["operations"].as_array().is_some_and(|ids| ids.contains(id));
                if named || everywhere && operation.documents(status, code) {
                    responses.insert(format!("{} {status} {code}", operation.name()));
                }
            }
            let elsewhere = elsewhere().child(&status.to_string());
            if everywhere && elsewhere.is_some_and(|documented| codes(&documented).contains(&code)) {
                responses.insert(format!("elsewhere {status} {code}"));
            }
        }
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untested_response_is_a_fault_and_so_is_a_tested_one_in_x_not_tested() {
        let text = |responses: &[&str]| -> Vec<String> { responses.iter().map(ToString::to_string).collect() };
        let documented_responses =
            text(&["GET /a 200", "GET /a 404 not_found", "GET /a 403 blocked", "GET /a 429 throttled"]);
        let not_tested = text(&["GET /a 403 blocked", "GET /a 429 throttled", "GET /b 200"]).into_iter().collect();
        let seen = Times::from([("GET /a 200".to_owned(), 7), ("GET /a 403 blocked".to_owned(), 1)]);

        let coverage = compare(&documented_responses, &not_tested, &seen);

        assert_eq!(
            coverage.faults,
            [
                "GET /a 404 not_found: documented, and no test produces it",
                "GET /a 403 blocked: in x-not-tested, and seen 1 times",
                "GET /b 200: in x-not-tested, and not documented",
            ]
        );
        assert_eq!((coverage.rows[0].1, coverage.unreachable), (7, 1));
    }

    #[test]
    fn each_documented_response_has_one_name() {
        let documented_responses = documented_responses();
        let distinct: BTreeSet<&String> = documented_responses.iter().collect();
        assert_eq!(distinct.len(), documented_responses.len());
        assert!(documented_responses.contains(&"GET /keys/{id} 404 not_found".to_owned()));
    }

    #[test]
    fn a_response_in_x_not_tested_has_no_parts() {
        let parts = documented_parts(&not_tested());
        for part in
            ["NotFound header Vary", "GET /keys 200 header Vary", "Problem field errors", "FieldError field pointer"]
        {
            assert!(parts.contains(part), "{part}");
        }
        assert!(!parts.iter().any(|part| part.starts_with("Blocked ") || part.starts_with("Throttled ")));
        assert!(not_tested().contains("elsewhere 403 blocked"));
    }
}
