//! How often each documented answer was seen while the suite ran, and which of the documented headers and fields, kept to
//! be compared with what the contract promises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use shared::random;

use super::parts::{self, Parts};
use super::validate::Seen;
use super::{DOCUMENT, Place, codes, elsewhere, operations};

/// Where each run of the product leaves what it answered, in a file of its own.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/answers");

/// What was answered, each with the number of times.
pub(crate) type Counts = BTreeMap<Seen, u64>;

/// The same by its name alone: that of an answer, or of a part of one.
type Times = BTreeMap<String, u64>;

/// Keeps these answers and their parts.
pub(crate) fn keep(answers: &Counts) {
    let mut times = Times::new();
    for (Seen { answer, parts }, seen) in answers {
        for name in parts.iter().chain([answer]) {
            *times.entry(name.clone()).or_default() += seen;
        }
    }
    let file = Path::new(FOLDER).join(format!("{}.json", random::base62(16)));
    std::fs::create_dir_all(FOLDER).expect("a folder");
    std::fs::write(file, json!(times).to_string()).expect("a file");
}

/// A table of every documented answer with the number of times that the suite saw it, and what is wrong with that.
pub struct Coverage {
    /// The answers, in the order of the contract.
    pub rows: Vec<(String, u64)>,
    /// Documented and never seen, or said to be out of a test's reach and seen.
    pub faults: Vec<String>,
    /// How many answers no test can produce.
    pub unreachable: usize,
}

/// Compares what the runs left with the contract.
pub fn coverage() -> Coverage {
    let mut seen = Times::new();
    let files = std::fs::read_dir(FOLDER).unwrap_or_else(|e| panic!("run the suite first: {FOLDER}: {e}"));
    for file in files {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        for (answer, times) in serde_json::from_str::<Times>(&text).expect("counts") {
            *seen.entry(answer).or_default() += times;
        }
    }
    let (answers, not_tested) = (documented(), not_tested());
    let mut coverage = compare(&answers, &not_tested, &seen);
    let parts: Vec<String> = documented_parts(&not_tested).into_iter().collect();
    coverage.faults.extend(compare(&parts, &parts_not_tested(), &seen).faults);
    coverage
}

fn compare(documented: &[String], not_tested: &BTreeSet<String>, seen: &Times) -> Coverage {
    let mut coverage = Coverage { rows: Vec::new(), faults: Vec::new(), unreachable: 0 };
    for answer in documented {
        let times = seen.get(answer).copied().unwrap_or_default();
        match (not_tested.contains(answer), times) {
            (false, 0) => coverage.faults.push(format!("{answer}: documented, and no test produces it")),
            (true, 0) => coverage.unreachable += 1,
            (true, _) => coverage.faults.push(format!("{answer}: in x-not-tested, and seen {times} times")),
            (false, _) => {}
        }
        coverage.rows.push((answer.clone(), times));
    }
    let unknown = not_tested.iter().filter(|answer| !documented.contains(answer));
    coverage.faults.extend(unknown.map(|answer| format!("{answer}: in x-not-tested, and not documented")));
    coverage
}

/// Every answer that the contract promises, named as `judge` names what was seen.
fn documented() -> Vec<String> {
    let mut answers = Vec::new();
    for operation in operations() {
        for (status, codes) in operation.answers() {
            add(&mut answers, &format!("{} {status}", operation.name()), &codes);
        }
    }
    let elsewhere = elsewhere();
    for status in elsewhere.names() {
        add(&mut answers, &format!("elsewhere {status}"), &codes(&elsewhere.child(status).expect("a response")));
    }
    answers
}

fn add(answers: &mut Vec<String>, route: &str, codes: &[&str]) {
    match codes {
        [] => answers.push(route.to_owned()),
        codes => answers.extend(codes.iter().map(|code| format!("{route} {code}"))),
    }
}

/// Every header and field of what the contract promises, but for responses of which all is out of a test's reach.
fn documented_parts(not_tested: &BTreeSet<String>) -> Parts {
    let mut parts = Parts::new();
    let mut promise = |route: String, response: &Place| {
        let mut answers = Vec::new();
        add(&mut answers, &route, &codes(response));
        if answers.iter().any(|answer| !not_tested.contains(answer)) {
            parts.extend(parts::promised(response, &route));
        }
    };
    for operation in operations() {
        let responses = operation.place.child("responses").expect("responses");
        for status in responses.names() {
            promise(format!("{} {status}", operation.name()), &responses.child(status).expect("a response"));
        }
    }
    let elsewhere = elsewhere();
    for status in elsewhere.names() {
        promise(format!("elsewhere {status}"), &elsewhere.child(status).expect("a response"));
    }
    parts
}

/// The rows of what the contract says to be out of a test's reach.
fn rows_not_tested() -> &'static [Value] {
    let rows = DOCUMENT["x-not-tested"].as_array().expect("what is not tested");
    for row in rows {
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "a reason: {row}");
    }
    rows
}

/// The headers and fields among it.
fn parts_not_tested() -> BTreeSet<String> {
    let parts = rows_not_tested().iter().filter_map(|row| row["parts"].as_array()).flatten();
    parts.map(|part| part.as_str().expect("a part").to_owned()).collect()
}

/// The answers among it: a status and codes, on the operations that are named, or wherever they are answered.
fn not_tested() -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    for row in rows_not_tested() {
        let status = row["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
        let everywhere = row["operations"] == "all";
        for code in row["codes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            for operation in operations() {
                let id = &operation.place.value["operationId"];
                let named = row["operations"].as_array().is_some_and(|ids| ids.contains(id));
                if named || everywhere && operation.refuses(status, code) {
                    answers.insert(format!("{} {status} {code}", operation.name()));
                }
            }
            let elsewhere = elsewhere().child(&status.to_string());
            if everywhere && elsewhere.is_some_and(|response| codes(&response).contains(&code)) {
                answers.insert(format!("elsewhere {status} {code}"));
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_test_produces_is_a_fault_and_so_is_what_none_should_have_produced() {
        let text = |answers: &[&str]| -> Vec<String> { answers.iter().map(ToString::to_string).collect() };
        let documented = text(&["GET /a 200", "GET /a 404 not_found", "GET /a 403 blocked", "GET /a 429 throttled"]);
        let not_tested = text(&["GET /a 403 blocked", "GET /a 429 throttled", "GET /b 200"]).into_iter().collect();
        let seen = Times::from([("GET /a 200".to_owned(), 7), ("GET /a 403 blocked".to_owned(), 1)]);

        let coverage = compare(&documented, &not_tested, &seen);

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
    fn each_documented_answer_is_named_once() {
        let documented = documented();
        let distinct: BTreeSet<&String> = documented.iter().collect();
        assert_eq!(distinct.len(), documented.len());
        assert!(documented.contains(&"GET /keys/{id} 404 not_found".to_owned()));
    }

    #[test]
    fn what_is_out_of_reach_promises_no_parts() {
        let parts = documented_parts(&not_tested());
        for part in
            ["NotFound header Vary", "GET /keys 200 header Vary", "Problem field errors", "Mistake field pointer"]
        {
            assert!(parts.contains(part), "{part}");
        }
        assert!(!parts.iter().any(|part| part.starts_with("Blocked ") || part.starts_with("Throttled ")));
        assert!(not_tested().contains("elsewhere 403 blocked"));
    }
}
