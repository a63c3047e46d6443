//! The very functions that Lambda runs, called in this process with the events that Lambda would give them.

use std::collections::HashMap;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use deliver::{Delivery, Sender};
use serde_json::Value;
use shared::config::Config;
use shared::http::{Reply, Request, serve};
use shared::problem::Problem;
use shared::queue::Queue;
use shared::store::Store;
use shared::subscription::PushHosts;
use shared::vapid_secret::VapidSecret;

/// A function as the gateway invokes it: a raw event in, its answer or the error message that Lambda would report out.
pub type Handler = Arc<dyn Fn(Value) -> Answer + Send + Sync>;

type Answer = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// The functions by logical id, each with the environment that the template gives it.
pub fn in_process(environment: impl Fn(&str) -> HashMap<String, String>) -> HashMap<String, Handler> {
    let config = |id: &str| Config::new(environment(id));
    let with_store = |id: &str, handle: WithStore| {
        let config = config(id);
        let parts = Store::connect(&config);
        http(config, parts, move |store, request| handle(store, request))
    };
    let named = [
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
    named.into_iter().map(|(id, handler)| (id.to_owned(), handler)).collect()
}

type Handled = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

type WithStore = fn(Arc<Store>, Request) -> Handled;

/// A function behind the gateway. One that cannot start fails each call, as in Lambda.
fn http<P, E>(
    config: Config,
    parts: Result<P, E>,
    handle: impl Fn(Arc<P>, Request) -> Handled + Send + Sync + 'static,
) -> Handler
where
    P: Send + Sync + 'static,
    E: ToString,
{
    let parts = parts.map(Arc::new).map_err(|e| e.to_string());
    let (config, handle) = (Arc::new(config), Arc::new(handle));
    Arc::new(move |event| {
        let (parts, config, handle) = (parts.clone(), Arc::clone(&config), Arc::clone(&handle));
        Box::pin(async move {
            let parts = parts?;
            Ok(serve(event, &config, |request| handle(parts, request)).await)
        })
    })
}

fn authorizer(config: &Config) -> Handler {
    let store = Store::connect(config).map(Arc::new).map_err(|e| e.to_string());
    Arc::new(move |event| {
        let store = store.clone();
        Box::pin(async move {
            let answer = authorizer::handle(&*store?, event).await.map_err(|failure| failure.to_string())?;
            serde_json::to_value(answer).map_err(|e| e.to_string())
        })
    })
}

fn send_push(config: Config) -> Handler {
    let parts = (|| Ok::<_, Box<dyn Error>>((Store::connect(&config)?, Queue::connect(&config)?)))();
    http(config, parts, |parts, request| Box::pin(async move { send_push::handle(&parts.0, &parts.1, request).await }))
}

fn put_subscription(config: Config) -> Handler {
    let parts = (|| {
        let hosts = PushHosts::parse(config.required("PUSH_HOSTS")?);
        Ok::<_, Box<dyn Error>>((Store::connect(&config)?, VapidSecret::connect(&config)?, hosts))
    })();
    http(config, parts, |parts, request| {
        Box::pin(async move { put_subscription::handle(&parts.0, &parts.1, &parts.2, request).await })
    })
}

fn get_subscription_config(config: Config) -> Handler {
    let parts = VapidSecret::connect(&config);
    http(config, parts, |vapid, request| {
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
