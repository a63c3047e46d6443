//! 16 senders go on while their key is rotated, with an overlap and then without: no request with a valid secret is
//! denied, and none with an expired secret is allowed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use serde_json::json;

use super::print::print_line;
use crate::actors::Key;
use crate::app::App;

const SENDERS: usize = 16;

/// A secret of the key. It expired between the request of the rotation that ended it and the response.
#[derive(Clone)]
struct Generation {
    secret: String,
    ended: Option<(Instant, Instant)>,
}

/// One request of a sender.
struct Attempt {
    generation: usize,
    started: Instant,
    ended: Instant,
    allowed: bool,
}

#[derive(Default)]
struct Tally {
    valid: usize,
    valid_denied: usize,
    ended: usize,
    ended_allowed: usize,
    /// Requests that were in flight while their secret expired.
    raced: usize,
}

/// Measures this many trials of two rotations.
pub async fn run(trials: usize) {
    let app = App::start().await;
    let mut tally = Tally::default();
    for _ in 0..trials {
        run_trial(&app, &mut tally).await;
    }
    let Tally { valid, valid_denied, ended, ended_allowed, raced } = tally;
    print_line(&format!(
        "rotation: {trials} trials, {SENDERS} senders: {valid} requests with a valid secret, {valid_denied} of them \
         denied; {ended} with an expired one, {ended_allowed} of them allowed; {raced} in flight at an expiry"
    ));
    assert_eq!((valid_denied, ended_allowed), (0, 0));
    assert!(ended >= trials * SENDERS && raced >= trials, "too few requests raced");
    app.stop().await;
}

async fn run_trial(app: &App, tally: &mut Tally) {
    let key = app.key().create().await;
    let generations = Mutex::new(vec![Generation { secret: key.secret.clone(), ended: None }]);
    let (allowed, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    let senders = join_all((0..SENDERS).map(|sender| send(&key, sender, &generations, &allowed, &ended)));
    let rotations = async {
        for overlap in [600, 0] {
            let before = allowed.load(Ordering::Relaxed);
            while allowed.load(Ordering::Relaxed) < before + SENDERS {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            rotate(app, &key, overlap, &generations).await;
        }
        ended.store(true, Ordering::SeqCst);
    };
    let (sent, ()) = join(senders, rotations).await;

    let generations = generations.into_inner().unwrap_or_else(PoisonError::into_inner);
    for sent in sent.into_iter().flatten() {
        match generations[sent.generation].ended {
            Some((_, responded)) if sent.started > responded => {
                tally.ended += 1;
                tally.ended_allowed += usize::from(sent.allowed);
            }
            Some((requested, _)) if sent.ended > requested => tally.raced += 1,
            _ => {
                tally.valid += 1;
                tally.valid_denied += usize::from(!sent.allowed);
            }
        }
    }
}

async fn rotate(app: &App, key: &Key<'_>, overlap: u32, generations: &Mutex<Vec<Generation>>) {
    let path = format!("/keys/{}/rotate", key.id);
    let requested = Instant::now();
    let response = app.admin().await.post(&path, &json!({ "overlap_seconds": overlap })).await.expect(200).json();
    let responded = Instant::now();
    let mut generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
    if overlap == 0 {
        generations.iter_mut().for_each(|generation| generation.ended = Some((requested, responded)));
    }
    let secret = response["secret"].as_str().expect("a secret").to_owned();
    generations.push(Generation { secret, ended: None });
}

/// Sends with each secret so far in turn, until one request with each has started after the rotations.
async fn send(
    key: &Key<'_>,
    sender: usize,
    generations: &Mutex<Vec<Generation>>,
    allowed: &AtomicUsize,
    ended: &AtomicBool,
) -> Vec<Attempt> {
    let (mut all, mut last) = (Vec::new(), 0);
    for attempt in sender.. {
        last += usize::from(ended.load(Ordering::SeqCst));
        let (generation, secret) = {
            let generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
            let generation = attempt % generations.len();
            (generation, generations[generation].secret.clone())
        };
        let key = key.with_secret(&secret);
        let started = Instant::now();
        let response = key.push(&json!({ "title": "Race", "dry_run": true })).await;
        let is_allowed = response.status == 200;
        assert!(is_allowed || response.status == 401, "{} {}", response.status, response.text);
        all.push(Attempt { generation, started, ended: Instant::now(), allowed: is_allowed });
        allowed.fetch_add(usize::from(is_allowed), Ordering::Relaxed);
        if last == 3 {
            break;
        }
    }
    all
}
