//! Where the secret is kept that the signing keys are derived from; it is read once and stays in memory.

use aws_sdk_secretsmanager::Client;
use tokio::sync::OnceCell;

use crate::aws;
use crate::config::{Config, Missing};
use crate::vapid::{NotAVapidSecret, VapidKeys};

/// The secret of one deployment.
pub struct VapidSecret {
    client: Client,
    id: String,
    keys: OnceCell<VapidKeys>,
}

/// The keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The secret was not answered.
    #[error("the VAPID secret cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is not what it should be.
    #[error(transparent)]
    Malformed(#[from] NotAVapidSecret),
}

impl VapidSecret {
    /// The secret that the environment names.
    pub fn connect(config: &Config) -> Result<Self, Missing> {
        let mut builder = aws_sdk_secretsmanager::config::Builder::from(&aws::sdk_config(config)?);
        builder.set_endpoint_url(aws::endpoint(config, "SECRETS_MANAGER"));
        let id = config.required("VAPID_SECRET")?.to_owned();

        Ok(Self { client: Client::from_conf(builder.build()), id, keys: OnceCell::new() })
    }

    /// The key pairs, read on the first call. A failed reading is tried again by the next.
    pub async fn keys(&self) -> Result<&VapidKeys, Error> {
        self.keys
            .get_or_try_init(|| async {
                let answer = self.client.get_secret_value().secret_id(&self.id).send().await;
                let answer = answer.map_err(|e| Error::Unavailable(e.into()))?;
                Ok(VapidKeys::derive(answer.secret_string().unwrap_or_default())?)
            })
            .await
    }
}
