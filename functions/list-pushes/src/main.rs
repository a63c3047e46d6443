//! The plug: `list-pushes` as a Lambda function.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::domain::json::Json;
use shared::store::Store;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let store = &Store::connect(config)?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<Json>| async move {
        Ok::<_, Error>(
            http::serve(event.payload.0, config, |request| pushgate_list_pushes::handle(store, request)).await,
        )
    }))
    .await
}
