//! The secret that the VAPID keys are derived from. It is refreshed every five minutes, and when a key id is unknown, so that
//! a rotation reaches running environments.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;

use super::client;
use crate::config::{Config, MissingVariable};
use crate::domain::time::Timestamp;
use crate::domain::vapid::{InvalidVapidSecret, VapidKeys};

use super::cache::RefreshingCache;

/// The age at which the keys are refreshed, in seconds, unless the environment has `VAPID_MAX_AGE`.
const MAX_AGE: i64 = 300;

/// The VAPID secret of one deployment.
pub struct VapidSecret {
    client: Client,
    id: String,
    keys: RefreshingCache<VapidKeys>,
}

/// The keys are not available.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Secrets Manager did not return the secret.
    #[error("the VAPID secret cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The secret is malformed.
    #[error(transparent)]
    Malformed(#[from] InvalidVapidSecret),
}

impl VapidSecret {
    /// The secret that the environment names.
    pub async fn connect(config: &Config) -> Result<Self, MissingVariable> {
        let mut builder = aws_sdk_secretsmanager::config::Builder::from(&client::sdk_config(config).await?);
        builder.set_endpoint_url(client::endpoint(config, "SECRETS_MANAGER"));
        let id = config.required("VAPID_SECRET")?.to_owned();
        let max_age = config.optional("VAPID_MAX_AGE").and_then(|seconds| seconds.parse().ok()).unwrap_or(MAX_AGE);

        Ok(Self { client: Client::from_conf(builder.build()), id, keys: RefreshingCache::new(max_age) })
    }

    /// The key pairs. Only the first read can fail; a later failure keeps the cached keys.
    pub async fn keys(&self, now: Timestamp) -> Result<Arc<VapidKeys>, Error> {
        self.keys.get(now, || self.read()).await
    }

    /// The key pairs, refreshed if one of these ids is unknown.
    pub async fn keys_with<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<Arc<VapidKeys>, Error> {
        let mut keys = self.keys(now).await?;
        for id in ids {
            if keys.by_id(id).is_none() {
                keys = self.refresh_for(id, now).await?;
            }
        }
        Ok(keys)
    }

    /// The key pairs, refreshed because the key of this id is unknown or not accepted; at most once a minute for the same id.
    pub async fn refresh_for(&self, id: &str, now: Timestamp) -> Result<Arc<VapidKeys>, Error> {
        self.keys.refresh_for(id, now, || self.read()).await
    }

    async fn read(&self) -> Result<VapidKeys, Error> {
        let response = self.client.get_secret_value().secret_id(&self.id).send().await;
        let response = response.map_err(|e| Error::Unavailable(e.into()))?;
        Ok(VapidKeys::derive(response.secret_string().unwrap_or_default())?)
    }
}
