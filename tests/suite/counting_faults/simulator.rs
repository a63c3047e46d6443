//! The simulator: it runs a scenario with the real store and the real SDK. The fault proxy holds every attempt until
//! the scenario decides on it. Time passes only by the scenario's steps, so that each run of a scenario is the same.

use std::collections::HashMap;
use std::sync::Arc;

use shared::domain::access::{AccessRequest, RequestedTarget};
use shared::domain::history::{Action, AuditEvent};
use shared::domain::key::{Key, Overlap, Status};
use shared::domain::permission::Permission;
use shared::domain::random;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use shared::store::{EditOutcome, Error, Store, Verdict};
use tests::embedded_dynamodb::{EmbeddedDynamoDb, tag_key};
use tests::fault_proxy::{FaultProxy, HeldRequest, Rewrites, SentRequest, Signature};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use super::ledger::{Call, End, Seen, Violation};
use super::scenario::{AttemptFault, Losses, Scenario, Step};

/// The gateway's timeout of a call, in milliseconds. No attempt arrives later than this after it was sent.
const CALL_TIMEOUT: i64 = 10_000;

/// 2026-11-23T10:00:30Z: the middle of a minute.
const START: i64 = 1_795_428_030_000;

/// The reason why a scenario did not run to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// A guarantee was broken.
    Violated(Violation),
    /// This machine stalled for longer than the timeout of an attempt, so the run differs from the scenario.
    Stalled,
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violated(violation)
    }
}

/// Runs a scenario with a new key, to the end of the last call.
pub(super) async fn run(
    database: &EmbeddedDynamoDb,
    scenario: &Scenario,
    losses: Losses,
    mutant: Rewrites,
) -> Result<Seen, Stop> {
    let mut simulator = Simulator::new(database, scenario, losses, mutant).await;
    for step in &scenario.steps {
        simulator.step(step).await?;
    }
    simulator.finish().await?;
    while !simulator.late.is_empty() {
        simulator.arrive(0).await?;
    }
    let counted = database.counted(&simulator.key).await;
    Ok(Seen::of(&simulator.calls, counted, losses)?)
}

struct Simulator {
    losses: Losses,
    proxy: FaultProxy,
    arrivals: UnboundedReceiver<HeldRequest>,
    ending: UnboundedSender<Ended>,
    ended: UnboundedReceiver<Ended>,
    environments: Vec<Arc<Store>>,
    admin: Store,
    key: Key,
    secret: Secret,
    /// The previous secret; before the first rotation, the current one.
    previous_secret: Secret,
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
    started_at: i64,
    task: JoinHandle<()>,
    held: Option<HeldRequest>,
}

struct Late {
    call: usize,
    sent: SentRequest,
    abandoned_at: i64,
}

impl Simulator {
    async fn new(database: &EmbeddedDynamoDb, scenario: &Scenario, losses: Losses, mutant: Rewrites) -> Self {
        let (proxy, arrivals) = FaultProxy::hold(database.url(), mutant).await;
        let (ending, ended) = mpsc::unbounded_channel();
        let admin = EmbeddedDynamoDb::store(database.url()).await;
        let (key, secret) = database.add_key(&admin, |key| key.limits.per_minute = scenario.per_minute).await;
        let mut environments = Vec::new();
        for _ in 0..scenario.environments {
            environments.push(Arc::new(EmbeddedDynamoDb::store(&proxy.url()).await));
        }

        Self {
            losses,
            proxy,
            arrivals,
            ending,
            ended,
            environments,
            admin,
            key,
            previous_secret: secret.clone(),
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
            Step::Begin(environment) => self.start_call(environment, self.secret.clone()).await,
            Step::BeginWithPreviousSecret(environment) => {
                self.start_call(environment, self.previous_secret.clone()).await
            }
            Step::Attempt(which, fault) => match self.in_progress(which) {
                Some(call) => self.attempt(call, fault).await,
                None => Ok(()),
            },
            Step::Arrive(_) if self.late.is_empty() => Ok(()),
            Step::Arrive(which) => self.arrive(which % self.late.len()).await,
            Step::Kill(which, arrives) => self.kill(which, arrives).await,
            Step::Drop(which, arrives) => self.cancel(self.in_progress(which), arrives).await,
            Step::Disable => self.set_status(Status::Inactive).await,
            Step::Enable => self.set_status(Status::Active).await,
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

    /// Selects one of the calls in progress.
    fn in_progress(&self, which: usize) -> Option<usize> {
        let mut calls: Vec<usize> = self.running.keys().copied().collect();
        calls.sort_unstable();
        calls.get(which % calls.len().max(1)).copied()
    }

    async fn start_call(&mut self, environment: usize, secret: Secret) -> Result<(), Stop> {
        let environment = environment % self.environments.len();
        if self.running.values().filter(|call| call.environment == environment).count() == 2 {
            return Ok(());
        }
        let index = self.calls.len();
        let (store, ending) = (Arc::clone(&self.environments[environment]), self.ending.clone());
        let (presented, now) = (secret.clone(), Timestamp::from_millis(self.now));
        let task = tokio::spawn(async move {
            let request = AccessRequest { permission: Permission::SendPush, target: RequestedTarget::InBody };
            let outcome = store.authorize(&presented, &request, now).await;
            let _ = ending.send((index, outcome));
        });
        self.calls.push(Call::started(self.key.status == Status::Active));
        self.running.insert(index, Running { environment, secret, started_at: self.now, task, held: None });
        self.settle(index).await
    }

    /// Ends the current attempt of a call with this fault, and waits for the call's next attempt or its end.
    async fn attempt(&mut self, index: usize, fault: AttemptFault) -> Result<(), Stop> {
        let held = self.running.get_mut(&index).and_then(|call| call.held.take()).expect("a call in progress is held");
        let spared = self.losses == Losses::TwoInARow && self.calls[index].lost_in_a_row == 2;
        let fault = if spared { AttemptFault::None } else { fault };
        let call = &mut self.calls[index];
        if matches!(fault, AttemptFault::None | AttemptFault::LoseResponse) {
            let response = self.proxy.apply(&held.sent).await;
            call.applied(&held.sent, response.status)?;
            if fault == AttemptFault::None {
                call.response_arrived(&held.sent, response.status);
                held.respond(response);
                return self.settle(index).await;
            }
        }
        if fault == AttemptFault::Late {
            self.abandon(index, held.sent.clone());
        } else {
            call.response_lost();
        }
        // Dropping the request breaks the connection of the SDK.
        drop(held);
        self.settle(index).await
    }

    /// Runs every call in progress to its end.
    async fn finish(&mut self) -> Result<(), Stop> {
        while let Some(call) = self.in_progress(0) {
            self.attempt(call, AttemptFault::None).await?;
        }
        Ok(())
    }

    fn abandon(&mut self, index: usize, sent: SentRequest) {
        self.calls[index].response_lost();
        self.late.push(Late { call: index, sent, abandoned_at: self.now });
    }

    /// Delivers an abandoned attempt. Its response goes nowhere.
    async fn arrive(&mut self, which: usize) -> Result<(), Stop> {
        let Late { call, sent, abandoned_at } = self.late.remove(which);
        let abandoned = !matches!(self.calls[call].end, None | Some(End::Authorized));
        if self.now - abandoned_at > CALL_TIMEOUT || (self.losses == Losses::TwoInARow && abandoned) {
            return Ok(());
        }
        let response = self.proxy.apply(&sent).await;
        Ok(self.calls[call].applied(&sent, response.status)?)
    }

    /// Ends an environment with all its calls, and starts a new one.
    async fn kill(&mut self, which: usize, arrives: bool) -> Result<(), Stop> {
        let Some(call) = self.in_progress(which).filter(|_| self.losses == Losses::Any) else { return Ok(()) };
        let environment = self.running[&call].environment;
        while let Some(call) = self.running.iter().find(|(_, call)| call.environment == environment).map(|(i, _)| *i) {
            self.cancel(Some(call), arrives).await?;
        }
        self.environments[environment] = Arc::new(EmbeddedDynamoDb::store(&self.proxy.url()).await);
        Ok(())
    }

    async fn cancel(&mut self, call: Option<usize>, arrives: bool) -> Result<(), Stop> {
        let Some(index) = call.filter(|_| self.losses == Losses::Any) else { return Ok(()) };
        let call = self.running.remove(&index).expect("a call in progress");
        call.task.abort();
        // The future of the call is dropped when this returns.
        let _ = call.task.await;
        self.calls[index].end = Some(End::Canceled);
        match call.held {
            Some(held) if arrives => self.abandon(index, held.sent),
            _ => self.calls[index].response_lost(),
        }
        Ok(())
    }

    async fn set_status(&mut self, status: Status) -> Result<(), Stop> {
        let after = Key { status, revision: random::base62(8), ..self.key.clone() };
        let event = self.event(Action::Changed, &after);
        let edited = self.admin.edit_key(&self.key, &after, &event, false).await.expect("a response");
        assert_eq!(edited, EditOutcome::Written, "there is no other edit");
        self.key = after;
        if status == Status::Active {
            let hashes = [self.secret.hash(), self.previous_secret.hash()];
            for (index, _) in self.running.iter().filter(|(_, call)| hashes.contains(&call.secret.hash())) {
                self.calls[*index].was_active = true;
            }
        }
        Ok(())
    }

    async fn rotate(&mut self) -> Result<(), Stop> {
        let secret = Secret::generate(&self.key.account, &self.key.id, &tag_key());
        let overlap = Overlap::try_from(604_800).expect("7 days");
        let after = self.key.rotated(&secret, overlap, Timestamp::from_millis(self.now));
        let event = self.event(Action::Rotated, &after);
        let rotated = self.admin.rotate_key(&self.key, &after, &event, None).await.expect("a response");
        assert_eq!(rotated, EditOutcome::Written, "there is no other edit");
        self.key = after;
        self.previous_secret = std::mem::replace(&mut self.secret, secret);
        Ok(())
    }

    fn event(&self, action: Action, after: &Key) -> AuditEvent {
        AuditEvent::new(action, &self.key.created_by, Some(&self.key), Some(after), Timestamp::from_millis(self.now))
    }

    fn wait(&mut self, millis: i64) {
        let last = self.running.values().map(|call| call.started_at + CALL_TIMEOUT).min().unwrap_or(i64::MAX);
        self.now = (self.now + millis).min(last);
    }

    /// Waits until a call has sent its next attempt or has ended. All other calls are held.
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
