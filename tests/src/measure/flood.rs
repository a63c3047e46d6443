//! A simulation: which rate of requests without a valid secret costs a valid key of the same account its service.
//!
//! A partition of a table takes 1,000 write units a second, and a write whose condition fails costs one too. Requests arrive
//! at random; a throttled write is retried with the backoff of the authorizer. The number of attempts is that of the code,
//! which the suite counts (`write_cost`). What the simulation leaves out: a partition's saved burst capacity (up to five
//! minutes), and that DynamoDB splits a partition whose keys are hot, which takes minutes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::print::print_line;

/// Write units a second of one partition.
const PARTITION: f64 = 1_000.0;
/// Requests a second of the valid key.
const VALID: f64 = 50.0;
/// Milliseconds of one write.
const WRITE: f64 = 5.0;
/// Rates of the flood, in requests a second.
const FLOODS: [f64; 8] = [0.0, 500.0, 900.0, 1_000.0, 1_200.0, 2_000.0, 5_000.0, 10_000.0];

/// The number of attempts that a request gets while DynamoDB throttles.
struct Attempts {
    name: &'static str,
    /// Of a request of the flood; 0 if its secret is rejected without a call.
    flood: u32,
    /// Of a request with the valid secret.
    valid: u32,
}

const CASES: [Attempts; 3] = [
    Attempts { name: "without a tag, equal attempts", flood: 12, valid: 12 },
    Attempts { name: "deleted keys, which have a tag", flood: 2, valid: 12 },
    Attempts { name: "invented keys", flood: 0, valid: 12 },
];

/// The result of one run.
struct Outcome {
    /// The share of the valid key's requests that are answered 503.
    failed: f64,
    /// The longest time that an allowed request of the valid key waits, in milliseconds.
    slowest: f64,
    /// The average number of authorizers that wait for the table.
    busy: f64,
}

/// An attempt at a time, in microseconds since the start.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Attempt {
    at: u64,
    arrived: u64,
    valid: bool,
    number: u32,
}

/// Simulates this number of seconds for each rate.
pub fn run(seconds: u32) {
    for case in CASES {
        print_line(&format!("flood: {}: attempts of a flood {}, of a valid key {}", case.name, case.flood, case.valid));
        let outcomes: Vec<(f64, Outcome)> =
            FLOODS.into_iter().map(|rate| (rate, simulate(&case, rate, seconds))).collect();
        for (rate, Outcome { failed, slowest, busy }) in &outcomes {
            print_line(&format!(
                "flood: {rate:>6} a second: {:>5.1} % of the valid key's requests are 503, the slowest other waits \
                 {slowest:>5.0} ms, {busy:>6.1} authorizers are busy",
                100.0 * failed
            ));
        }
        let unharmed = outcomes.iter().take_while(|(_, outcome)| outcome.failed == 0.0).last().map_or(0.0, |it| it.0);
        print_line(&format!("flood: {}: no 503 up to {unharmed} a second", case.name));
        let harmless = outcomes.iter().all(|(_, outcome)| outcome.failed == 0.0);
        assert_eq!(harmless, case.flood == 0, "only a flood without calls is harmless at any rate");
    }
}

fn simulate(case: &Attempts, rate: f64, seconds: u32) -> Outcome {
    let mut rng = StdRng::seed_from_u64(1);
    let end = u64::from(seconds) * 1_000_000;
    let mut attempts = BinaryHeap::new();
    let mut valid_requests = 0_u32;
    for (rate, valid) in [(VALID, true), (if case.flood > 0 { rate } else { 0.0 }, false)] {
        let mut next = 0.0;
        // Exponential gaps: independent clients. A rate of 0 has an infinite one.
        let arrivals = std::iter::from_fn(|| {
            next += -(1.0 - rng.random::<f64>()).ln() / rate;
            let arrived = micros(next * 1e6);
            (arrived < end).then_some(arrived)
        });
        for arrived in arrivals {
            valid_requests += u32::from(valid);
            attempts.push(Reverse(Attempt { at: arrived, arrived, valid, number: 1 }));
        }
    }

    let (mut units, mut refilled) = (PARTITION, 0);
    let (mut failed, mut slowest, mut busy) = (0_u32, 0_u64, 0_u64);
    while let Some(Reverse(Attempt { at, arrived, valid, number })) = attempts.pop() {
        units = (units + as_f64(at - refilled) * PARTITION / 1e6).min(PARTITION);
        refilled = at;
        let answered = at + micros(WRITE * 1e3);
        let max = if valid { case.valid } else { case.flood };
        let ended = if units >= 1.0 {
            units -= 1.0;
            if valid {
                slowest = slowest.max(answered - arrived);
            }
            true
        } else if number == max {
            failed += u32::from(valid);
            true
        } else {
            // The backoff of `shared/src/store/retry.rs`.
            let wait = f64::from(10_u32 << number.min(6)) / 2.0;
            let wait = wait + rng.random_range(0.0..=wait);
            attempts.push(Reverse(Attempt { at: answered + micros(wait * 1e3), arrived, valid, number: number + 1 }));
            false
        };
        if ended {
            busy += answered - arrived;
        }
    }
    Outcome {
        failed: f64::from(failed) / f64::from(valid_requests),
        slowest: as_f64(slowest) / 1e3,
        busy: as_f64(busy) / as_f64(end),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time since the start, of minutes")]
fn micros(micros: f64) -> u64 {
    micros as u64
}

#[expect(clippy::cast_precision_loss, reason = "a time since the start, of minutes")]
fn as_f64(micros: u64) -> f64 {
    micros as f64
}
