//! What this function knows of the origins of push services: how many requests each may have in flight, and which are to be
//! left alone. Untrusted clients choose the origins, so little is kept of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::domain::time::Timestamp;
use tokio::sync::Notify;

/// The number of requests in flight at first, and at most.
const FIRST_WINDOW: f64 = 20.0;
const MAX_WINDOW: f64 = 200.0;

/// An origin that has not answered this number of requests in a row is left alone.
const MAX_SILENT: u32 = 3;

/// The seconds for which an origin is left alone that does not answer.
const SILENT_PAUSE: i64 = 30;

/// The most seconds for which an origin is left alone that says for how long.
const MAX_PAUSE: u32 = 900;

/// The maximum number of origins that are known.
const MAX_ORIGINS: usize = 1_000;

/// The origins that this function has sent to.
#[derive(Default)]
pub(super) struct Origins {
    known: Mutex<HashMap<String, Arc<Origin>>>,
}

/// One origin.
#[derive(Default)]
pub(super) struct Origin {
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    in_flight: u32,
    /// The number of requests that may be in flight. It grows by one with each accepted one until we are refused for the first
    /// time, then by one with each full window; it halves when we are refused, or not answered.
    window: f64,
    refused: bool,
    /// The requests that got no answer since the last answer.
    silent: u32,
    pause: Option<Pause>,
}

/// An origin is left alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pause {
    until: Timestamp,
}

/// A request that may be sent; it is no longer in flight when this is dropped.
pub(super) struct Permit<'a> {
    origin: &'a Origin,
}

/// How a request ended, for its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Accepted, or refused for a reason of its own.
    Normal,
    /// The origin has too much to do; the seconds that it says.
    Overloaded(Option<u32>),
    /// No answer.
    Silent,
}

impl Origins {
    /// The origin of this name.
    pub(super) fn get(&self, name: &str) -> Arc<Origin> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MAX_ORIGINS && !known.contains_key(name) {
            // Untrusted clients choose the origins, and must not make us forget what we know of one that is in use.
            known.retain(|_, origin| Arc::strong_count(origin) > 1 || origin.state().pause.is_some());
        }
        if known.len() == MAX_ORIGINS && !known.contains_key(name) {
            known.clear();
        }
        Arc::clone(known.entry(name.to_owned()).or_default())
    }
}

impl Default for State {
    fn default() -> Self {
        Self { in_flight: 0, window: FIRST_WINDOW, refused: false, silent: 0, pause: None }
    }
}

impl Pause {
    /// The seconds that are left.
    pub(super) fn seconds_left(self, now: Timestamp) -> u32 {
        u32::try_from(now.seconds_until(self.until)).unwrap_or_default()
    }
}

impl Origin {
    /// Waits until a request may be sent; the pause if the origin is left alone.
    pub(super) async fn permit(&self, now: impl Fn() -> Timestamp) -> Result<Permit<'_>, Pause> {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state();
                if let Some(pause) = state.pause.filter(|pause| pause.until > now()) {
                    return Err(pause);
                }
                if f64::from(state.in_flight) < state.window {
                    state.in_flight += 1;
                    return Ok(Permit { origin: self });
                }
            }
            freed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Records how the request ended.
    pub(super) fn answered(self, answer: Answer, now: Timestamp) {
        let mut state = self.origin.state();
        let pause = match answer {
            Answer::Normal => {
                state.silent = 0;
                let growth = if state.refused { 1.0 / state.window } else { 1.0 };
                state.window = (state.window + growth).min(MAX_WINDOW);
                // For what the window has grown; the permit itself notifies another.
                self.origin.freed.notify_one();
                None
            }
            Answer::Overloaded(after) => {
                (state.silent, state.refused) = (0, true);
                state.window = (state.window / 2.0).max(1.0);
                after.map(|seconds| i64::from(seconds.min(MAX_PAUSE)))
            }
            Answer::Silent => {
                (state.silent, state.refused) = (state.silent + 1, true);
                state.window = (state.window / 2.0).max(1.0);
                (state.silent >= MAX_SILENT).then_some(SILENT_PAUSE)
            }
        };
        if let Some(seconds) = pause {
            // The longest of them all.
            state.pause = state.pause.max(Some(Pause { until: now.plus_seconds(seconds) }));
            self.origin.freed.notify_waiters();
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.origin.state().in_flight -= 1;
        self.origin.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_000_000);

    fn after(seconds: i64) -> impl Fn() -> Timestamp {
        move || AT.plus_seconds(seconds)
    }

    fn permit(origin: &Origin) -> Permit<'_> {
        origin.permit(after(0)).now_or_never().expect("no wait").unwrap_or_else(|pause| panic!("{pause:?}"))
    }

    #[test]
    fn an_origin_that_does_not_answer_is_left_alone_for_a_while() {
        let origin = Origin::default();
        for answer in [Answer::Silent, Answer::Silent, Answer::Normal, Answer::Silent, Answer::Silent] {
            permit(&origin).answered(answer, AT);
        }
        permit(&origin).answered(Answer::Silent, AT);

        let pause = origin.permit(after(0)).now_or_never().expect("no wait").err().expect("a pause");
        assert_eq!(pause.seconds_left(AT), 30);
        assert!(origin.permit(after(31)).now_or_never().expect("no wait").is_ok());
    }

    #[test]
    fn a_retry_after_of_an_overloaded_origin_is_for_all_of_it() {
        let origin = Origin::default();
        let in_flight = permit(&origin);
        permit(&origin).answered(Answer::Overloaded(None), AT);
        permit(&origin).answered(Answer::Overloaded(Some(120)), AT);
        in_flight.answered(Answer::Overloaded(Some(0)), AT);

        let pause = origin.permit(after(0)).now_or_never().expect("no wait").err().expect("a pause");
        assert_eq!(pause.seconds_left(AT), 120);
    }

    #[test]
    fn the_window_grows_with_accepted_requests_and_halves_with_refused_ones() {
        let origin = Origin::default();
        let first: Vec<_> = (0..20).map(|_| permit(&origin)).collect();
        assert!(origin.permit(after(0)).now_or_never().is_none(), "the window is full");
        for permit in first {
            permit.answered(Answer::Normal, AT);
        }
        let twice: Vec<_> = (0..40).map(|_| permit(&origin)).collect();
        drop(twice);
        permit(&origin).answered(Answer::Overloaded(None), AT);
        for _ in 0..10 {
            permit(&origin).answered(Answer::Normal, AT);
        }
        let _half: Vec<_> = (0..21).map(|_| permit(&origin)).collect();
        assert!(origin.permit(after(0)).now_or_never().is_none(), "it is half as large, and grows slowly");
    }

    #[tokio::test]
    async fn a_waiting_request_learns_that_the_origin_is_left_alone() {
        let origin = Origin::default();
        let mut first: Vec<_> = (0..20).map(|_| permit(&origin)).collect();
        let silent = async {
            for permit in first.drain(..3) {
                permit.answered(Answer::Silent, AT);
            }
        };
        let (waiting, ()) = tokio::join!(origin.permit(after(0)), silent);
        // The first one that ended let it go before the third made the pause, or it is paused: either way it does not hang.
        drop(waiting);
        assert!(origin.permit(after(0)).await.is_err());
    }
}
