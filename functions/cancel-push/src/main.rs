//! Lambda entry point of `cancel-push`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::store::Store;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let store = &Store::connect(config).await?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        let handle = async |request: &http::Request| pushgate_cancel_push::handle(store, request).await;
        Ok::<_, Error>(http::serve(event.payload.0, config, pushgate_cancel_push::ROUTES, handle).await)
    }))
    .await
}
