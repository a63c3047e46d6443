//! Lambda entry point of `authorizer`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::domain::json::LenientJson;
use shared::domain::secret::TagKey;
use shared::log;
use shared::store::Store;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let store = &Store::connect(config).await?;
    let tag_key = &TagKey::new(config.required("TAG_KEY")?)?;
    store.warm_up().await;

    lambda_runtime::run(service_fn(|event: LambdaEvent<LenientJson>| async move {
        Ok::<_, Error>(pushgate_authorizer::handle(store, tag_key, event.payload.0).await?)
    }))
    .await
}
