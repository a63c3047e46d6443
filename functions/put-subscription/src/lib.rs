//! `PUT /subscriptions`: keeps a browser's subscription, and sets which of the key's channels it is in.

use serde::Serialize;
use shared::aws::vapid_secret::VapidSecret;
use shared::domain::caller::Caller;
use shared::domain::channel::{Channels, Slug, Slugs};
use shared::domain::scope::{self, Reach, Scope};
use shared::domain::subscription::{
    AuthSecret, Endpoint, MOST_CHANNELS, P256dh, PushHosts, Subscription, SubscriptionId,
};
use shared::domain::time::Timestamp;
use shared::http::json_body::{any_text, text};
use shared::http::problem::Problem;
use shared::http::{self, Reply, Request};
use shared::store::{Found, Memberships, Store};

/// So often the change is made again on what somebody else left.
const TRIES: u32 = 10;

/// One subscription is in at most so many channels, whatever keys put it there: one transaction can change them all.
const MOST_MEMBERSHIPS: usize = 70;

struct Wish {
    endpoint: Endpoint,
    p256dh: P256dh,
    auth: AuthSecret,
    channels: Slugs,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a SubscriptionId,
    channels: Vec<&'a Slug>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Answers 201 for a new subscription, 200 for a known one.
pub async fn handle(store: &Store, vapid: &VapidSecret, hosts: &PushHosts, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let caller = http::caller(&request)?;
    let wish = read(&request, hosts)?;
    let channels = reached(store, &caller, &wish.channels).await?;
    let keys = vapid.keys(now).await?;
    let vapid = keys.current().id();
    let id = wish.endpoint.subscription_id(&caller.account);

    for _ in 0..TRIES {
        let found = store.subscription(&caller.account, &id).await?;
        let subscription = subscription(&wish, &id, found.as_ref(), vapid, now);
        let memberships = memberships(store, &caller, found.as_ref(), &channels).await?;
        if memberships.len() > MOST_MEMBERSHIPS {
            return Err(Problem::TooManyChannels(MOST_MEMBERSHIPS));
        }
        if store.put_subscription(&caller.account, found.as_ref(), &subscription, &memberships).await? {
            let Subscription { created_at, updated_at, .. } = subscription;
            let shown = Shown { id: &id, channels: channels.keys().collect(), created_at, updated_at };
            return Ok(match found {
                None => Reply::created(&format!("/subscriptions/{}", id.as_str()), &shown),
                Some(_) => Reply::ok(&shown),
            });
        }
    }
    Err(Problem::EditConflict)
}

fn read(request: &Request, hosts: &PushHosts) -> Result<Wish, Problem> {
    let mut fields = request.fields()?;
    let endpoint =
        fields.required("endpoint", |value| hosts.endpoint(&any_text(value)?).map_err(|mistake| mistake.to_string()));
    let keys = fields.object("keys", |keys| {
        let p256dh = keys.required("p256dh", text);
        let auth = keys.required("auth", text);
        Ok((p256dh?, auth?))
    });
    let keys = keys.and_then(|keys| keys.ok_or_else(|| fields.flaw("keys", "is required")));
    let channels = fields.list("channels", 0..=MOST_CHANNELS, text::<Slug>);
    // What a browser adds to its subscriptions and we have no use for.
    let _ = fields.nullable("expirationTime", Ok);
    fields.finish()?;

    let (p256dh, auth) = keys?;
    Ok(Wish { endpoint: endpoint?, p256dh, auth, channels: channels?.unwrap_or_default().into_iter().collect() })
}

/// The channels that are asked for, with their ids, if the key reaches them. None is none.
async fn reached(store: &Store, caller: &Caller, asked: &Slugs) -> Result<Channels, Problem> {
    if asked.is_empty() {
        return Ok(Channels::new());
    }
    match scope::decide(&caller.scope, Some(asked)).map_err(Problem::Scope)? {
        Reach::Assigned { channels, .. } => Ok(channels),
        Reach::Everyone | Reach::Requested(_) => {
            store.resolve(&caller.account, asked).await?.map_err(Problem::UnknownChannel)
        }
    }
}

/// The subscription as it is to be kept. A known one with the same keys was made with the signing key that it remembers.
fn subscription(wish: &Wish, id: &SubscriptionId, found: Option<&Found>, vapid: &str, now: Timestamp) -> Subscription {
    let known = found.map(|found| &found.subscription);
    let same = known.filter(|known| known.p256dh == wish.p256dh && known.auth == wish.auth);

    Subscription {
        id: id.clone(),
        endpoint: wish.endpoint.url().to_string(),
        p256dh: wish.p256dh.clone(),
        auth: wish.auth.clone(),
        vapid: same.map_or(vapid, |known| &known.vapid).to_owned(),
        created_at: known.map_or(now, |known| known.created_at),
        updated_at: now,
    }
}

/// The memberships afterwards: what was asked for, and what is none of this key's business.
async fn memberships(
    store: &Store,
    caller: &Caller,
    found: Option<&Found>,
    asked: &Channels,
) -> Result<Memberships, Problem> {
    let mut memberships = match (&caller.scope, found) {
        (Scope::Channels(own), Some(found)) => store.others(&caller.account, found, own).await?,
        (Scope::All, _) | (_, None) => Memberships::new(),
    };
    memberships.extend(asked.iter().map(|(slug, id)| (id.clone(), slug.clone())));

    Ok(memberships)
}
