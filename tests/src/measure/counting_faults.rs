//! One request in ten is lost, and one response in ten after its write was applied: the counter equals the allowed
//! calls, up to calls that ended without a response.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::future::join_all;
use rand::RngExt as _;
use serde_json::Value;
use shared::domain::access::{AccessRequest, RequestedTarget};
use shared::domain::permission::Permission;
use shared::domain::time::Timestamp;
use shared::store::{Error, Verdict};

use super::print::print_line;
use crate::embedded_dynamodb::EmbeddedDynamoDb;
use crate::fault_proxy::{Fault, FaultProxy, Signature};

/// The number of Lambda environments, each with one request at a time.
const ENVIRONMENTS: usize = 32;

/// Measures this many calls with one key, twice: with any losses, and with at most two in a row per request.
pub async fn run(calls: usize) {
    let Tally { authorized, counted, unavailable } = measure(calls, None).await;
    assert!((authorized..=authorized + unavailable).contains(&counted), "more was counted than the calls explain");
    assert_eq!(authorized + unavailable, calls);

    let Tally { authorized, counted, unavailable } = measure(calls, Some(2)).await;
    assert_eq!((authorized, counted, unavailable), (calls, calls, 0), "the store survives two losses in a row");
}

struct Tally {
    authorized: usize,
    counted: usize,
    unavailable: usize,
}

async fn measure(calls: usize, max_in_a_row: Option<u32>) -> Tally {
    let started = Instant::now();
    let database = EmbeddedDynamoDb::start().await;
    let (key, secret) = database.add_key(&EmbeddedDynamoDb::store(database.url()).await, |_| {}).await;
    let losses = Arc::new(Losses { max_in_a_row, ..Losses::default() });
    let decide = Arc::clone(&losses);
    let proxy = FaultProxy::start(database.url(), false, move |request| decide.choose(request)).await;
    let (left, url, secret) = (Arc::new(AtomicUsize::new(calls)), proxy.url(), Arc::new(secret));
    let environments = (0..ENVIRONMENTS).map(|_| {
        let (left, url, secret) = (Arc::clone(&left), url.clone(), Arc::clone(&secret));
        tokio::spawn(async move {
            let store = EmbeddedDynamoDb::store(&url).await;
            let (mut authorized, mut unavailable) = (0, 0);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let access = AccessRequest { permission: Permission::SendPush, target: RequestedTarget::InBody };
                match store.authorize(&secret, &access, Timestamp::now()).await {
                    Ok(Verdict::Allowed(_)) => authorized += 1,
                    Err(Error::Ambiguous(_)) => unavailable += 1,
                    other => panic!("an active key without limits: {other:?}"),
                }
            }
            (authorized, unavailable)
        })
    });
    let results = join_all(environments).await;
    let results = results.into_iter().map(|result| result.expect("an environment"));
    let (authorized, unavailable) = results.fold((0, 0), |sum, result| (sum.0 + result.0, sum.1 + result.1));
    let counted = database.counted(&key).await;
    let (requests, responses) = (losses.requests.load(Ordering::Relaxed), losses.responses.load(Ordering::Relaxed));

    let bound = max_in_a_row.map_or("any losses".to_owned(), |max| format!("at most {max} losses in a row"));
    print_line(&format!(
        "counting-faults: {calls} calls from {ENVIRONMENTS} environments, {bound}: {requests} requests and {responses} \
         responses lost, {authorized} authorized, {counted} counted, difference {}, {unavailable} with 503, {} s",
        counted.abs_diff(authorized),
        started.elapsed().as_secs()
    ));
    // About a tenth of each must be lost, or the measurement shows nothing.
    assert!(requests.min(responses) > calls / 20, "too few losses");
    Tally { authorized, counted, unavailable }
}

/// The random losses.
#[derive(Default)]
struct Losses {
    max_in_a_row: Option<u32>,
    in_a_row: Mutex<HashMap<Signature, u32>>,
    requests: AtomicUsize,
    responses: AtomicUsize,
}

impl Losses {
    fn choose(&self, request: &Value) -> Fault {
        let Some(signature) = Signature::of(request) else { return Fault::None };
        let mut all = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let in_a_row = all.entry(signature).or_default();
        let fault = match rand::rng().random_range(0..10) {
            _ if Some(*in_a_row) == self.max_in_a_row => Fault::None,
            0 => Fault::LoseRequest,
            1 => Fault::LoseResponse,
            _ => Fault::None,
        };
        let lost = match fault {
            // All others are responses.
            Fault::None | Fault::Conflict | Fault::Throttle | Fault::ConditionFailed => {
                *in_a_row = 0;
                return fault;
            }
            Fault::LoseRequest => &self.requests,
            Fault::LoseResponse => &self.responses,
        };
        lost.fetch_add(1, Ordering::Relaxed);
        *in_a_row += 1;
        fault
    }
}
