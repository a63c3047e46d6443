//! One request in ten never reaches the store and one answer in ten is lost after its write was applied: what is counted
//! is what was let through, but for calls that were given up without an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::future::join_all;
use rand::RngExt as _;
use serde_json::Value;
use shared::key::{Ask, AskedReach};
use shared::permission::Permission;
use shared::store::{Error, Verdict};
use shared::time::Timestamp;

use super::say;
use crate::embedded_dynamodb::Engine;
use crate::fault_proxy::{Fate, Proxy, Signature};

/// As many Lambda environments, each with one request at a time.
const ENVIRONMENTS: usize = 32;

/// So many calls on one key twice: with any losses, and with at most two in a row per request.
pub async fn run(calls: usize) {
    let Tally { authorised, counted, unavailable } = measure(calls, None).await;
    assert!((authorised..=authorised + unavailable).contains(&counted), "what is counted has no excuse");
    assert_eq!(authorised + unavailable, calls);

    let Tally { authorised, counted, unavailable } = measure(calls, Some(2)).await;
    assert_eq!((authorised, counted, unavailable), (calls, calls, 0), "two losses in a row are overcome");
}

struct Tally {
    authorised: usize,
    counted: usize,
    unavailable: usize,
}

async fn measure(calls: usize, most_in_a_row: Option<u32>) -> Tally {
    let started = Instant::now();
    let engine = Engine::start().await;
    let (key, secret) = engine.add_key(&Engine::store(engine.url()), |_| {}).await;
    let losses = Arc::new(Losses { most_in_a_row, ..Losses::default() });
    let decide = Arc::clone(&losses);
    let proxy = Proxy::start(engine.url(), false, move |request| decide.fate(request)).await;
    let (left, url, secret) = (Arc::new(AtomicUsize::new(calls)), proxy.url(), Arc::new(secret));
    let environments = (0..ENVIRONMENTS).map(|_| {
        let (left, store, secret) = (Arc::clone(&left), Engine::store(&url), Arc::clone(&secret));
        tokio::spawn(async move {
            let (mut authorised, mut unavailable) = (0, 0);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let ask = Ask { permission: Permission::Send, reach: AskedReach::InBody };
                match store.authorize(&secret, &ask, Timestamp::now()).await {
                    Ok(Verdict::Through(_)) => authorised += 1,
                    Err(Error::Ambiguous(_)) => unavailable += 1,
                    other => panic!("an active key without limits: {other:?}"),
                }
            }
            (authorised, unavailable)
        })
    });
    let ends = join_all(environments).await;
    let ends = ends.into_iter().map(|end| end.expect("an environment"));
    let (authorised, unavailable) = ends.fold((0, 0), |sum, end| (sum.0 + end.0, sum.1 + end.1));
    let counted = engine.counted(&key).await;
    let (requests, answers) = (losses.requests.load(Ordering::Relaxed), losses.answers.load(Ordering::Relaxed));

    let bound = most_in_a_row.map_or("any losses".to_owned(), |most| format!("at most {most} losses in a row"));
    say(&format!(
        "lost-answers: {calls} calls from {ENVIRONMENTS} environments, {bound}: {requests} requests and {answers} \
         answers lost, {authorised} authorised, {counted} counted, difference {}, {unavailable} with 503, {} s",
        counted.abs_diff(authorised),
        started.elapsed().as_secs()
    ));
    // About a tenth each: without losses there was nothing to overcome.
    assert!(requests.min(answers) > calls / 20, "too little was lost");
    Tally { authorised, counted, unavailable }
}

/// What is lost, by chance.
#[derive(Default)]
struct Losses {
    most_in_a_row: Option<u32>,
    in_a_row: Mutex<HashMap<Signature, u32>>,
    requests: AtomicUsize,
    answers: AtomicUsize,
}

impl Losses {
    fn fate(&self, request: &Value) -> Fate {
        let Some(signature) = Signature::of(request) else { return Fate::Pass };
        let mut all = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let in_a_row = all.entry(signature).or_default();
        let fate = match rand::rng().random_range(0..10) {
            _ if Some(*in_a_row) == self.most_in_a_row => Fate::Pass,
            0 => Fate::LoseRequest,
            1 => Fate::LoseAnswer,
            _ => Fate::Pass,
        };
        let lost = match fate {
            // A conflict is an answer, and so is a refusal.
            Fate::Pass | Fate::Conflict | Fate::Refuse => {
                *in_a_row = 0;
                return fate;
            }
            Fate::LoseRequest => &self.requests,
            Fate::LoseAnswer => &self.answers,
        };
        lost.fetch_add(1, Ordering::Relaxed);
        *in_a_row += 1;
        fate
    }
}
