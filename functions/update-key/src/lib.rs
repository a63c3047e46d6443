//! `PATCH /keys/{id}`: changes a key, effective for the next request that begins.

use shared::domain::account::Account;
use shared::domain::channel::{Channels, Slug, Slugs};
use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::key::{Key, KeyName, Status};
use shared::domain::permission::Permissions;
use shared::domain::scope::Scope;
use shared::domain::time::Timestamp;
use shared::http::json_body::{FieldError, boolean, parsed};
use shared::http::key_fields::{self, KeyOptions, ScopeKind};
use shared::http::{
    EditAttempts, Extract as _, Problem, Request, Response, ResponseExt as _, Routes, auth, response, views,
};
use shared::store::{EditOutcome, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("PATCH", "/keys/{id}")];

/// The maximum number of channels that one write adds and removes. A transaction writes 100 items: the key, its event in two
/// histories, and the key count of each changed channel; one less with the cancellation of its pushes.
const MAX_CHANNELS_PER_WRITE: usize = 97;

/// The fields to change; `None` is unchanged.
pub struct Changes {
    name: Option<KeyName>,
    permissions: Option<Permissions>,
    scope: Option<ScopeKind>,
    channels: Option<Slugs>,
    status: Option<Status>,
    /// Whether the pushes that the key has sent are canceled.
    cancels: bool,
    options: KeyOptions,
}

/// Responds with 200 and the changed key.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let admin = auth::admin(request)?;
    let id: KeyId = request.path_param("id", "key")?;
    let mut precondition = request.precondition()?;
    let changes = parse(request, now)?;
    let show = |key: &Key| response::ok(&views::key(key, now)).with_etag(&key.revision);

    let mut attempts = EditAttempts::start();
    loop {
        let before = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
        precondition.check(&before.revision)?;
        let at = now.strictly_after(before.updated_at);
        let after = changed(store, &admin.account, &before, &changes, at).await?;
        let max_channels = MAX_CHANNELS_PER_WRITE - usize::from(changes.cancels);
        let shrunk = shrink_first(&before, &after, max_channels, at);
        let next = shrunk.as_ref().unwrap_or(&after);
        let event = AuditEvent::new(Action::Changed, &admin.actor, Some(&before), Some(next), at);
        if event.changes.is_empty() {
            if changes.cancels {
                store.cancel_pushes_of(&admin.account, &id, at).await?;
            }
            return Ok(show(&before));
        }
        match (store.edit_key(&before, next, &event, changes.cancels).await?, shrunk) {
            (EditOutcome::Written, None) => {
                if changes.cancels {
                    // Also what was accepted while the change was written.
                    store.cancel_pushes_of(&admin.account, &id, Timestamp::now()).await?;
                }
                return Ok(show(&after));
            }
            // The next attempt edits what this step wrote.
            (EditOutcome::Written, Some(shrunk)) => precondition = precondition.after(&shrunk.revision),
            (EditOutcome::Conflict | EditOutcome::LimitReached { .. }, _) => {}
        }
        attempts.retry()?;
    }
}

/// The first of two steps of a change that one transaction cannot hold: it removes enough of the channels that the key loses.
/// In between, the key reaches less than before, and never more.
fn shrink_first(before: &Key, after: &Key, max_channels: usize, now: Timestamp) -> Option<Key> {
    let (old, new) = (before.scope.channels(), after.scope.channels());
    let lost: Vec<&Slug> = old.iter().filter(|(slug, id)| new.get(slug) != Some(id)).map(|(slug, _)| slug).collect();
    let changed = lost.len() + new.len() - (old.len() - lost.len());
    let excess = changed.checked_sub(max_channels).filter(|excess| *excess > 0)?;

    let mut channels = old.clone();
    for slug in lost.into_iter().take(excess) {
        channels.remove(slug);
    }
    Some(Key { scope: Scope::Channels(channels), ..before.edited(now) })
}

/// Parses the body of a request.
pub fn parse(request: &Request, now: Timestamp) -> Result<Changes, Problem> {
    let mut body = request.json_body()?;
    let name = body.optional("name", parsed);
    let permissions = key_fields::permissions(&mut body);
    let scope = body.optional("scope", parsed);
    let channels = key_fields::channels(&mut body);
    let channels = match (&scope, channels) {
        (Ok(Some(ScopeKind::All)), Ok(Some(_))) => Err(body.reject("channels", "goes only with the scope channels")),
        (_, channels) => channels,
    };
    let status = body.optional("status", parsed);
    let cancels = body.optional("cancel_pushes", boolean);
    let cancels = match (&status, cancels) {
        (Ok(status), Ok(Some(true))) if *status != Some(Status::Inactive) => {
            Err(body.reject("cancel_pushes", "goes only with the status inactive"))
        }
        (_, cancels) => cancels,
    };
    let options = KeyOptions::parse(&mut body, now);
    body.finish()?;

    Ok(Changes {
        name: name?,
        permissions: permissions?,
        scope: scope?,
        channels: channels?,
        status: status?,
        cancels: cancels?.unwrap_or(false),
        options: options?,
    })
}

/// The key with the changes.
async fn changed(
    store: &Store,
    account: &Account,
    before: &Key,
    changes: &Changes,
    now: Timestamp,
) -> Result<Key, Problem> {
    let invalid = |detail: &str| {
        Problem::InvalidBody(vec![FieldError { pointer: "/channels".to_owned(), detail: detail.to_owned() }])
    };
    let scope = match (changes.scope, &changes.channels, &before.scope) {
        (Some(ScopeKind::All), _, _) => Scope::All,
        (None, Some(_), Scope::All) => return Err(invalid("goes only with the scope channels")),
        (Some(ScopeKind::Channels), None, Scope::All) => return Err(invalid("is required with the scope channels")),
        (_, None, scope) => scope.clone(),
        (_, Some(slugs), scope) => Scope::Channels(resolve_channels(store, account, slugs, scope.channels()).await?),
    };
    let key = Key {
        name: changes.name.clone().unwrap_or_else(|| before.name.clone()),
        permissions: changes.permissions.clone().unwrap_or_else(|| before.permissions.clone()),
        scope,
        status: changes.status.unwrap_or(before.status),
        ..before.edited(now)
    };

    Ok(changes.options.applied_to(key))
}

/// These channels with their ids. A channel that the key already has cannot have been deleted, so only new ones are looked up.
async fn resolve_channels(
    store: &Store,
    account: &Account,
    slugs: &Slugs,
    own: &Channels,
) -> Result<Channels, Problem> {
    let (kept, new): (Slugs, Slugs) = slugs.iter().cloned().partition(|slug| own.contains_key(slug));
    let mut channels = if new.is_empty() {
        Channels::new()
    } else {
        store.resolve(account, &new).await?.map_err(Problem::UnknownChannel)?
    };
    channels.extend(own.iter().filter(|(slug, _)| kept.contains(slug)).map(|(slug, id)| (slug.clone(), id.clone())));

    Ok(channels)
}
