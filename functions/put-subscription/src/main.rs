//! The plug: `put-subscription` as a Lambda function.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::aws::vapid_secret::VapidSecret;
use shared::config::Config;
use shared::domain::json::Json;
use shared::domain::subscription::PushHosts;
use shared::store::Store;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let store = &Store::connect(config)?;
    let vapid = &VapidSecret::connect(config)?;
    let hosts = &PushHosts::parse(config.required("PUSH_HOSTS")?);

    lambda_runtime::run(service_fn(|event: LambdaEvent<Json>| async move {
        let handle = |request| pushgate_put_subscription::handle(store, vapid, hosts, request);
        Ok::<_, Error>(http::serve(event.payload.0, config, handle).await)
    }))
    .await
}
