//! Lambda entry point of `get-console`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushgate_get_console::Page;
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let page = &Page::new(config)?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        let handle = async |request: &http::Request| pushgate_get_console::handle(page, request).await;
        Ok::<_, Error>(http::serve(event.payload.0, config, pushgate_get_console::ROUTES, handle).await)
    }))
    .await
}
