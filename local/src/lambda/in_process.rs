//! The functions that Lambda runs, called in this process with the same events.

use std::collections::HashMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use deliver::{Delivery, Sender};
use shared::config::Config;
use shared::http::{Reply, Request, serve};
use shared::problem::Problem;
use shared::queue::Queue;
use shared::store::Store;
use shared::subscription::PushHosts;
use shared::vapid_secret::VapidSecret;

use crate::lambda::handler::Handler;

/// All functions by logical ID; `environment` gives the variables of each.
pub fn in_process(environment: impl Fn(&str) -> HashMap<String, String>) -> HashMap<String, Handler> {
    let config = |id: &str| Config::new(environment(id));
    let with_store = |id: &str, handle: WithStore| {
        let config = config(id);
        let clients = Store::connect(&config);
        http(config, clients, move |store, request| handle(store, request))
    };
    let handlers = [
        ("Authorizer", authorizer(&config("Authorizer"))),
        ("CreateKey", with_store("CreateKey", |s, r| Box::pin(async move { create_key::handle(&s, r).await }))),
        ("ListKeys", with_store("ListKeys", |s, r| Box::pin(async move { list_keys::handle(&s, r).await }))),
        ("UpdateKey", with_store("UpdateKey", |s, r| Box::pin(async move { update_key::handle(&s, r).await }))),
        ("RotateKey", with_store("RotateKey", |s, r| Box::pin(async move { rotate_key::handle(&s, r).await }))),
        (
            "GetKeyHistory",
            with_store("GetKeyHistory", |s, r| Box::pin(async move { get_key_history::handle(&s, r).await })),
        ),
        ("ExplainKey", with_store("ExplainKey", |s, r| Box::pin(async move { explain_key::handle(&s, r).await }))),
        ("DeleteKey", with_store("DeleteKey", |s, r| Box::pin(async move { delete_key::handle(&s, r).await }))),
        (
            "CreateChannel",
            with_store("CreateChannel", |s, r| Box::pin(async move { create_channel::handle(&s, r).await })),
        ),
        (
            "ListChannels",
            with_store("ListChannels", |s, r| Box::pin(async move { list_channels::handle(&s, r).await })),
        ),
        (
            "DeleteChannel",
            with_store("DeleteChannel", |s, r| Box::pin(async move { delete_channel::handle(&s, r).await })),
        ),
        ("GetPush", with_store("GetPush", |s, r| Box::pin(async move { get_push::handle(&s, r).await }))),
        ("ListPushes", with_store("ListPushes", |s, r| Box::pin(async move { list_pushes::handle(&s, r).await }))),
        (
            "DeleteSubscription",
            with_store("DeleteSubscription", |s, r| Box::pin(async move { delete_subscription::handle(&s, r).await })),
        ),
        ("SendPush", send_push(config("SendPush"))),
        ("PutSubscription", put_subscription(config("PutSubscription"))),
        ("GetSubscriptionConfig", get_subscription_config(config("GetSubscriptionConfig"))),
        (
            "Preflight",
            http(config("Preflight"), Ok::<_, String>(()), |_, request| Box::pin(preflight::handle(request))),
        ),
        (
            "GetProblem",
            http(config("GetProblem"), Ok::<_, String>(()), |_, request| Box::pin(get_problem::handle(request))),
        ),
        ("Deliver", deliver(&config("Deliver"))),
    ];
    handlers.into_iter().map(|(id, handler)| (id.to_owned(), handler)).collect()
}

type HandleFuture = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

type WithStore = fn(Arc<Store>, Request) -> HandleFuture;

/// A function behind the API. If its clients cannot be built, each invocation fails, as in Lambda.
fn http<C, E>(
    config: Config,
    clients: Result<C, E>,
    handle: impl Fn(Arc<C>, Request) -> HandleFuture + Send + Sync + 'static,
) -> Handler
where
    C: Send + Sync + 'static,
    E: ToString,
{
    let clients = clients.map(Arc::new).map_err(|e| e.to_string());
    let (config, handle) = (Arc::new(config), Arc::new(handle));
    Arc::new(move |event| {
        let (clients, config, handle) = (clients.clone(), Arc::clone(&config), Arc::clone(&handle));
        Box::pin(async move {
            let clients = clients?;
            Ok(serve(event, &config, |request| handle(clients, request)).await)
        })
    })
}

fn authorizer(config: &Config) -> Handler {
    let store = Store::connect(config).map(Arc::new).map_err(|e| e.to_string());
    Arc::new(move |event| {
        let store = store.clone();
        Box::pin(async move {
            let response = authorizer::handle(&*store?, event).await.map_err(|e| e.to_string())?;
            serde_json::to_value(response).map_err(|e| e.to_string())
        })
    })
}

fn send_push(config: Config) -> Handler {
    let clients = (|| Ok::<_, Box<dyn Error>>((Store::connect(&config)?, Queue::connect(&config)?)))();
    http(config, clients, |clients, request| {
        Box::pin(async move { send_push::handle(&clients.0, &clients.1, request).await })
    })
}

fn put_subscription(config: Config) -> Handler {
    let clients = (|| {
        let hosts = PushHosts::parse(config.required("PUSH_HOSTS")?);
        Ok::<_, Box<dyn Error>>((Store::connect(&config)?, VapidSecret::connect(&config)?, hosts))
    })();
    http(config, clients, |clients, request| {
        Box::pin(async move { put_subscription::handle(&clients.0, &clients.1, &clients.2, request).await })
    })
}

fn get_subscription_config(config: Config) -> Handler {
    let clients = VapidSecret::connect(&config);
    http(config, clients, |vapid, request| {
        Box::pin(async move { get_subscription_config::handle(&vapid, request).await })
    })
}

fn deliver(config: &Config) -> Handler {
    let delivery = (|| {
        let hosts = PushHosts::parse(config.required("PUSH_HOSTS")?);
        Ok::<_, Box<dyn Error>>(Delivery {
            store: Store::connect(config)?,
            queue: Queue::connect(config)?,
            vapid: VapidSecret::connect(config)?,
            sender: Sender::new(hosts, config.required("VAPID_SUBJECT")?.to_owned())?,
        })
    })();
    let delivery = delivery.map(Arc::new).map_err(|e| e.to_string());
    Arc::new(move |event| {
        let delivery = delivery.clone();
        Box::pin(async move { Ok(deliver::handle(&*delivery?, event).await) })
    })
}
