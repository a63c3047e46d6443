//! Where the secret is kept that the signing keys are derived from. It is read again every five minutes, and when something
//! speaks of a key that it did not hold, so that a rotation reaches what is running.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;

use crate::aws::client;
use crate::config::{Config, Missing};
use crate::domain::time::Timestamp;
use crate::domain::vapid::{NotAVapidSecret, VapidKeys};

use super::cache::Reread;

/// The keys are read again when they are so many seconds old, if the environment's `VAPID_MAX_AGE` does not say otherwise.
const MAX_AGE: i64 = 300;

/// The secret of one deployment.
pub struct VapidSecret {
    client: Client,
    id: String,
    keys: Reread<VapidKeys>,
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
        let mut builder = aws_sdk_secretsmanager::config::Builder::from(&client::sdk_config(config)?);
        builder.set_endpoint_url(client::endpoint(config, "SECRETS_MANAGER"));
        let id = config.required("VAPID_SECRET")?.to_owned();
        let max_age = config.optional("VAPID_MAX_AGE").and_then(|seconds| seconds.parse().ok()).unwrap_or(MAX_AGE);

        Ok(Self { client: Client::from_conf(builder.build()), id, keys: Reread::new(max_age) })
    }

    /// The key pairs. Only the first reading can fail; later ones leave what is known.
    pub async fn keys(&self, now: Timestamp) -> Result<Arc<VapidKeys>, Error> {
        self.keys.get(now, || self.read()).await
    }

    /// The key pairs, among them those of these ids if they exist.
    pub async fn keys_with<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<Arc<VapidKeys>, Error> {
        let mut keys = self.keys(now).await?;
        for id in ids {
            if keys.by_id(id).is_none() {
                keys = self.keys_doubting(id, now).await?;
            }
        }
        Ok(keys)
    }

    /// The key pairs, read again because the one of this id is not known or not accepted; for the same one not again within
    /// a minute.
    pub async fn keys_doubting(&self, id: &str, now: Timestamp) -> Result<Arc<VapidKeys>, Error> {
        self.keys.doubting(id, now, || self.read()).await
    }

    async fn read(&self) -> Result<VapidKeys, Error> {
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await;
        let answer = answer.map_err(|e| Error::Unavailable(e.into()))?;
        Ok(VapidKeys::derive(answer.secret_string().unwrap_or_default())?)
    }
}
