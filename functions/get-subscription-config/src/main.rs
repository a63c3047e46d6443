//! The plug: `get-subscription-config` as a Lambda function.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::aws::vapid_secret::VapidSecret;
use shared::config::Config;
use shared::domain::json::Json;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let vapid = &VapidSecret::connect(config)?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<Json>| async move {
        let handle = |request| pushgate_get_subscription_config::handle(vapid, request);
        Ok::<_, Error>(http::serve(event.payload.0, config, handle).await)
    }))
    .await
}
