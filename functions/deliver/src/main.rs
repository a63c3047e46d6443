//! The plug: `deliver` as a Lambda function.

use deliver::{Delivery, Sender};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use shared::config::Config;
use shared::json::Json;
use shared::log;
use shared::queue::Queue;
use shared::store::Store;
use shared::subscription::PushHosts;
use shared::vapid_secret::VapidSecret;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = &Config::from_env();
    log::start(config);
    let hosts = PushHosts::parse(config.required("PUSH_HOSTS")?);
    let delivery = &Delivery {
        store: Store::connect(config)?,
        queue: Queue::connect(config)?,
        vapid: VapidSecret::connect(config)?,
        sender: Sender::new(hosts, config.required("VAPID_SUBJECT")?.to_owned())?,
    };

    lambda_runtime::run(service_fn(|event: LambdaEvent<Json>| async move {
        Ok::<_, Error>(deliver::handle(delivery, event.payload.0).await)
    }))
    .await
}
