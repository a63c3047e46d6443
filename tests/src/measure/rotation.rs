//! 16 senders go on while their key is rotated, with an overlap and then without: no request with a valid secret is refused,
//! and none with a secret that has ended gets through.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use serde_json::json;

use super::say;
use crate::{App, Key};

const SENDERS: usize = 16;

/// A secret of the key, and when it ended: between when the rotation that ended it was asked for and when it had answered.
#[derive(Clone)]
struct Generation {
    secret: String,
    ended: Option<(Instant, Instant)>,
}

/// One request of a sender.
struct Sent {
    generation: usize,
    began: Instant,
    ended: Instant,
    through: bool,
}

#[derive(Default)]
struct Tally {
    valid: usize,
    valid_refused: usize,
    over: usize,
    over_through: usize,
    /// Requests that were on their way while their secret ended.
    raced: usize,
}

/// So many trials of two rotations.
pub async fn run(trials: usize) {
    let app = App::start().await;
    let mut tally = Tally::default();
    for _ in 0..trials {
        trial(&app, &mut tally).await;
    }
    let Tally { valid, valid_refused, over, over_through, raced } = tally;
    say(&format!(
        "rotation: {trials} trials, {SENDERS} senders: {valid} requests with a valid secret, {valid_refused} of them \
         refused; {over} with one that had ended, {over_through} of them let through; {raced} on their way at an end"
    ));
    assert_eq!((valid_refused, over_through), (0, 0));
    assert!(over >= trials * SENDERS && raced >= trials, "the race was not a race");
    app.stop().await;
}

async fn trial(app: &App, tally: &mut Tally) {
    let key = app.key().create().await;
    let generations = Mutex::new(vec![Generation { secret: key.secret.clone(), ended: None }]);
    let (through, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let senders = join_all((0..SENDERS).map(|sender| send(&key, sender, &generations, &through, &over)));
    let rotations = async {
        for overlap in [600, 0] {
            let before = through.load(Ordering::Relaxed);
            while through.load(Ordering::Relaxed) < before + SENDERS {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            rotate(app, &key, overlap, &generations).await;
        }
        over.store(true, Ordering::SeqCst);
    };
    let (sent, ()) = join(senders, rotations).await;

    let generations = generations.into_inner().unwrap_or_else(PoisonError::into_inner);
    for sent in sent.into_iter().flatten() {
        match generations[sent.generation].ended {
            Some((_, answered)) if sent.began > answered => {
                tally.over += 1;
                tally.over_through += usize::from(sent.through);
            }
            Some((asked, _)) if sent.ended > asked => tally.raced += 1,
            _ => {
                tally.valid += 1;
                tally.valid_refused += usize::from(!sent.through);
            }
        }
    }
}

async fn rotate(app: &App, key: &Key<'_>, overlap: u32, generations: &Mutex<Vec<Generation>>) {
    let path = format!("/keys/{}/rotate", key.id);
    let asked = Instant::now();
    let answer = app.admin().await.post(&path, &json!({ "overlap_seconds": overlap })).await.expect(200).json();
    let answered = Instant::now();
    let mut generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
    if overlap == 0 {
        generations.iter_mut().for_each(|generation| generation.ended = Some((asked, answered)));
    }
    let secret = answer["secret"].as_str().expect("a secret").to_owned();
    generations.push(Generation { secret, ended: None });
}

/// Sends with each secret that there has been, in turn, until one request with each has begun after the rotations.
async fn send(
    key: &Key<'_>,
    sender: usize,
    generations: &Mutex<Vec<Generation>>,
    through: &AtomicUsize,
    over: &AtomicBool,
) -> Vec<Sent> {
    let (mut all, mut last) = (Vec::new(), 0);
    for turn in sender.. {
        last += usize::from(over.load(Ordering::SeqCst));
        let (generation, secret) = {
            let generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
            let generation = turn % generations.len();
            (generation, generations[generation].secret.clone())
        };
        let key = key.with_secret(&secret);
        let began = Instant::now();
        let answer = key.push(&json!({ "title": "Race", "dry_run": true })).await;
        let through_now = answer.status == 200;
        assert!(through_now || answer.status == 401, "{} {}", answer.status, answer.text);
        all.push(Sent { generation, began, ended: Instant::now(), through: through_now });
        through.fetch_add(usize::from(through_now), Ordering::Relaxed);
        if last == 3 {
            break;
        }
    }
    all
}
