//! `PATCH /keys/{id}`: changes what a key is called, may do and may reach. It holds for the next request that begins.

use shared::domain::account::Account;
use shared::domain::channel::{Channels, Slug, Slugs};
use shared::domain::history::{Action, Event};
use shared::domain::key::{Key, KeyId, KeyName, Status};
use shared::domain::permission::Permissions;
use shared::domain::random;
use shared::domain::scope::Scope;
use shared::domain::time::Timestamp;
use shared::http::json_body::{Mistake, text};
use shared::http::key_fields::{self, LimitChanges, ScopeKind};
use shared::http::problem::Problem;
use shared::http::views;
use shared::http::{self, Reply, Request};
use shared::store::{Edited, Store};

/// So often an edit is made again on what somebody else left.
const TRIES: u32 = 10;

/// One transaction writes 100 items: the key, its event, and a count for each channel that it gains or loses.
const MOST_CHANNELS_AT_ONCE: usize = 98;

/// What is to change; `None` stays as it is.
struct Changes {
    name: Option<KeyName>,
    permissions: Option<Permissions>,
    scope: Option<ScopeKind>,
    channels: Option<Slugs>,
    status: Option<Status>,
    expires_at: Option<Option<Timestamp>>,
    limits: LimitChanges,
}

/// Answers 200 with the changed key.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let admin = http::admin(&request)?;
    let id: KeyId = request.path("id", "key")?;
    let mut precondition = request.precondition()?;
    let changes = read(&request, now)?;

    for _ in 0..TRIES {
        let before = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
        precondition.check(&before.revision)?;
        let at = now.after(before.updated_at);
        let after = changed(store, &admin.account, &before, &changes, at).await?;
        let step = first_step(&before, &after);
        let next = step.as_ref().unwrap_or(&after);
        let event = Event::new(Action::Changed, &admin.author, Some(&before), Some(next), at);
        if event.changes.is_empty() {
            return Ok(Reply::ok(&views::key(&before, now)).tagged(&before.revision));
        }
        if store.edit_key(&before, next, &event).await? == Edited::Raced {
            continue;
        }
        match step {
            None => return Ok(Reply::ok(&views::key(&after, now)).tagged(&after.revision)),
            // The rest is of what this step has made.
            Some(step) => precondition = precondition.after(&step.revision),
        }
    }
    Err(Problem::EditConflict)
}

/// A change of so many channels that one transaction cannot hold it first takes away the few that are too many, of those
/// that the key loses. In between it reaches a little less than before, and never more.
fn first_step(before: &Key, after: &Key) -> Option<Key> {
    let (old, new) = (before.scope.channels(), after.scope.channels());
    let lost: Vec<&Slug> = old.iter().filter(|(slug, id)| new.get(slug) != Some(id)).map(|(slug, _)| slug).collect();
    let changed = lost.len() + new.len() - (old.len() - lost.len());
    let too_many = changed.checked_sub(MOST_CHANNELS_AT_ONCE).filter(|many| *many > 0)?;

    let mut channels = old.clone();
    for slug in lost.into_iter().take(too_many) {
        channels.remove(slug);
    }
    let (scope, updated_at) = (Scope::Channels(channels), after.updated_at);
    Some(Key { scope, updated_at, revision: random::base62(8), ..before.clone() })
}

fn read(request: &Request, now: Timestamp) -> Result<Changes, Problem> {
    let mut fields = request.fields()?;
    let name = fields.optional("name", text);
    let permissions = key_fields::permissions(&mut fields);
    let scope = fields.optional("scope", text);
    let channels = key_fields::channels(&mut fields);
    let channels = match (&scope, channels) {
        (Ok(Some(ScopeKind::All)), Ok(Some(_))) => Err(fields.flaw("channels", "goes only with the scope channels")),
        (_, channels) => channels,
    };
    let status = fields.optional("status", text);
    let expires_at = key_fields::expires_at(&mut fields, now);
    let limits = key_fields::limits(&mut fields);
    fields.finish()?;

    Ok(Changes {
        name: name?,
        permissions: permissions?,
        scope: scope?,
        channels: channels?,
        status: status?,
        expires_at: expires_at?,
        limits: limits?,
    })
}

/// The key as it is after the changes.
async fn changed(
    store: &Store,
    account: &Account,
    before: &Key,
    changes: &Changes,
    now: Timestamp,
) -> Result<Key, Problem> {
    let wrong = |detail: &str| {
        Problem::InvalidBody(vec![Mistake { pointer: "/channels".to_owned(), detail: detail.to_owned() }])
    };
    let scope = match (changes.scope, &changes.channels, &before.scope) {
        (Some(ScopeKind::All), _, _) => Scope::All,
        (None, Some(_), Scope::All) => return Err(wrong("goes only with the scope channels")),
        (Some(ScopeKind::Channels), None, Scope::All) => return Err(wrong("is required with the scope channels")),
        (_, None, scope) => scope.clone(),
        (_, Some(slugs), scope) => Scope::Channels(named(store, account, slugs, scope.channels()).await?),
    };

    Ok(Key {
        name: changes.name.clone().unwrap_or_else(|| before.name.clone()),
        permissions: changes.permissions.clone().unwrap_or_else(|| before.permissions.clone()),
        scope,
        status: changes.status.unwrap_or(before.status),
        expires_at: changes.expires_at.unwrap_or(before.expires_at),
        limits: changes.limits.applied_to(before.limits),
        updated_at: now,
        revision: random::base62(8),
        ..before.clone()
    })
}

/// These channels with their ids; those that the key has already cannot have been deleted, so only new ones are looked up.
async fn named(store: &Store, account: &Account, slugs: &Slugs, own: &Channels) -> Result<Channels, Problem> {
    let (kept, new): (Slugs, Slugs) = slugs.iter().cloned().partition(|slug| own.contains_key(slug));
    let mut channels = if new.is_empty() {
        Channels::new()
    } else {
        store.resolve(account, &new).await?.map_err(Problem::UnknownChannel)?
    };
    channels.extend(own.iter().filter(|(slug, _)| kept.contains(slug)).map(|(slug, id)| (slug.clone(), id.clone())));

    Ok(channels)
}
