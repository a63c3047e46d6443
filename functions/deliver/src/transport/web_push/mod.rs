//! Web Push (RFC 8030): encrypted requests, signed with the VAPID key that each browser subscribed with.

mod client;
mod encrypt;
mod origins;
mod vapid_tokens;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use shared::aws::vapid_secret::{self, VapidSecret};
use shared::config::Config;
use shared::domain::notification::plaintext;
use shared::domain::push::Push;
use shared::domain::push_hosts::PushHosts;
use shared::domain::subscription::WebPush;
use shared::domain::time::Timestamp;
use shared::domain::vapid::VapidKeys;

use client::WebPushClient;

use super::attempt::{Attempt, DeliveryResult};

/// The number of a page's requests that run concurrently, as far as their origins allow.
const CONCURRENCY: usize = 100;

/// Web Push with the VAPID keys of one deployment.
pub(crate) struct WebPushTransport {
    client: WebPushClient,
    vapid: VapidSecret,
}

impl WebPushTransport {
    /// The transport that the environment configures.
    pub(crate) async fn connect(config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let hosts = PushHosts::parse(config.required("PUSH_HOSTS")?);
        let client = WebPushClient::new(hosts, config.required("VAPID_SUBJECT")?.to_owned())?;
        Ok(Self { client, vapid: VapidSecret::connect(config).await? })
    }

    /// Sends a push to these targets; the attempts are in their order. If a push service rejects the signatures of all keys,
    /// the secret may have been rotated since it was read: it is refreshed, and the rejected targets are tried once more.
    pub(crate) async fn send(&self, push: &Push, targets: &[&WebPush]) -> Result<Vec<Attempt>, vapid_secret::Error> {
        let recorded = targets.iter().map(|target| target.vapid_key.as_str());
        let keys = self.vapid.keys_with(recorded, Timestamp::now()).await?;
        let everyone: Vec<usize> = (0..targets.len()).collect();
        let sent = self.send_each(push, targets, everyone, &keys).await;
        let mut attempts: Vec<Attempt> = vec![Attempt::skipped("not_sent"); targets.len()];
        for (index, attempt) in sent {
            attempts[index] = attempt;
        }

        let rejected = attempts.iter().enumerate().filter(|(_, it)| it.result == DeliveryResult::SignatureRejected);
        let rejected: Vec<usize> = rejected.map(|(index, _)| index).collect();
        let ids: BTreeSet<&str> = rejected.iter().map(|index| targets[*index].vapid_key.as_str()).collect();
        let mut refreshed = Arc::clone(&keys);
        for id in ids {
            refreshed = self.vapid.refresh_for(id, Timestamp::now()).await?;
        }
        if refreshed.has_new_keys(&keys) {
            for (index, attempt) in self.send_each(push, targets, rejected, &refreshed).await {
                attempts[index] = attempt;
            }
        }
        Ok(attempts)
    }

    /// Sends to the targets with these indexes, many of them concurrently.
    async fn send_each(
        &self,
        push: &Push,
        targets: &[&WebPush],
        indexes: Vec<usize>,
        keys: &VapidKeys,
    ) -> Vec<(usize, Attempt)> {
        let plaintext = &plaintext(&push.id, &push.notification);
        // Collected first: the compiler cannot name the lifetimes of a closure that lends to a future.
        let mut sends = Vec::with_capacity(indexes.len());
        for index in indexes {
            let sent = self.client.send(push, plaintext, targets[index], keys);
            sends.push(async move { (index, sent.await) });
        }
        stream::iter(sends).buffer_unordered(CONCURRENCY).collect().await
    }
}
