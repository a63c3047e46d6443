//! The services that a delivery needs.

use shared::aws::queue::Queue;
use shared::config::Config;
use shared::store::Store;

use crate::cancellations::Cancellations;
use crate::transport::Transports;

/// The services that a delivery needs.
pub struct Delivery {
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) transports: Transports,
    pub(crate) cancellations: Cancellations,
}

impl Delivery {
    /// The services of the deployment that the environment names.
    pub async fn connect(config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            store: Store::connect(config).await?,
            queue: Queue::connect(config).await?,
            transports: Transports::connect(config).await?,
            cancellations: Cancellations::default(),
        })
    }
}
