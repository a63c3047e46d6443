//! A history as it is played: the real store over the real SDK, every attempt held on the wire until the history says
//! what becomes of it. The clock is the history's, and nothing happens but by a step, so a history plays the same each time.

use std::collections::HashMap;
use std::sync::Arc;

use shared::history::{Action, Event};
use shared::key::{Ask, AskedReach, Key, Overlap, Status};
use shared::permission::Permission;
use shared::random;
use shared::secret::Secret;
use shared::store::{Edited, Error, Store, Verdict};
use shared::time::Timestamp;
use tests::embedded_dynamodb::Engine;
use tests::fault_proxy::{Held, Proxy, Rewrites, Sent, Signature};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use super::ledger::{Call, End, Seen, Violation};
use super::scenario::{History, Step, Turn};

/// A call takes no longer: the gateway gives up on it. An attempt arrives no later than this after it was sent.
const LONGEST: i64 = 10_000;

/// 2026-11-23T10:00:30Z: the middle of a minute.
const START: i64 = 1_795_428_030_000;

/// How cruel the world is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Losses {
    /// Anything may be lost, and any call may be cut off.
    Any,
    /// At most two attempts of a call are lost in a row, and no call is cut off. What was given up arrives, if at all,
    /// before its call is refused: a write that nobody waits for any more cannot be recognised.
    TwoInARow,
}

/// Why a history was not played to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It broke a promise.
    Violated(Violation),
    /// This machine stood still for longer than an attempt may take, so that what happened is not the history.
    Stalled,
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violated(violation)
    }
}

/// Plays a history on a new key, to the end of its last call.
pub(super) async fn play(engine: &Engine, history: &History, losses: Losses, bug: Rewrites) -> Result<Seen, Stop> {
    let mut world = World::new(engine, history, losses, bug).await;
    for step in &history.steps {
        world.step(step).await?;
    }
    world.finish().await?;
    while !world.late.is_empty() {
        world.arrive(0).await?;
    }
    let counted = engine.counted(&world.key).await;
    Ok(Seen::of(&world.calls, counted, losses)?)
}

struct World {
    losses: Losses,
    proxy: Proxy,
    arrivals: UnboundedReceiver<Held>,
    ending: UnboundedSender<Ended>,
    ended: UnboundedReceiver<Ended>,
    environments: Vec<Arc<Store>>,
    admin: Store,
    key: Key,
    secret: Secret,
    /// The secret before it, as long as there was no other rotation.
    old_secret: Secret,
    now: i64,
    calls: Vec<Call>,
    running: HashMap<usize, Running>,
    signatures: HashMap<Signature, usize>,
    late: Vec<Late>,
}

type Ended = (usize, Result<Verdict, Error>);

struct Running {
    environment: usize,
    secret: Secret,
    begun_at: i64,
    task: JoinHandle<()>,
    held: Option<Held>,
}

struct Late {
    call: usize,
    sent: Sent,
    given_up_at: i64,
}

impl World {
    async fn new(engine: &Engine, history: &History, losses: Losses, bug: Rewrites) -> Self {
        let (proxy, arrivals) = Proxy::hold(engine.url(), bug).await;
        let (ending, ended) = mpsc::unbounded_channel();
        let admin = Engine::store(engine.url());
        let (key, secret) = engine.add_key(&admin, |key| key.limits.per_minute = history.per_minute).await;
        let environments = (0..history.environments).map(|_| Arc::new(Engine::store(&proxy.url()))).collect();

        Self {
            losses,
            proxy,
            arrivals,
            ending,
            ended,
            environments,
            admin,
            key,
            old_secret: secret.clone(),
            secret,
            now: START,
            calls: Vec::new(),
            running: HashMap::new(),
            signatures: HashMap::new(),
            late: Vec::new(),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match *step {
            Step::Begin(environment) => self.begin(environment, self.secret.clone()).await,
            Step::BeginOld(environment) => self.begin(environment, self.old_secret.clone()).await,
            Step::Attempt(which, turn) => match self.in_progress(which) {
                Some(call) => self.attempt(call, turn).await,
                None => Ok(()),
            },
            Step::Arrive(_) if self.late.is_empty() => Ok(()),
            Step::Arrive(which) => self.arrive(which % self.late.len()).await,
            Step::Kill(which, arrives) => self.kill(which, arrives).await,
            Step::Drop(which, arrives) => self.cut_off(self.in_progress(which), arrives).await,
            Step::Disable => self.switch(Status::Inactive).await,
            Step::Enable => self.switch(Status::Active).await,
            Step::Rotate => self.rotate().await,
            Step::Wait(millis) => {
                self.wait(millis);
                Ok(())
            }
            Step::Rest(millis) => {
                self.finish().await?;
                self.wait(millis);
                Ok(())
            }
        }
    }

    /// One of the calls in progress.
    fn in_progress(&self, which: usize) -> Option<usize> {
        let mut calls: Vec<usize> = self.running.keys().copied().collect();
        calls.sort_unstable();
        calls.get(which % calls.len().max(1)).copied()
    }

    async fn begin(&mut self, environment: usize, secret: Secret) -> Result<(), Stop> {
        let environment = environment % self.environments.len();
        if self.running.values().filter(|call| call.environment == environment).count() == 2 {
            return Ok(());
        }
        let index = self.calls.len();
        let (store, ending) = (Arc::clone(&self.environments[environment]), self.ending.clone());
        let (presented, now) = (secret.clone(), Timestamp::from_millis(self.now));
        let task = tokio::spawn(async move {
            let ask = Ask { permission: Permission::Send, reach: AskedReach::InBody };
            let outcome = store.authorize(&presented, &ask, now).await;
            let _ = ending.send((index, outcome));
        });
        self.calls.push(Call::begun(self.key.status == Status::Active));
        self.running.insert(index, Running { environment, secret, begun_at: self.now, task, held: None });
        self.settle(index).await
    }

    /// Decides on the attempt of a call, and waits for what the call does next.
    async fn attempt(&mut self, index: usize, turn: Turn) -> Result<(), Stop> {
        let held = self.running.get_mut(&index).and_then(|call| call.held.take()).expect("a call in progress is held");
        let spared = self.losses == Losses::TwoInARow && self.calls[index].lost_in_a_row == 2;
        let turn = if spared { Turn::Pass } else { turn };
        let call = &mut self.calls[index];
        if matches!(turn, Turn::Pass | Turn::LoseAnswer) {
            let reply = self.proxy.apply(&held.sent).await;
            call.applied(&held.sent, reply.status)?;
            if turn == Turn::Pass {
                call.answered(&held.sent, reply.status);
                held.answer(reply);
                return self.settle(index).await;
            }
        }
        if turn == Turn::Late {
            self.give_up(index, held.sent.clone());
        } else {
            call.unanswered();
        }
        // By this the SDK learns that nothing comes.
        drop(held);
        self.settle(index).await
    }

    /// Lets every call in progress come to its end.
    async fn finish(&mut self) -> Result<(), Stop> {
        while let Some(call) = self.in_progress(0) {
            self.attempt(call, Turn::Pass).await?;
        }
        Ok(())
    }

    fn give_up(&mut self, index: usize, sent: Sent) {
        self.calls[index].unanswered();
        self.late.push(Late { call: index, sent, given_up_at: self.now });
    }

    /// An attempt that was given up arrives, with nobody listening.
    async fn arrive(&mut self, which: usize) -> Result<(), Stop> {
        let Late { call, sent, given_up_at } = self.late.remove(which);
        let abandoned = !matches!(self.calls[call].end, None | Some(End::Authorised));
        if self.now - given_up_at > LONGEST || (self.losses == Losses::TwoInARow && abandoned) {
            return Ok(());
        }
        let reply = self.proxy.apply(&sent).await;
        Ok(self.calls[call].applied(&sent, reply.status)?)
    }

    /// Ends an environment with all its calls, and starts another in its place.
    async fn kill(&mut self, which: usize, arrives: bool) -> Result<(), Stop> {
        let Some(call) = self.in_progress(which).filter(|_| self.losses == Losses::Any) else { return Ok(()) };
        let environment = self.running[&call].environment;
        while let Some(call) = self.running.iter().find(|(_, call)| call.environment == environment).map(|(i, _)| *i) {
            self.cut_off(Some(call), arrives).await?;
        }
        self.environments[environment] = Arc::new(Engine::store(&self.proxy.url()));
        Ok(())
    }

    async fn cut_off(&mut self, call: Option<usize>, arrives: bool) -> Result<(), Stop> {
        let Some(index) = call.filter(|_| self.losses == Losses::Any) else { return Ok(()) };
        let call = self.running.remove(&index).expect("a call in progress");
        call.task.abort();
        // Its future is dropped when this returns.
        let _ = call.task.await;
        self.calls[index].end = Some(End::CutOff);
        match call.held {
            Some(held) if arrives => self.give_up(index, held.sent),
            _ => self.calls[index].unanswered(),
        }
        Ok(())
    }

    async fn switch(&mut self, status: Status) -> Result<(), Stop> {
        let after = Key { status, revision: random::base62(8), ..self.key.clone() };
        let event = self.event(Action::Changed, &after);
        let edited = self.admin.edit_key(&self.key, &after, &event).await.expect("the engine answers");
        assert_eq!(edited, Edited::Done, "nobody else edits");
        self.key = after;
        if status == Status::Active {
            let hashes = [self.secret.hash(), self.old_secret.hash()];
            for (index, _) in self.running.iter().filter(|(_, call)| hashes.contains(&call.secret.hash())) {
                self.calls[*index].was_active = true;
            }
        }
        Ok(())
    }

    async fn rotate(&mut self) -> Result<(), Stop> {
        let secret = Secret::generate(&self.key.account, &self.key.id);
        let overlap = Overlap::try_from(604_800).expect("7 days");
        let after = self.key.rotated(&secret, overlap, random::base62(8), Timestamp::from_millis(self.now));
        let event = self.event(Action::Rotated, &after);
        let rotated = self.admin.rotate_key(&self.key, &after, &event).await.expect("the engine answers");
        assert_eq!(rotated, Edited::Done, "nobody else edits");
        self.key = after;
        self.old_secret = std::mem::replace(&mut self.secret, secret);
        Ok(())
    }

    fn event(&self, action: Action, after: &Key) -> Event {
        Event::new(action, &self.key.created_by, Some(&self.key), Some(after), Timestamp::from_millis(self.now))
    }

    fn wait(&mut self, millis: i64) {
        let last = self.running.values().map(|call| call.begun_at + LONGEST).min().unwrap_or(i64::MAX);
        self.now = (self.now + millis).min(last);
    }

    /// Waits until a call has sent its next attempt, or has ended. All others are held meanwhile.
    async fn settle(&mut self, index: usize) -> Result<(), Stop> {
        tokio::select! {
            Some(held) = self.arrivals.recv() => {
                let signature = Signature::of(&held.sent.request).expect("a counting write");
                let call = *self.signatures.entry(signature).or_insert(index);
                let expected = self.running.get_mut(&index).filter(|running| call == index && running.held.is_none());
                expected.ok_or(Stop::Stalled)?.held = Some(held);
            }
            Some((call, outcome)) = self.ended.recv() => {
                if call != index {
                    return Err(Stop::Stalled);
                }
                self.running.remove(&index);
                self.calls[index].ended(outcome, self.losses)?;
            }
        }
        Ok(())
    }
}
