//! Lambda entry point of `deliver`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushgate_deliver::Delivery;
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::log;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let delivery = &Delivery::connect(config).await?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        Ok::<_, Error>(pushgate_deliver::handle(delivery, event.payload.0).await)
    }))
    .await
}
