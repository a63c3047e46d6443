//! Lambda entry point of `create-key`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::domain::secret::TagKey;
use shared::store::Store;
use shared::{http, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let store = &Store::connect(config).await?;
    let tag_key = &TagKey::new(config.required("TAG_KEY")?)?;

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        let handle = async |request: &http::Request| pushgate_create_key::handle(store, tag_key, request).await;
        Ok::<_, Error>(http::serve(event.payload.0, config, pushgate_create_key::ROUTES, handle).await)
    }))
    .await
}
