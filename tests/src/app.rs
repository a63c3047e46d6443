//! The product, running: in this process with a fresh database, or at an address with fresh accounts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HOST;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::deployment::{self, Deployment};
use crate::invoke_api::InvokeApi;
use crate::local_app::Laptop;
use crate::openapi::{self, coverage};
use crate::{Answer, Key, KeyPlan, Person, PushService, emulator_gap, leaks, logs};

/// The product, running.
pub struct App {
    place: Place,
    /// A push service that it is allowed to reach.
    pub push_service: PushService,
    client: Client,
    seen: Arc<Seen>,
    stopped: bool,
}

/// Where it runs.
enum Place {
    Laptop(Box<Laptop>),
    Deployment(Deployment),
    Nowhere,
}

/// What came back so far.
#[derive(Default)]
struct Seen {
    /// The secrets that were shown.
    secrets: Mutex<Vec<String>>,
    /// Everything in which none may be.
    answers: Mutex<Vec<u8>>,
    /// The documented answers, each with the number of times.
    documented: Mutex<coverage::Counts>,
    /// The pushes that were accepted, each with the account of its key, as far as nobody waited for them yet.
    accepted: Mutex<Vec<(String, String)>>,
}

impl App {
    /// Starts it in memory, or takes fresh accounts of the deployment that is described.
    pub async fn start() -> Self {
        let (place, push_service) = if let Some(description) = deployment::description() {
            let push_service = PushService::start_on_one_of(&description.push_hosts).await;
            (Place::Deployment(Deployment::new(description)), push_service)
        } else {
            Self::start_laptop(None).await
        };

        Self { place, push_service, client: Client::new(), seen: Arc::default(), stopped: false }
    }

    /// Starts it in memory, with functions whose environments the test may change: `Laptop::run_functions`.
    pub async fn start_to_fail() -> Self {
        let (place, push_service) = Self::start_laptop(Some(InvokeApi::start().await)).await;
        Self { place, push_service, client: Client::new(), seen: Arc::default(), stopped: false }
    }

    async fn start_laptop(functions: Option<InvokeApi>) -> (Place, PushService) {
        logs::start();
        let push_service = PushService::start().await;
        (Place::Laptop(Box::new(Laptop::start(&push_service, functions).await)), push_service)
    }

    /// The gateway's address, without the stage.
    pub fn url(&self) -> &str {
        match &self.place {
            Place::Laptop(laptop) => laptop.url(),
            Place::Deployment(deployment) => &deployment.description.url,
            Place::Nowhere => unreachable!("it runs until it is stopped"),
        }
    }

    /// What only a laptop has. A test that needs it cannot run by address, and stands in `deployment/skipped.toml`.
    pub fn laptop(&self) -> &Laptop {
        self.on_laptop().expect("this test needs a laptop: it belongs into deployment/skipped.toml")
    }

    /// What only a laptop has, for a part of a test that is left out elsewhere. Then that is noted.
    pub fn if_laptop(&self) -> Option<&Laptop> {
        let laptop = self.on_laptop();
        if laptop.is_none() {
            emulator_gap::note("behind-the-gateway");
        }
        laptop
    }

    pub(crate) fn on_laptop(&self) -> Option<&Laptop> {
        match &self.place {
            Place::Laptop(laptop) => Some(laptop),
            _ => None,
        }
    }

    /// The id of the account that the tests call by this name.
    pub fn account(&self, name: &str) -> String {
        match &self.place {
            Place::Deployment(deployment) => deployment.account_id(name),
            _ => name.to_owned(),
        }
    }

    /// Somebody who is signed in: `admin@acme` and the like.
    pub async fn person(&self, user: &str) -> Person<'_> {
        let token = match &self.place {
            Place::Deployment(deployment) => deployment.id_token(user),
            _ => self.laptop().id_token(user).await,
        };
        Person { app: self, token }
    }

    /// The admin of the account that most tests are about.
    pub async fn admin(&self) -> Person<'_> {
        self.person("admin@acme").await
    }

    /// A key of that account, to be planned and created.
    pub fn key(&self) -> KeyPlan<'_> {
        KeyPlan {
            app: self,
            body: json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" }),
        }
    }

    /// A key of that account that may add subscriptions to every channel.
    pub async fn subscriber(&self) -> Key<'_> {
        self.key().permissions(&["Subscriptions/Write"]).create().await
    }

    /// Makes channels of that account.
    pub async fn channels(&self, slugs: &[&str]) {
        let admin = self.admin().await;
        for slug in slugs {
            let _ = admin.post("/channels", &json!({ "slug": slug })).await.expect(201);
        }
    }

    /// A request without anything that proves who sends it.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request_outside(method, &format!("/v1{path}"))
    }

    /// The same at a path that begins with another stage, or none.
    pub fn request_outside(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url()));
        match &self.place {
            Place::Deployment(Deployment { description, .. }) => {
                description.host.iter().fold(request, |request, host| request.header(HOST, host))
            }
            _ => request,
        }
    }

    /// Sends a request, fails unless the answer, and the body that it accepts, are as the contract describes them, and keeps
    /// the answer to be searched for secrets.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
        let answer = Answer::of(self.client.execute(request).await.expect("an answer")).await;
        // What lies outside of the stage is not ours.
        if let Some(path) = path.strip_prefix("/v1").filter(|path| path.is_empty() || path.starts_with('/')) {
            let taken = openapi::judge_request(&method, path, &body, answer.status);
            taken.unwrap_or_else(|wrong| panic!("{wrong}"));
            let seen = openapi::judge(&method, path, &answer).unwrap_or_else(|wrong| panic!("{wrong}"));
            *self.seen.documented.lock().unwrap_or_else(PoisonError::into_inner).entry(seen).or_default() += 1;
        }
        let shown = serde_json::from_str::<Value>(&answer.text).ok();
        let shown = shown.as_ref().and_then(|body| body["secret"].as_str());
        let mut answers = self.seen.answers.lock().unwrap_or_else(PoisonError::into_inner);
        match shown {
            // The one answer that shows it: everything else in it is searched.
            Some(secret) => {
                answers.extend(answer.text.replacen(secret, "", 1).into_bytes());
                self.seen.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
            }
            None => answers.extend(answer.text.as_bytes()),
        }
        answers.extend(format!("{:?}\n", answer.headers).into_bytes());
        answer
    }

    /// Remembers that a key of this account sent something, so that it can be waited for.
    pub(crate) fn accepted(&self, account: &str, answer: &Answer) {
        let push = answer.json()["id"].as_str().expect("an id").to_owned();
        self.seen.accepted.lock().unwrap_or_else(PoisonError::into_inner).push((account.to_owned(), push));
    }

    /// Waits until everything that was accepted is delivered, or has failed for good.
    pub async fn delivered(&self) {
        if let Place::Laptop(laptop) = &self.place {
            return laptop.delivered().await;
        }
        let accepted = std::mem::take(&mut *self.seen.accepted.lock().unwrap_or_else(PoisonError::into_inner));
        let began = Instant::now();
        for (account, push) in accepted {
            let admin = self.person(&format!("admin@{account}")).await;
            let path = format!("/pushes/{push}");
            while admin.get(&path).await.expect(200).json()["status"] != "done" {
                assert!(began.elapsed() < Duration::from_mins(2), "{push} is not delivered");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Stops it, after a search for every secret that it has shown: in its answers, and on a laptop in its log and its
    /// tables.
    pub async fn stop(mut self) {
        let secrets = std::mem::take(&mut *self.seen.secrets.lock().unwrap_or_else(PoisonError::into_inner));
        let answers = std::mem::take(&mut *self.seen.answers.lock().unwrap_or_else(PoisonError::into_inner));
        let mut places = vec![("answers", answers)];
        if let Place::Laptop(laptop) = &self.place {
            places.extend([("log", logs::all()), ("tables", laptop.dump().await.into_bytes())]);
        }
        for (place, bytes) in &places {
            assert_eq!(leaks::count(&secrets, bytes), 0, "a secret stands in the {place}");
        }
        coverage::keep(&self.seen.documented.lock().unwrap_or_else(PoisonError::into_inner));
        self.stopped = true;
        if let Place::Laptop(laptop) = std::mem::replace(&mut self.place, Place::Nowhere) {
            laptop.stop().await;
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let forgotten = !self.stopped && !std::thread::panicking();
        assert!(!forgotten, "a test ends with app.stop(), which searches for secrets");
    }
}
