//! How often each documented answer was seen while the suite ran, kept to be compared with what the contract promises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use shared::random;

use super::{DOCUMENT, Place, codes, elsewhere, operations};

/// Where each run of the product leaves what it answered, in a file of its own.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/answers");

/// Answers by route, status and code, each with the number of times.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Keeps these answers.
pub(crate) fn keep(answers: &Counts) {
    let file = Path::new(FOLDER).join(format!("{}.json", random::base62(16)));
    std::fs::create_dir_all(FOLDER).expect("a folder");
    std::fs::write(file, json!(answers).to_string()).expect("a file");
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
    let mut seen = Counts::new();
    let files = std::fs::read_dir(FOLDER).unwrap_or_else(|e| panic!("run the suite first: {FOLDER}: {e}"));
    for file in files {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("text");
        for (answer, times) in serde_json::from_str::<Counts>(&text).expect("counts") {
            *seen.entry(answer).or_default() += times;
        }
    }
    compare(&documented(), &not_tested(), &seen)
}

fn compare(documented: &[String], not_tested: &BTreeSet<String>, seen: &Counts) -> Coverage {
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

/// What the contract says to be out of a test's reach: its status and codes, on all operations or on those that it names.
fn not_tested() -> BTreeSet<String> {
    let rows = Place::at("/x-not-tested".to_owned()).expect("what is not tested");
    let mut answers = BTreeSet::new();
    for row in rows.value.as_array().expect("rows") {
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "a reason: {row}");
        for operation in operations() {
            let id = operation.place.value["operationId"].as_str().expect("an id");
            let named = row["operations"].as_array().is_some_and(|ids| ids.iter().any(|it| it == id));
            if row["operations"] != "all" && !named {
                continue;
            }
            for code in row["codes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let status = row["status"].as_u64().expect("a status");
                if row["operations"] != "all" || operation.refuses(u16::try_from(status).expect("a status"), code) {
                    answers.insert(format!("{} {status} {code}", operation.name()));
                }
            }
        }
    }
    assert!(DOCUMENT["x-not-tested"].is_array());
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
        let seen = Counts::from([("GET /a 200".to_owned(), 7), ("GET /a 403 blocked".to_owned(), 1)]);

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
}
