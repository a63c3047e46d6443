//! The plug: `deliver` as a Lambda function.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushgate_deliver::{Delivery, Sender};
use shared::aws::queue::Queue;
use shared::aws::vapid_secret::VapidSecret;
use shared::config::Config;
use shared::domain::json::Json;
use shared::domain::subscription::PushHosts;
use shared::log;
use shared::store::Store;

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
        Ok::<_, Error>(pushgate_deliver::handle(delivery, event.payload.0).await)
    }))
    .await
}
