//! Lambda entry point of `get-subscription-config`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::aws::vapid_secret::VapidSecret;
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let vapid = &VapidSecret::connect(config).await?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        let handle = async |request: &http::Request| pushgate_get_subscription_config::handle(vapid, request).await;
        Ok::<_, Error>(http::serve(event.payload.0, config, pushgate_get_subscription_config::ROUTES, handle).await)
    }))
    .await
}
