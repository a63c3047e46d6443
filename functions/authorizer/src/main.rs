//! The plug: `authorizer` as a Lambda function.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::domain::json::Json;
use shared::log;
use shared::store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = Config::from_env();
    log::start(&config);
    let store = &Store::connect(&config)?;
    store.prime().await;

    lambda_runtime::run(service_fn(|event: LambdaEvent<Json>| async move {
        Ok::<_, Error>(pushgate_authorizer::handle(store, event.payload.0).await?)
    }))
    .await
}
