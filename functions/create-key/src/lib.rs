//! `POST /keys`: issues a key and shows its secret, this once.

use shared::domain::channel::Slugs;
use shared::domain::history::{Action, Event};
use shared::domain::key::{Key, KeyId, KeyName, Limits, Status, Usage};
use shared::domain::permission::Permissions;
use shared::domain::random;
use shared::domain::scope::Scope;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use shared::http::json_body::text;
use shared::http::key_fields::{self, ScopeKind};
use shared::http::problem::Problem;
use shared::http::views;
use shared::http::{self, Reply, Request};
use shared::store::{Edited, Store};

/// So often the channels are looked up again because one was deleted meanwhile.
const TRIES: u32 = 5;

struct NewKey {
    name: KeyName,
    permissions: Permissions,
    channels: Option<Slugs>,
    expires_at: Option<Timestamp>,
    limits: Limits,
}

/// Answers 201 with the secret and the key.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let admin = http::admin(&request)?;
    let new = read(&request, now)?;
    let id = KeyId::generate(now);
    let secret = Secret::generate(&admin.account, &id);
    let mut key = Key {
        account: admin.account.clone(),
        id,
        name: new.name,
        hash: secret.hash(),
        hint: secret.hint(),
        permissions: new.permissions,
        scope: Scope::All,
        status: Status::Active,
        expires_at: new.expires_at,
        limits: new.limits,
        created_at: now,
        created_by: admin.author.clone(),
        updated_at: now,
        last_used_at: None,
        usage: Usage::default(),
        old_secret: None,
        revision: random::base62(8),
    };

    for _ in 0..TRIES {
        if let Some(slugs) = &new.channels {
            let channels = store.resolve(&admin.account, slugs).await?;
            key.scope = Scope::Channels(channels.map_err(Problem::UnknownChannel)?);
        }
        let event = Event::new(Action::Created, &admin.author, None, Some(&key), now);
        if store.add_key(&key, &event).await? == Edited::Done {
            let issued = views::issued(&secret, &key, now);
            return Ok(Reply::created(&format!("/keys/{}", key.id), &issued).no_store().tagged(&key.revision));
        }
    }
    Err(Problem::EditConflict)
}

/// The key that the body asks for. `channels` is `None` for the scope `all`.
fn read(request: &Request, now: Timestamp) -> Result<NewKey, Problem> {
    let mut fields = request.fields()?;
    let name = fields.required("name", text);
    let permissions = key_fields::permissions(&mut fields);
    let permissions = permissions.and_then(|given| given.ok_or_else(|| fields.flaw("permissions", "is required")));
    let scope = fields.required("scope", text::<ScopeKind>);
    let channels = key_fields::channels(&mut fields);
    let channels = match (scope, channels) {
        (Ok(ScopeKind::All), Ok(Some(_))) => Err(fields.flaw("channels", "goes only with the scope channels")),
        (Ok(ScopeKind::Channels), Ok(None)) => Err(fields.flaw("channels", "is required with the scope channels")),
        (_, channels) => channels,
    };
    let expires_at = key_fields::expires_at(&mut fields, now);
    let limits = key_fields::limits(&mut fields);
    fields.finish()?;

    Ok(NewKey {
        name: name?,
        permissions: permissions?,
        channels: channels?,
        expires_at: expires_at?.flatten(),
        limits: limits?.applied_to(Limits::default()),
    })
}
