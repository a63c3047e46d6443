//! What bounds one large push on AWS, computed from constants with their sources: tables and a plot, which are docs/scale.md
//! and docs/images/scale.svg.

#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "estimates")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::path::Path;

use super::print::print_line;

/// The numbers of recipients, and of functions at once.
const SIZES: [u64; 4] = [1_000, 10_000, 1_000_000, 100_000_000];
const FUNCTIONS: [u64; 3] = [10, 100, 1_000];

/// Recipients of a page, and of a part of a split task (`functions/deliver/src/range_task.rs`).
const PAGE: u64 = 100;
const PART: u64 = 1_000;
const MAX_SIZE: u64 = 1_500;
const PARTS: u64 = 10;

/// Seconds. DynamoDB: single-digit milliseconds. SQS to Lambda: polling without a wait. The push services: a wave of requests.
/// All are assumptions to replace with the metrics of a deployment.
const CALL: f64 = 0.005;
const QUERY: f64 = 0.008;
const QUEUE_SEND: f64 = 0.010;
const QUEUE_TO_FUNCTION: f64 = 0.035;
const PUSH_SERVICE: f64 = 0.075;
/// The CPU time of a recipient (`measure load`), at the 0.29 virtual CPUs of 512 MB.
const CPU: f64 = 0.000_12 / 0.29;

/// Concurrent functions at the start, and how many more start in a second: 300 a minute (AWS Lambda Developer Guide, "Using
/// Lambda with Amazon SQS", "Configuring scaling behavior").
const FIRST_FUNCTIONS: f64 = 5.0;
const MORE_FUNCTIONS: f64 = 5.0;

/// Units of a recipient (`measure load`).
const WRITE_UNITS: f64 = 0.012_6;
const READ_UNITS: f64 = 0.112;
const MESSAGES: f64 = 0.001_11;

/// Units a second of a partition (Amazon DynamoDB Developer Guide, "Best practices for designing partition keys"), and the
/// partitions of a channel's memberships, and of a push's tasks.
const PARTITION_READS: f64 = 3_000.0;
const PARTITION_WRITES: f64 = 1_000.0;
const MEMBERSHIP_PARTITIONS: f64 = 16.0;
const TASK_PARTITIONS: f64 = 10.0;

/// Dollars (docs/operations.md, "Costs").
const WRITE_PRICE: f64 = 0.625e-6;
const READ_PRICE: f64 = 0.125e-6;
const GB_SECOND_PRICE: f64 = 0.000_013_333_4;
const REQUEST_PRICE: f64 = 0.40e-6;
const DATA_PRICE: f64 = 0.09;
const BYTES_OUT: f64 = 1_000.0;

/// The chain that a push was before: a page put the next one on the queue after a read, a lease, a query, a record and a send.
const CHAIN_STEP: f64 = 3.0 * CALL + QUERY + QUEUE_SEND + QUEUE_TO_FUNCTION;

/// The seconds of a push.
#[derive(Clone, Copy, Debug)]
struct Times {
    first: f64,
    last: f64,
}

/// The seconds of a page, from its read to its record.
fn page_seconds() -> f64 {
    QUERY / 2.0 + PAGE as f64 * CPU + PUSH_SERVICE + CALL
}

/// Simulates the tree of tasks with at most this number of functions at once.
fn simulate(recipients: u64, functions: u64) -> Times {
    // The times at which tasks become visible, and at which functions become free.
    let mut tasks = BinaryHeap::from([Reverse((micros(QUEUE_TO_FUNCTION), recipients))]);
    let mut free: BinaryHeap<Reverse<u64>> = (0..functions).map(|index| Reverse(starts_at(index))).collect();
    let (mut first, mut last) = (f64::MAX, 0.0_f64);
    while let Some(Reverse((visible, size))) = tasks.pop() {
        let Reverse(function) = free.pop().expect("a function");
        let starts = visible.max(function);
        let lease = starts + micros(3.0 * CALL);
        let ends = if size > MAX_SIZE {
            let parts = size.div_ceil(PART).min(PARTS);
            let ends = lease + micros(CALL + QUEUE_SEND);
            for _ in 0..parts {
                tasks.push(Reverse((ends + micros(QUEUE_TO_FUNCTION), size.div_ceil(parts))));
            }
            ends
        } else {
            let pages = size.div_ceil(PAGE);
            first = first.min(seconds(lease) + QUERY + PUSH_SERVICE);
            lease + micros(pages as f64 * page_seconds() + CALL)
        };
        last = last.max(seconds(ends));
        free.push(Reverse(ends));
    }
    Times { first, last }
}

/// When the function of this index can start.
fn starts_at(index: u64) -> u64 {
    micros((index as f64 - FIRST_FUNCTIONS).max(0.0) / MORE_FUNCTIONS)
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// The time of the chain that a push was before, whatever the number of functions.
fn chain(recipients: u64) -> Times {
    let pages = recipients.div_ceil(PAGE) as f64;
    let first = QUEUE_TO_FUNCTION + 4.0 * CALL + QUERY + PUSH_SERVICE;
    Times { first, last: first + (pages - 1.0) * CHAIN_STEP + PAGE as f64 * CPU }
}

/// A duration in the unit that fits.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// The page.
fn document() -> String {
    let mut page = String::from(
        "# Scale\n\nWhat bounds one large push, computed by `cargo run -p tests --bin measure -- scale`, which writes this page. \
         The units of a\nrecipient are measured over a layer with DynamoDB's limits (`measure load`); the times of AWS are \
         assumptions, which stand\nwith their sources in `tests/src/measure/scale.rs`. Nothing here was measured on AWS.\n\n\
         ## Time\n\nFrom the 202 to the last recipient, for a push to one channel, by the number of functions at once \
         (parameter\n`DeliveryConcurrency`, 10 unless you change it). Lambda adds 300 functions a minute, so a thousand are there \
         after three\nminutes.\n\n| recipients | first | 10 functions | 100 functions | 1,000 functions | as a chain of pages, \
         before |\n|---|---|---|---|---|---|\n",
    );
    for size in SIZES {
        let times = FUNCTIONS.map(|functions| simulate(size, functions));
        let all = times.map(|times| duration(times.last)).join(" | ");
        let first = duration(times[0].first);
        let _ = writeln!(page, "| {} | {first} | {all} | {} |", thousands(size), duration(chain(size).last));
    }
    page.push_str(
        "\n![The time of a push](images/scale.svg)\n\n## Limits\n\nRecipients a second, for one channel:\n\n",
    );
    page.push_str("| limit | arithmetic | recipients a second |\n|---|---|---|\n");
    let per_function = PAGE as f64 / page_seconds();
    let mut limit = |name: &str, arithmetic: String, rate: f64| {
        let _ = writeln!(page, "| {name} | {arithmetic} | {} |", thousands(rate as u64));
    };
    for functions in FUNCTIONS {
        let arithmetic = format!("{} · 100 / {:.3} s", thousands(functions), page_seconds());
        limit(&format!("{} functions", thousands(functions)), arithmetic, functions as f64 * per_function);
    }
    let reads = MEMBERSHIP_PARTITIONS * PARTITION_READS / READ_UNITS;
    limit("reads of the memberships", "16 partitions · 3,000 / 0.112".to_owned(), reads);
    let writes = TASK_PARTITIONS * PARTITION_WRITES / WRITE_UNITS;
    limit("writes of the tasks", "10 partitions · 1,000 / 0.0126".to_owned(), writes);
    limit("a new table's reads", "12,000 / 0.112".to_owned(), 12_000.0 / READ_UNITS);
    page.push_str(
        "\nAn on-demand table that has had little traffic reads 12,000 units a second, and then twice its peak: warm it \
         before a push\nto tens of millions (\"pre-warming\" in DynamoDB's guide). A push service has a quota of its own, which \
         may be lower than\nall of these; `deliver` sends to each origin as fast as it accepts.\n\n## Costs\n\n\
         Dollars for one push, by the prices of [operations.md](operations.md#costs):\n\n\
         | recipients | DynamoDB | Lambda | SQS | data out | together |\n|---|---|---|---|---|---|\n",
    );
    for size in SIZES {
        let recipients = size as f64;
        let dynamodb = recipients * (WRITE_UNITS * WRITE_PRICE + READ_UNITS * READ_PRICE);
        let lambda = recipients / PAGE as f64 * page_seconds() * 0.5 * GB_SECOND_PRICE;
        let queue = recipients * MESSAGES * 4.0 * REQUEST_PRICE;
        let data = recipients * BYTES_OUT / 1e9 * DATA_PRICE;
        let all = [dynamodb, lambda, queue, data, dynamodb + lambda + queue + data].map(|part| format!("{part:.4}"));
        let _ = writeln!(page, "| {} | {} |", thousands(size), all.join(" | "));
    }
    page
}

/// The plot: the time of the last recipient by the number of recipients, both on logarithmic axes.
fn plot() -> String {
    let (left, top, width, height) = (70.0, 20.0, 520.0, 300.0);
    let x = |recipients: f64| left + (recipients.log10() - 3.0) / 5.0 * width;
    let y = |seconds: f64| top + height - (seconds.max(0.1).log10() + 1.0) / 6.0 * height;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 380\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"380\" fill=\"#ffffff\"/>\n<title>Seconds from the 202 to the last recipient</title>\n",
    );
    for power in 3..=8 {
        let at = x(10_f64.powi(power));
        let label = thousands(10_u64.pow(u32::try_from(power).unwrap_or_default()));
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.0} {top}V{:.0}\" stroke=\"#dddddd\"/><text x=\"{at:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
            top + height,
            top + height + 18.0
        );
    }
    for (seconds, label) in [
        (0.1, "0.1 s"),
        (1.0, "1 s"),
        (10.0, "10 s"),
        (60.0, "1 min"),
        (600.0, "10 min"),
        (3_600.0, "1 h"),
        (86_400.0, "1 day"),
    ] {
        let at = y(seconds);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {at:.0}H{:.0}\" stroke=\"#dddddd\"/><text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            left + width,
            left - 8.0,
            at + 4.0
        );
    }
    let sizes: Vec<u64> = (0..=20).map(|step| 10_f64.powf(3.0 + f64::from(step) / 4.0) as u64).collect();
    let mut line = |color: &str, label: &str, time: &dyn Fn(u64) -> f64| {
        let points: Vec<String> =
            sizes.iter().map(|size| format!("{:.1},{:.1}", x(*size as f64), y(time(*size)))).collect();
        let end = y(time(100_000_000)) + 4.0;
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/><text x=\"{:.0}\" y=\"{end:.0}\" fill=\"{color}\">{label}</text>",
            points.join(" "),
            left + width + 8.0
        );
    };
    line("#b3261e", "chain of pages, before", &|size| chain(size).last);
    line("#7a5900", "10 functions", &|size| simulate(size, 10).last);
    line("#00639b", "100 functions", &|size| simulate(size, 100).last);
    line("#1b6b3a", "1,000 functions", &|size| simulate(size, 1_000).last);
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"368\" text-anchor=\"middle\">recipients</text>\n</svg>",
        left + width / 2.0
    );
    svg
}

/// Writes the page and the plot; with `check`, fails if they are different.
pub fn run(check: bool) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for (file, content) in [("scale.md", document()), ("images/scale.svg", plot())] {
        let path = docs.join(file);
        if check {
            let committed = std::fs::read_to_string(&path).expect("the file");
            assert_eq!(committed, content, "{file} is old: run `measure scale`");
        } else {
            std::fs::write(&path, content).expect("a file");
        }
        print_line(&format!("scale: docs/{file}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_functions_send_a_large_push_sooner_and_a_small_one_as_soon() {
        let last = |size, functions| simulate(size, functions).last;
        assert!(last(1_000_000, 100) < last(1_000_000, 10) / 5.0);
        assert!((last(1_000, 10) - last(1_000, 1_000)).abs() < f64::EPSILON);
        assert!(last(1_000_000, 10) < chain(1_000_000).last);
        // No faster than the functions alone.
        assert!(last(1_000_000, 10) > 1_000_000.0 / (10.0 * PAGE as f64 / page_seconds()));
    }

    #[test]
    fn numbers_and_durations_are_easy_to_read() {
        assert_eq!((thousands(999).as_str(), thousands(1_234_567).as_str()), ("999", "1,234,567"));
        assert_eq!(
            (duration(0.44).as_str(), duration(95.0).as_str(), duration(640.0).as_str()),
            ("0.4 s", "95 s", "11 min")
        );
    }
}
