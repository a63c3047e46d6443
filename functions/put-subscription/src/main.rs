//! Lambda entry point of `put-subscription`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::aws::vapid_secret::VapidSecret;
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::domain::push_hosts::PushHosts;
use shared::store::Store;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let store = &Store::connect(config).await?;
    let vapid = &VapidSecret::connect(config).await?;
    let hosts = &PushHosts::parse(config.required("PUSH_HOSTS")?);

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        let handle =
            async |request: &http::Request| pushgate_put_subscription::handle(store, vapid, hosts, request).await;
        Ok::<_, Error>(http::serve(event.payload.0, config, pushgate_put_subscription::ROUTES, handle).await)
    }))
    .await
}
