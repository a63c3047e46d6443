//! `PUT /subscriptions`: stores a subscription, and sets which of the key's channels it is in.

use serde::Serialize;
use shared::aws::vapid_secret::VapidSecret;
use shared::domain::caller::Caller;
use shared::domain::channel::{Channels, Slug, Slugs};
use shared::domain::push_hosts::{Endpoint, PushHosts};
use shared::domain::scope::{self, AllowedTarget, Scope};
use shared::domain::subscription::{AuthSecret, MAX_CHANNELS, P256dh, Subscription, SubscriptionId, Target, WebPush};
use shared::domain::time::Timestamp;
use shared::http::json_body::{parsed, string};
use shared::http::{EditAttempts, Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::{Memberships, Store, StoredSubscription};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("PUT", "/subscriptions")];

/// The maximum number of channels of one subscription, whatever keys added it: one transaction can change them all.
const MAX_MEMBERSHIPS: usize = 70;

/// The subscription that a request asks for.
pub struct NewSubscription {
    endpoint: Endpoint,
    p256dh: P256dh,
    auth: AuthSecret,
    channels: Slugs,
}

#[derive(Serialize)]
struct SubscriptionView<'a> {
    id: &'a SubscriptionId,
    channels: Vec<&'a Slug>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Responds with 201 for a new subscription, 200 for an existing one.
pub async fn handle(
    store: &Store,
    vapid: &VapidSecret,
    hosts: &PushHosts,
    request: &Request,
) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let caller = auth::caller(request)?;
    let new = parse(request, hosts)?;
    let channels = resolve_in_scope(store, &caller, &new.channels).await?;
    let keys = vapid.keys(now).await?;
    let id = new.endpoint.subscription_id(&caller.account);

    let mut attempts = EditAttempts::start();
    loop {
        let stored = store.subscription(&caller.account, &id).await?;
        let subscription = subscription(&new, &id, stored.as_ref(), keys.current().id(), now);
        let memberships = memberships(store, &caller, stored.as_ref(), &channels).await?;
        if memberships.len() > MAX_MEMBERSHIPS {
            return Err(Problem::TooManyChannels(MAX_MEMBERSHIPS));
        }
        if !store.put_subscription(&caller.account, stored.as_ref(), &subscription, &memberships).await? {
            attempts.retry()?;
            continue;
        }
        let Subscription { created_at, updated_at, .. } = subscription;
        let view = SubscriptionView { id: &id, channels: channels.keys().collect(), created_at, updated_at };
        return Ok(match stored {
            None => response::created(&format!("/subscriptions/{}", id.as_str()), &view),
            Some(_) => response::ok(&view),
        });
    }
}

/// Parses the body of a request.
pub fn parse(request: &Request, hosts: &PushHosts) -> Result<NewSubscription, Problem> {
    let mut body = request.json_body()?;
    let endpoint =
        body.required("endpoint", |value| hosts.endpoint(&string(value)?).map_err(|error| error.to_string()));
    let keys = body.object("keys", |keys| {
        let p256dh = keys.required("p256dh", parsed);
        let auth = keys.required("auth", parsed);
        Ok((p256dh?, auth?))
    });
    let keys = keys.and_then(|keys| keys.ok_or_else(|| body.reject("keys", "is required")));
    let channels = body.list("channels", 0..=MAX_CHANNELS, parsed::<Slug>);
    // A browser adds this field to its subscriptions; it is always null in practice.
    let _ = body.nullable("expirationTime", Ok);
    body.finish()?;

    let (p256dh, auth) = keys?;
    Ok(NewSubscription {
        endpoint: endpoint?,
        p256dh,
        auth,
        channels: channels?.unwrap_or_default().into_iter().collect(),
    })
}

/// The requested channels with their ids, if the key's scope allows them. No channels are none, not all.
async fn resolve_in_scope(store: &Store, caller: &Caller, requested: &Slugs) -> Result<Channels, Problem> {
    if requested.is_empty() {
        return Ok(Channels::new());
    }
    match scope::decide(&caller.scope, Some(requested)).map_err(Problem::Scope)? {
        AllowedTarget::Assigned { channels, .. } => Ok(channels),
        AllowedTarget::Everyone | AllowedTarget::Requested(_) => {
            store.resolve(&caller.account, requested).await?.map_err(Problem::UnknownChannel)
        }
    }
}

/// The subscription to store. If the browser's keys are unchanged, it still uses the VAPID key that is recorded.
fn subscription(
    new: &NewSubscription,
    id: &SubscriptionId,
    stored: Option<&StoredSubscription>,
    current_vapid_key: &str,
    now: Timestamp,
) -> Subscription {
    let recorded = stored.map(|stored| {
        let Target::WebPush(web_push) = &stored.subscription.target;
        web_push
    });
    let unchanged = recorded.filter(|recorded| recorded.p256dh == new.p256dh && recorded.auth == new.auth);

    Subscription {
        id: id.clone(),
        target: Target::WebPush(WebPush {
            endpoint: new.endpoint.url().to_string(),
            p256dh: new.p256dh.clone(),
            auth: new.auth.clone(),
            vapid_key: unchanged.map_or(current_vapid_key, |recorded| &recorded.vapid_key).to_owned(),
        }),
        created_at: stored.map_or(now, |stored| stored.subscription.created_at),
        updated_at: now,
    }
}

/// The memberships to store: the requested ones, and those that other keys manage.
async fn memberships(
    store: &Store,
    caller: &Caller,
    stored: Option<&StoredSubscription>,
    requested: &Channels,
) -> Result<Memberships, Problem> {
    let mut memberships = match (&caller.scope, stored) {
        (Scope::Channels(own), Some(stored)) => store.memberships_outside(&caller.account, stored, own).await?,
        (Scope::All, _) | (_, None) => Memberships::new(),
    };
    memberships.extend(requested.iter().map(|(slug, id)| (id.clone(), slug.clone())));

    Ok(memberships)
}
