//! Lambda entry point of `get-me`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        let handle = async |request: &http::Request| pushgate_get_me::handle(request).await;
        Ok::<_, Error>(http::serve(event.payload.0, config, pushgate_get_me::ROUTES, handle).await)
    }))
    .await
}
