//! The app under test: in this process with a new database, or a deployed stack with unused accounts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::HOST;
use reqwest::{Client, Method};
use serde_json::Value;
use shared::domain::secret::TagKey;

use crate::deployment::{self, Deployment};
use crate::embedded_dynamodb;
use crate::invoke_api::InvokeApi;
use crate::local_app::LocalApp;
use crate::openapi::{self, coverage};
use crate::response::Response;
use crate::{leaks, logs};
use push_service::PushService;

/// The app under test.
pub struct App {
    backend: Backend,
    /// A push service that the app may send to.
    pub push_service: PushService,
    client: Client,
    observed: Arc<Observed>,
    stopped: bool,
}

/// Where the app runs.
enum Backend {
    Local(Box<LocalApp>),
    Deployment(Deployment),
    Stopped,
}

/// What the responses have shown so far.
#[derive(Default)]
struct Observed {
    /// The secrets that were shown.
    secrets: Mutex<Vec<String>>,
    /// Every response without the secret that it may show: none may contain a secret.
    responses: Mutex<Vec<u8>>,
    /// The documented responses, each with its number of occurrences.
    documented: Mutex<coverage::Counts>,
    /// The accepted pushes that no test has waited for yet, each with the account of its key.
    accepted: Mutex<Vec<(String, String)>>,
}

impl App {
    /// Starts the app in memory, or takes unused accounts of the deployment that `PUSHGATE_DEPLOYMENT` describes.
    pub async fn start() -> Self {
        let (backend, push_service) = if let Some(config) = deployment::config() {
            let push_service = PushService::start_on_one_of(&config.push_hosts).await;
            (Backend::Deployment(Deployment::new(config)), push_service)
        } else {
            Self::start_local(None).await
        };

        Self { backend, push_service, client: Client::new(), observed: Arc::default(), stopped: false }
    }

    /// Starts the app in memory, with functions whose environments the test can change by `LocalApp::run_functions`.
    pub async fn start_with_fault_injection() -> Self {
        let (backend, push_service) = Self::start_local(Some(InvokeApi::start().await)).await;
        Self { backend, push_service, client: Client::new(), observed: Arc::default(), stopped: false }
    }

    async fn start_local(functions: Option<InvokeApi>) -> (Backend, PushService) {
        logs::start();
        let push_service = PushService::start().await;
        (Backend::Local(Box::new(LocalApp::start(&push_service, functions).await)), push_service)
    }

    /// The gateway's URL, without the stage.
    pub fn url(&self) -> &str {
        match &self.backend {
            Backend::Local(local) => local.url(),
            Backend::Deployment(deployment) => &deployment.config.url,
            Backend::Stopped => unreachable!("the app runs until `stop` consumes it"),
        }
    }

    /// The app in this process. A test that calls this is listed in `deployment/skipped.toml`.
    pub fn local(&self) -> &LocalApp {
        self.as_local().expect("a test that needs the app in this process is listed in deployment/skipped.toml")
    }

    /// The app in this process, for a part of a test that is skipped on a deployment. The skip is recorded.
    pub fn if_local(&self) -> Option<&LocalApp> {
        let local = self.as_local();
        if local.is_none() {
            deployment::record_skip("internals");
        }
        local
    }

    pub(crate) fn as_local(&self) -> Option<&LocalApp> {
        match &self.backend {
            Backend::Local(local) => Some(local),
            _ => None,
        }
    }

    /// The id of the account that the tests call by this name.
    pub fn account(&self, name: &str) -> String {
        match &self.backend {
            Backend::Deployment(deployment) => deployment.account_id(name),
            _ => name.to_owned(),
        }
    }

    /// The app's tag key. A deployment does not show it, so that secrets of this one have a wrong tag there.
    pub fn tag_key(&self) -> TagKey {
        self.as_local().map_or_else(embedded_dynamodb::tag_key, LocalApp::tag_key)
    }

    /// The ID token of a user.
    pub(crate) async fn id_token(&self, email: &str) -> String {
        match &self.backend {
            Backend::Deployment(deployment) => deployment.id_token(email),
            _ => self.local().id_token(email).await,
        }
    }

    /// The ID token that another app client of the user pool got for the admin of an account.
    pub async fn id_token_of_another_client(&self) -> String {
        match &self.backend {
            Backend::Deployment(deployment) => deployment.config.another_client.clone(),
            _ => self.local().id_token_of_another_client("admin@acme").await,
        }
    }

    /// A request without credentials.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request_outside(method, &format!("/v1{path}"))
    }

    /// A request without credentials, to a path with another stage or none.
    pub fn request_outside(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url()));
        match &self.backend {
            Backend::Deployment(Deployment { config, .. }) => {
                config.host.iter().fold(request, |request, host| request.header(HOST, host))
            }
            _ => request,
        }
    }

    /// Sends a request. Fails unless the response, and a body that it accepts, match `docs/openapi.yaml`. Keeps the
    /// response for the search for leaked secrets.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
        let response = Response::read(self.client.execute(request).await.expect("a response")).await;
        // The document describes the stage alone.
        if let Some(path) = path.strip_prefix("/v1").filter(|path| path.is_empty() || path.starts_with('/')) {
            let accepted = openapi::validate_request(&method, path, &body, response.status);
            accepted.unwrap_or_else(|invalid| panic!("{invalid}"));
            let seen = openapi::validate_response(&method, path, &response);
            let seen = seen.unwrap_or_else(|invalid| panic!("{invalid}"));
            *self.observed.documented.lock().unwrap_or_else(PoisonError::into_inner).entry(seen).or_default() += 1;
        }
        let shown = serde_json::from_str::<Value>(&response.text).ok();
        let shown = shown.as_ref().and_then(|body| body["secret"].as_str());
        let mut responses = self.observed.responses.lock().unwrap_or_else(PoisonError::into_inner);
        match shown {
            // The one response that may show this secret: everything else in it is searched.
            Some(secret) => {
                responses.extend(response.text.replacen(secret, "", 1).into_bytes());
                self.observed.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
            }
            None => responses.extend(response.text.as_bytes()),
        }
        responses.extend(format!("{:?}\n", response.headers).into_bytes());
        response
    }

    /// Records the push that a key of this account has sent, so that `delivered` waits for it.
    pub(crate) fn record_accepted(&self, account: &str, response: &Response) {
        let push = response.json()["id"].as_str().expect("an id").to_owned();
        self.observed.accepted.lock().unwrap_or_else(PoisonError::into_inner).push((account.to_owned(), push));
    }

    /// Waits until every accepted push is delivered or has finally failed.
    pub async fn delivered(&self) {
        if let Backend::Local(local) = &self.backend {
            return local.delivered().await;
        }
        let accepted = std::mem::take(&mut *self.observed.accepted.lock().unwrap_or_else(PoisonError::into_inner));
        let started = Instant::now();
        for (account, push) in accepted {
            let token = self.id_token(&format!("admin@{account}")).await;
            let get = || self.request(Method::GET, &format!("/pushes/{push}")).bearer_auth(&token);
            while self.send(get()).await.expect(200).json()["status"] != "done" {
                assert!(started.elapsed() < Duration::from_mins(2), "{push} is not delivered");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Stops the app after a search for every secret that it has shown: in its responses and, if it runs in this
    /// process, in its log and its tables.
    pub async fn stop(mut self) {
        let secrets = std::mem::take(&mut *self.observed.secrets.lock().unwrap_or_else(PoisonError::into_inner));
        let responses = std::mem::take(&mut *self.observed.responses.lock().unwrap_or_else(PoisonError::into_inner));
        let mut outputs = vec![("responses", responses)];
        if let Backend::Local(local) = &self.backend {
            outputs.extend([("log", logs::all()), ("tables", local.dump().await.into_bytes())]);
        }
        for (name, bytes) in &outputs {
            assert_eq!(leaks::count(&secrets, bytes), 0, "a secret leaked to the {name}");
        }
        coverage::record(&self.observed.documented.lock().unwrap_or_else(PoisonError::into_inner));
        self.stopped = true;
        if let Backend::Local(local) = std::mem::replace(&mut self.backend, Backend::Stopped) {
            local.stop().await;
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let forgotten = !self.stopped && !std::thread::panicking();
        assert!(!forgotten, "a test ends with app.stop(), which searches for leaked secrets");
    }
}
