//! Pushgate on a laptop: the API, the tables, the queue, the secrets and sign-in of the template, in one process and on
//! 127.0.0.1 only.
//!
//! The layers, from the lowest: `server` is every port; `template` reads `infra/template.yaml`; `services` are the AWS services that
//! functions call; `lambda` invokes the functions; `oidc` signs users in; `gateway` is the API in front of them.
//! This file connects them.
//!
//! One known difference from AWS: a function sees header names in lower case, while a REST API passes HTTP/1.1 names in
//! the case that the client sent. Names are compared case-insensitively everywhere (RFC 9110, section 5.1).

mod data_dir;
mod gateway;
pub mod lambda;
mod local_routes;
pub mod log;
mod oidc;
mod page;
mod server;
mod services;
mod start_error;
mod swagger_ui;
mod template;
mod test_browser;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use url::Url;

use data_dir::DataDir;
use gateway::Gateway;
use lambda::{Functions, Handler, ServiceEndpoints};
use oidc::{IdentityProvider, RedirectUrls};
use server::{Bodies, Callers, Limits, Servers, listen};
use services::{
    SessionToken, dynamodb,
    iam::{self, Iam, Roles},
    secrets_manager::{self, Secrets},
    sqs::{self, Counts, Journal, Message, Queues},
};
pub use start_error::StartError;
use template::Template;
use template::values::{API_ID, REGION};
pub use template::{Grant, Route, TEMPLATE};

/// How long `stop` waits for requests and batches in progress.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long `stop` then waits for the services.
const BACKEND_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The options of a start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's port; 0 for a free one.
    pub port: u16,
    /// The folder that stores the tables, the queue and the secrets; `None` keeps them in memory.
    pub data: Option<PathBuf>,
    /// `HOST:PORT` of push services that are allowed over plain HTTP.
    pub push_hosts: Vec<String>,
    /// The address of `cargo lambda watch`; `None` runs the functions in this process.
    pub functions: Option<Url>,
    /// Whether dead letters are moved back to the queue that they came from.
    pub redrive: bool,
    /// The path of the template.
    pub template: PathBuf,
}

/// A running stack. Dropping it ends everything; `stop` waits for what is in progress.
pub struct Local {
    url: String,
    dynamodb_url: String,
    sqs_url: String,
    secrets_manager_url: String,
    session_token: SessionToken,
    routes: Vec<Route>,
    environment_file: Option<PathBuf>,
    aws_file: PathBuf,
    queues: Arc<Queues>,
    /// The queues that functions consume, by name.
    source_queues: Vec<String>,
    roles: Arc<Roles>,
    /// The requests, invocations and batches in progress.
    in_progress: TaskTracker,
    /// The gateway and the pollers, which stop before the services that functions need.
    ingress: Servers,
    backends: Servers,
    _temp_dir: Option<TempDir>,
    _data_dir: Option<DataDir>,
}

/// The template's redirect addresses; the API's own address is this gateway's.
fn redirect_urls(template: &Template, gateway: &str) -> RedirectUrls {
    let own = format!("https://{API_ID}.execute-api.{REGION}.amazonaws.com/");
    let local = |url: &String| match url.strip_prefix(&own) {
        Some(path) => format!("{gateway}/{path}"),
        None => url.clone(),
    };
    RedirectUrls {
        callback: template.callback_urls.iter().map(local).collect(),
        logout: template.logout_urls.iter().map(local).collect(),
    }
}

/// The template's queues, with the messages of the journal.
fn open_queues(
    template: &Template,
    journal: Option<(Journal, Vec<Message>)>,
    redrive: bool,
) -> Result<Arc<Queues>, StartError> {
    let queues = Queues::new(template.queues.clone(), journal);
    if redrive {
        let cannot_write = |error| StartError::new(format!("the queue's journal cannot be written: {error}"));
        queues.redrive().map_err(cannot_write)?;
    }
    Ok(Arc::new(queues))
}

impl Local {
    /// Starts the stack. All endpoints respond when this returns.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_with(options, Limits::default(), |environment| lambda::in_process(environment)).await
    }

    /// Starts the stack with the given functions in this process.
    async fn start_with(
        options: Options,
        limits: Limits,
        in_process: impl FnOnce(&dyn Fn(&str) -> HashMap<String, String>) -> HashMap<String, Handler>,
    ) -> Result<Self, StartError> {
        options.push_hosts.iter().try_for_each(|host| lambda::check_push_host(host))?;
        let (gateway_listener, url) = listen(options.port).await?;
        let data_dir = options.data.as_deref().map(DataDir::open).transpose()?;
        let data_path = data_dir.as_ref().map(DataDir::path);
        let (dynamodb_listener, dynamodb_url) = listen(0).await?;
        let (sqs_listener, sqs_url) = listen(0).await?;
        let (secrets_manager_listener, secrets_manager_url) = listen(0).await?;

        let mut template = Template::read(&options.template, &sqs_url)?;
        let database = dynamodb::open(data_path, &template.tables)?;
        let journal = data_path.map(Journal::open).transpose()?;
        let queues = open_queues(&template, journal, options.redrive)?;
        let secrets = Secrets::open(data_path, &template.secrets)?;
        for value in template.functions.values_mut().flat_map(|function| function.environment.values_mut()) {
            *value = secrets.resolve_references(value)?;
        }
        let roles = Arc::new(Roles::new(template.grants.clone()));

        let session_token = SessionToken::generate();
        let bodies = Bodies::new(limits);
        let iam =
            Arc::new(Iam { roles: Arc::clone(&roles), session_token: session_token.clone(), bodies: bodies.clone() });
        let mut backends = Servers::new(limits);
        for (listener, service) in [
            (dynamodb_listener, dynamodb::router(database)),
            (sqs_listener, sqs::router(Arc::clone(&queues))),
            (secrets_manager_listener, secrets_manager::router(secrets)),
        ] {
            let service = service.layer(from_fn_with_state(Arc::clone(&iam), iam::check));
            backends.serve(listener, service, |_| Callers::Own);
        }

        let sign_in_url = format!("{url}/_local");
        let endpoints = ServiceEndpoints {
            dynamodb: &dynamodb_url,
            sqs: &sqs_url,
            secrets_manager: &secrets_manager_url,
            session_token: session_token.expose(),
            push_hosts: &[options.push_hosts.as_slice(), &[test_browser::push_host(&url)]].concat(),
            test_browser: test_browser::PATH,
            sign_in: oidc::console_variables(&sign_in_url),
        };
        let (mut temp_dir, mut environment_file) = (None, None);
        let folder = match data_path {
            Some(folder) => folder,
            None => temp_dir.insert(new_temp_dir()?).path(),
        };
        let aws_file = endpoints.write_aws_file(folder)?;
        let handlers = if let Some(address) = &options.functions {
            environment_file = Some(endpoints.write_env_file(&template.functions, folder)?);
            lambda::cargo_lambda_watch(address, &template.functions)?
        } else {
            let environment =
                |id: &str| template.functions.get(id).map(|it| endpoints.environment(id, it)).unwrap_or_default();
            in_process(&environment)
        };
        let in_progress = TaskTracker::new();
        let functions = Functions::new(&template.functions, handlers, in_progress.clone())?;

        let mut ingress = Servers::new(limits);
        for mapping in template.event_source_mappings.iter().cloned() {
            let (queues, functions) = (Arc::clone(&queues), functions.clone());
            ingress.spawn(lambda::poll(mapping, queues, functions, in_progress.clone(), ingress.cancelled()));
        }
        let routes = template.routes.clone();
        let source_queues = template.event_source_mappings.iter().map(|mapping| mapping.queue.clone()).collect();
        let dead_letter_queues = template.queues.iter().filter_map(|queue| queue.dead_letter_queue.clone()).collect();
        let provider = Arc::new(IdentityProvider::new(sign_in_url.clone())?);
        let urls = redirect_urls(&template, &url);
        let (stage, origins) = (format!("/{}", template.stage.name), oidc::origins(&urls.callback));
        let gateway =
            Gateway::new(template, functions, Arc::clone(&provider), in_progress.clone(), Bodies::new(limits))?;
        let sign_in = oidc::router(provider, urls, bodies.clone());
        let pages = sign_in.merge(test_browser::router(&url, bodies));
        let local_routes = local_routes::router(pages, Arc::clone(&queues), dead_letter_queues);
        let api = Router::new().fallback(gateway::handle).with_state(Arc::new(gateway));
        ingress.serve(gateway_listener, local_routes.merge(api), move |request| {
            let rest = request.uri.path().strip_prefix(&stage);
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Callers::Any;
            }
            oidc::callers(request, &origins)
        });

        Ok(Self {
            url,
            dynamodb_url,
            sqs_url,
            secrets_manager_url,
            session_token,
            routes,
            environment_file,
            aws_file,
            queues,
            source_queues,
            roles,
            in_progress,
            ingress,
            backends,
            _temp_dir: temp_dir,
            _data_dir: data_dir,
        })
    }

    /// The gateway's address, such as `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The endpoint of `DynamoDB`.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// The endpoint of SQS.
    pub fn queue_url(&self) -> &str {
        &self.sqs_url
    }

    /// The endpoint of Secrets Manager.
    pub fn secrets_url(&self) -> &str {
        &self.secrets_manager_url
    }

    /// The session token that the three services require.
    pub fn session_token(&self) -> &str {
        self.session_token.expose()
    }

    /// The file with the variables of the AWS CLI, which only its owner can read.
    pub fn aws_file(&self) -> &Path {
        &self.aws_file
    }

    /// What each function requested of the services, granted or not, by the function's logical ID.
    pub fn calls(&self) -> BTreeMap<String, BTreeSet<Grant>> {
        self.roles.calls()
    }

    /// The routes of the API.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The environment file for `cargo lambda watch`, if the functions run there.
    pub fn environment_file(&self) -> Option<&Path> {
        self.environment_file.as_deref()
    }

    /// The bodies of the dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<String> {
        let targets = self.source_queues.iter().filter_map(|it| self.queues.settings(it)?.dead_letter_queue.as_ref());
        targets.flat_map(|target| self.queues.bodies(target)).collect()
    }

    /// Whether no message is visible, delayed or in flight.
    #[expect(clippy::unused_async, reason = "callers should not depend on the counts being in memory")]
    pub async fn queue_is_idle(&self) -> bool {
        let idle = Counts { visible: 0, in_flight: 0, delayed: 0 };
        let mut queues = self.source_queues.iter().filter_map(|queue| self.queues.settings(queue));
        queues.all(|queue| self.queues.counts(queue) == idle)
    }

    /// Stops accepting requests and receiving messages, waits up to 10 seconds for what is in progress, and aborts the
    /// rest.
    pub async fn stop(self) {
        let Self { ingress, backends, in_progress, .. } = self;
        ingress.join_or_abort(SHUTDOWN_TIMEOUT).await;
        in_progress.close();
        if timeout(SHUTDOWN_TIMEOUT, in_progress.wait()).await.is_err() {
            tracing::warn!("some invocations did not end in time and are aborted");
        }
        backends.join_or_abort(BACKEND_SHUTDOWN_TIMEOUT).await;
    }
}

/// A folder that is removed when it is dropped.
fn new_temp_dir() -> Result<TempDir, StartError> {
    let failed = |error| StartError::new(format!("A temporary folder cannot be created: {error}."));
    tempfile::Builder::new().prefix("pushgate-").tempdir().map_err(failed)
}
