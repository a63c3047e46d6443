//! The functions that Lambda runs, called in this process with the same events.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use deliver::Delivery;
use shared::aws::queue::Queue;
use shared::aws::vapid_secret::VapidSecret;
use shared::config::Config;
use shared::domain::push_hosts::PushHosts;
use shared::domain::secret::TagKey;
use shared::http::{Problem, Request, Response, Routes, serve};
use shared::store::Store;
use tokio::sync::OnceCell;

use crate::lambda::handler::Handler;

/// All functions by logical ID; `environment` gives the variables of each.
pub fn in_process(environment: impl Fn(&str) -> HashMap<String, String>) -> HashMap<String, Handler> {
    let config = |id: &str| Config::new(environment(id));
    let store = |id: &str, routes, handle| {
        http(config(id), routes, |config| Box::pin(async { Ok(Store::connect(config).await?) }), handle)
    };
    let none = |id: &str, routes, handle| http(config(id), routes, |_| Box::pin(async { Ok(()) }), handle);
    let handlers = [
        ("Authorizer", authorizer(config("Authorizer"))),
        ("ListKeys", store("ListKeys", list_keys::ROUTES, |s, r| Box::pin(list_keys::handle(s, r)))),
        ("UpdateKey", store("UpdateKey", update_key::ROUTES, |s, r| Box::pin(update_key::handle(s, r)))),
        (
            "GetKeyHistory",
            store("GetKeyHistory", get_key_history::ROUTES, |s, r| Box::pin(get_key_history::handle(s, r))),
        ),
        ("CancelPush", store("CancelPush", cancel_push::ROUTES, |s, r| Box::pin(cancel_push::handle(s, r)))),
        ("ListHistory", store("ListHistory", list_history::ROUTES, |s, r| Box::pin(list_history::handle(s, r)))),
        ("ExplainKey", store("ExplainKey", explain_key::ROUTES, |s, r| Box::pin(explain_key::handle(s, r)))),
        ("DeleteKey", store("DeleteKey", delete_key::ROUTES, |s, r| Box::pin(delete_key::handle(s, r)))),
        (
            "CreateChannel",
            store("CreateChannel", create_channel::ROUTES, |s, r| Box::pin(create_channel::handle(s, r))),
        ),
        ("ListChannels", store("ListChannels", list_channels::ROUTES, |s, r| Box::pin(list_channels::handle(s, r)))),
        (
            "DeleteChannel",
            store("DeleteChannel", delete_channel::ROUTES, |s, r| Box::pin(delete_channel::handle(s, r))),
        ),
        ("GetPush", store("GetPush", get_push::ROUTES, |s, r| Box::pin(get_push::handle(s, r)))),
        ("ListPushes", store("ListPushes", list_pushes::ROUTES, |s, r| Box::pin(list_pushes::handle(s, r)))),
        (
            "DeleteSubscription",
            store("DeleteSubscription", delete_subscription::ROUTES, |s, r| {
                Box::pin(delete_subscription::handle(s, r))
            }),
        ),
        (
            "CreateKey",
            issuer(config("CreateKey"), create_key::ROUTES, |(s, k), r| Box::pin(create_key::handle(s, k, r))),
        ),
        (
            "RotateKey",
            issuer(config("RotateKey"), rotate_key::ROUTES, |(s, k), r| Box::pin(rotate_key::handle(s, k, r))),
        ),
        ("SendPush", send_push(config("SendPush"))),
        ("PutSubscription", put_subscription(config("PutSubscription"))),
        ("GetSubscriptionConfig", get_subscription_config(config("GetSubscriptionConfig"))),
        ("Preflight", none("Preflight", preflight::ROUTES, |(), r| Box::pin(preflight::handle(r)))),
        ("GetConsole", get_console(config("GetConsole"))),
        ("GetMe", none("GetMe", get_me::ROUTES, |(), r| Box::pin(get_me::handle(r)))),
        ("GetProblem", none("GetProblem", get_problem::ROUTES, |(), r| Box::pin(get_problem::handle(r)))),
        ("Deliver", deliver(config("Deliver"))),
    ];
    handlers.into_iter().map(|(id, handler)| (id.to_owned(), handler)).collect()
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

type ConnectError = Box<dyn std::error::Error + Send + Sync>;

type Connect<C> = for<'a> fn(&'a Config) -> BoxFuture<'a, Result<C, ConnectError>>;

type Handle<C> = for<'a> fn(&'a C, &'a Request) -> BoxFuture<'a, Result<Response, Problem>>;

/// The environment of a function. Its clients are connected at the first invocation, as Lambda starts an environment then. If
/// they cannot be, each invocation fails.
struct Environment<C> {
    config: Config,
    connect: Connect<C>,
    clients: OnceCell<Result<C, String>>,
}

impl<C> Environment<C> {
    fn new(config: Config, connect: Connect<C>) -> Arc<Self> {
        Arc::new(Self { config, connect, clients: OnceCell::new() })
    }

    async fn clients(&self) -> Result<&C, String> {
        let connect = async || (self.connect)(&self.config).await.map_err(|error| error.to_string());
        self.clients.get_or_init(connect).await.as_ref().map_err(Clone::clone)
    }
}

/// A function behind the API.
fn http<C: Send + Sync + 'static>(config: Config, routes: Routes, connect: Connect<C>, handle: Handle<C>) -> Handler {
    let environment = Environment::new(config, connect);
    Arc::new(move |event| {
        let environment = Arc::clone(&environment);
        Box::pin(async move {
            let clients = environment.clients().await?;
            let handler = async |request: &Request| handle(clients, request).await;
            Ok(serve(event, &environment.config, routes, handler).await)
        })
    })
}

/// The clients of a function that issues or verifies secrets.
type Secrets = (Store, TagKey);

fn connect_with_tag_key(config: &Config) -> BoxFuture<'_, Result<Secrets, ConnectError>> {
    Box::pin(async { Ok((Store::connect(config).await?, TagKey::new(config.required("TAG_KEY")?)?)) })
}

fn issuer(config: Config, routes: Routes, handle: Handle<Secrets>) -> Handler {
    http(config, routes, connect_with_tag_key, handle)
}

fn authorizer(config: Config) -> Handler {
    let environment = Environment::new(config, connect_with_tag_key);
    Arc::new(move |event| {
        let environment = Arc::clone(&environment);
        Box::pin(async move {
            let (store, tag_key) = environment.clients().await?;
            let response = authorizer::handle(store, tag_key, event).await;
            let response = response.map_err(|error| error.to_string())?;
            serde_json::to_value(response).map_err(|error| error.to_string())
        })
    })
}

fn send_push(config: Config) -> Handler {
    let connect: Connect<(Store, Queue)> =
        |config| Box::pin(async { Ok((Store::connect(config).await?, Queue::connect(config).await?)) });
    http(config, send_push::ROUTES, connect, |(store, queue), request| {
        Box::pin(send_push::handle(store, queue, request))
    })
}

fn put_subscription(config: Config) -> Handler {
    let connect: Connect<(Store, VapidSecret, PushHosts)> = |config| {
        Box::pin(async {
            let hosts = PushHosts::parse(config.required("PUSH_HOSTS")?);
            Ok((Store::connect(config).await?, VapidSecret::connect(config).await?, hosts))
        })
    };
    http(config, put_subscription::ROUTES, connect, |(store, vapid, hosts), request| {
        Box::pin(put_subscription::handle(store, vapid, hosts, request))
    })
}

fn get_console(config: Config) -> Handler {
    let connect: Connect<get_console::Page> = |config| Box::pin(async { get_console::Page::new(config) });
    http(config, get_console::ROUTES, connect, |page, request| Box::pin(get_console::handle(page, request)))
}

fn get_subscription_config(config: Config) -> Handler {
    let connect: Connect<VapidSecret> = |config| Box::pin(async { Ok(VapidSecret::connect(config).await?) });
    http(config, get_subscription_config::ROUTES, connect, |vapid, request| {
        Box::pin(get_subscription_config::handle(vapid, request))
    })
}

fn deliver(config: Config) -> Handler {
    let environment = Environment::new(config, |config| Box::pin(Delivery::connect(config)));
    Arc::new(move |event| {
        let environment = Arc::clone(&environment);
        Box::pin(async move { Ok(deliver::handle(environment.clients().await?, event).await) })
    })
}
