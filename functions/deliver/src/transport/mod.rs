//! Transports: the ways in which a push reaches a device. Another one is a variant of `Target` and a folder here.

mod attempt;
mod web_push;

use shared::config::Config;
use shared::domain::push::Push;
use shared::domain::subscription::Target;

use crate::error::TaskError;

pub(crate) use attempt::{Attempt, DeliveryResult};
use web_push::WebPushTransport;

/// The transports of one deployment.
pub(crate) struct Transports {
    web_push: WebPushTransport,
}

impl Transports {
    /// The transports that the environment configures.
    pub(crate) async fn connect(config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self { web_push: WebPushTransport::connect(config).await? })
    }

    /// Sends a push to these targets, each by its transport. The attempts are in the order of the targets.
    pub(crate) async fn send(&self, push: &Push, targets: &[&Target]) -> Result<Vec<Attempt>, TaskError> {
        let web_push: Vec<_> = targets
            .iter()
            .map(|target| {
                let Target::WebPush(target) = target;
                target
            })
            .collect();
        Ok(self.web_push.send(push, &web_push).await?)
    }
}
