//! Pushgate on a laptop: the template's gateway, tables, queue, secret and sign-in in one process, on 127.0.0.1 alone.

mod api_page;
mod data_dir;
mod gateway;
mod lambda;
mod local_routes;
pub mod log;
mod oidc;
mod random;
mod services;
mod template;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use url::Url;

use data_dir::Data;
use gateway::connection::{Connection, Connections};
use gateway::{Gateway, route};
use lambda::environment::{self, Surroundings};
pub use lambda::in_process as functions;
use lambda::in_process::Handler;
use lambda::invoke::{Functions, Running};
use lambda::{event_source_mapping, watch as lambda_watch};
use oidc::users::People;
pub use route::Route;
use services::dynamodb;
pub use services::iam::Grant;
use services::iam::{self, Roles};
use services::secrets_manager::{self, Secrets};
use services::sqs::{self, Counts, Queues, journal::Journal};
use template::Template;

/// How long what is running may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The template beside which this program was built.
pub const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");

/// How to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The gateway's port; 0 takes any that is free.
    pub port: u16,
    /// The folder that keeps tables, queue and secret; nothing keeps them in memory.
    pub data: Option<PathBuf>,
    /// `HOST:PORT` of push services that may be reached over plain HTTP.
    pub push_hosts: Vec<String>,
    /// Where `cargo lambda watch` takes invocations; nothing runs the functions in this process.
    pub functions: Option<Url>,
    /// The template to read.
    pub template: PathBuf,
}

/// Why it cannot start, in one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// All of Pushgate, running. It ends when this is dropped; `stop` also waits for what is being worked on.
pub struct Local {
    url: String,
    dynamodb_url: String,
    queue_url: String,
    secrets_url: String,
    routes: Vec<Route>,
    environment_file: Option<PathBuf>,
    queues: Arc<Queues>,
    sources: Vec<String>,
    roles: Arc<Roles>,
    running: Running,
    /// The gateway and the pollers end first, then what functions need.
    front: (watch::Sender<bool>, Vec<JoinHandle<()>>),
    back: (watch::Sender<bool>, Vec<JoinHandle<()>>),
    _scratch: Option<Scratch>,
    _data: Option<Data>,
}

impl Local {
    /// Starts everything; when this returns, all addresses answer.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_with(options, |environment| functions::in_process(environment)).await
    }

    /// Starts everything, with these functions where they run in this process.
    async fn start_with(
        options: Options,
        in_process: impl FnOnce(&dyn Fn(&str) -> HashMap<String, String>) -> HashMap<String, Handler>,
    ) -> Result<Self, StartError> {
        options.push_hosts.iter().try_for_each(|host| environment::check_push_host(host))?;
        let (gateway_listener, url) = listen(options.port).await?;
        let data = options.data.as_deref().map(Data::open).transpose()?;
        let folder = data.as_ref().map(Data::folder);
        let (database_listener, database_url) = listen(0).await?;
        let (dynamodb_listener, dynamodb_url) = listen(0).await?;
        let (queue_listener, queue_url) = listen(0).await?;
        let (secrets_listener, secrets_url) = listen(0).await?;

        let template = Arc::new(Template::read(&options.template, &queue_url)?);
        let database = dynamodb::open(folder, &template.tables)?;
        let journal = folder.map(Journal::open).transpose()?;
        let queues = Arc::new(Queues::new(template.queues.clone(), journal));
        let secrets = Secrets::open(folder, &template.secrets)?;
        let roles = Arc::new(Roles::new(template.roles.clone()));

        let surroundings = Surroundings {
            dynamodb: &dynamodb_url,
            queue: &queue_url,
            secrets: &secrets_url,
            push_hosts: &options.push_hosts,
        };
        let mut scratch = None;
        let mut environment_file = None;
        let handlers = if let Some(address) = &options.functions {
            let folder = match folder {
                Some(folder) => folder,
                None => scratch.insert(Scratch::new()?).0.as_path(),
            };
            environment_file = Some(surroundings.write(&template.functions, folder)?);
            lambda_watch::at(address, &template.functions)?
        } else {
            let environment =
                |id: &str| template.functions.get(id).map(|it| surroundings.of(id, it)).unwrap_or_default();
            in_process(&environment)
        };
        let running = Running::default();
        let functions = Functions::new(&template.functions, handlers, running.clone())?;
        let people = Arc::new(People::new(format!("{url}/_local"))?);

        let guarded = |service: Router| service.layer(from_fn_with_state(Arc::clone(&roles), iam::admit));
        let (back, _) = watch::channel(false);
        let ended = back.subscribe();
        let back_tasks = vec![
            tokio::spawn(async move {
                if let Err(error) =
                    dynoxide::server::serve_with_shutdown(database_listener, database, over(ended)).await
                {
                    tracing::error!(error, "the embedded database stopped");
                }
            }),
            serve(dynamodb_listener, guarded(dynamodb::router(database_url)), back.subscribe()),
            serve(queue_listener, guarded(sqs::server::router(Arc::clone(&queues))), back.subscribe()),
            serve(secrets_listener, guarded(secrets_manager::router(secrets)), back.subscribe()),
        ];

        let (front, _) = watch::channel(false);
        let routes = template.routes.all().to_vec();
        let sources = template.event_sources.iter().map(|source| source.queue.clone()).collect();
        let dead_letters = queues_of_dead_letters(&template);
        let mut front_tasks: Vec<_> = template
            .event_sources
            .iter()
            .map(|source| {
                let stop = front.subscribe();
                let (source, queues) = (source.clone(), Arc::clone(&queues));
                tokio::spawn(event_source_mapping::poll(source, queues, functions.clone(), running.clone(), stop))
            })
            .collect();
        let gateway = Arc::new(Gateway { template, functions, people: Arc::clone(&people), running: running.clone() });
        let app = local_routes::router(people, Arc::clone(&queues), dead_letters)
            .merge(Router::new().fallback(gateway::handle).with_state(gateway));
        let ended = over(front.subscribe());
        front_tasks.push(tokio::spawn(async move {
            let service = app.into_make_service_with_connect_info::<Connection>();
            let _ = axum::serve(Connections(gateway_listener), service).with_graceful_shutdown(ended).await;
        }));

        Ok(Self {
            url,
            dynamodb_url,
            queue_url,
            secrets_url,
            routes,
            environment_file,
            queues,
            sources,
            roles,
            running,
            front: (front, front_tasks),
            back: (back, back_tasks),
            _scratch: scratch,
            _data: data,
        })
    }

    /// The gateway's address, such as `http://127.0.0.1:3000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the tables answer.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// Where the queue answers.
    pub fn queue_url(&self) -> &str {
        &self.queue_url
    }

    /// Where the secrets answer.
    pub fn secrets_url(&self) -> &str {
        &self.secrets_url
    }

    /// What each function did at the tables, the queue and the secrets, by its logical id.
    pub fn calls(&self) -> BTreeMap<String, BTreeSet<Grant>> {
        self.roles.calls()
    }

    /// The template's routes.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The environment for `cargo lambda watch`, if the functions run there.
    pub fn environment_file(&self) -> Option<&Path> {
        self.environment_file.as_deref()
    }

    /// The bodies of the dead letters, oldest first.
    #[expect(clippy::unused_async, reason = "a caller need not know that no waiting is needed")]
    pub async fn dead_letters(&self) -> Vec<String> {
        let targets = self.sources.iter().filter_map(|source| self.queues.settings(source)?.dead_letters.as_ref());
        targets.flat_map(|target| self.queues.bodies(target)).collect()
    }

    /// Whether no message is visible, delayed or in flight.
    #[expect(clippy::unused_async, reason = "a caller need not know that no waiting is needed")]
    pub async fn queue_is_idle(&self) -> bool {
        let idle = Counts { visible: 0, in_flight: 0, delayed: 0 };
        self.sources
            .iter()
            .filter_map(|source| self.queues.settings(source))
            .all(|queue| self.queues.counts(queue) == idle)
    }

    /// Takes no more requests and messages, lets what is running end (for 10 seconds at most), and ends the rest.
    pub async fn stop(self) {
        let Self { front: (front, front_tasks), back: (back, back_tasks), running, .. } = self;
        front.send_replace(true);
        end(front_tasks, STOP_LIMIT).await;
        running.wait(STOP_LIMIT).await;
        back.send_replace(true);
        end(back_tasks, Duration::from_secs(1)).await;
    }
}

fn queues_of_dead_letters(template: &Template) -> Vec<String> {
    template.queues.iter().filter_map(|queue| queue.dead_letters.clone()).collect()
}

async fn listen(port: u16) -> Result<(TcpListener, String), StartError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            StartError::new(format!("Port {port} is taken; choose another one with --port."))
        }
        _ => StartError::new(format!("Port {port} of 127.0.0.1 cannot be listened on: {error}.")),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}

fn serve(listener: TcpListener, router: Router, ended: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _ = axum::serve(listener, router).with_graceful_shutdown(over(ended)).await;
    })
}

/// Returns when the sender says so or is gone.
async fn over(mut ended: watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Waits for the tasks, and breaks off what is left after this time.
async fn end(tasks: Vec<JoinHandle<()>>, within: Duration) {
    let at = tokio::time::Instant::now() + within;
    for mut task in tasks {
        if tokio::time::timeout_at(at, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// A folder that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, StartError> {
        let folder = std::env::temp_dir().join(format!("pushgate-{}", random::uuid()));
        std::fs::create_dir(&folder)
            .map_err(|error| StartError::new(format!("{} cannot be made: {error}.", folder.display())))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
