//! `POST /keys`: creates a key and returns its secret once.

use shared::domain::channel::Slugs;
use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::key::{Key, KeyName};
use shared::domain::permission::Permissions;
use shared::domain::scope::Scope;
use shared::domain::secret::{Secret, TagKey};
use shared::domain::time::Timestamp;
use shared::http::json_body::parsed;
use shared::http::key_fields::{self, KeyOptions, ScopeKind};
use shared::http::{
    EditAttempts, Extract as _, Problem, Request, Response, ResponseExt as _, Routes, auth, response, secret_request,
    views,
};
use shared::store::{EditOutcome, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("POST", "/keys")];

struct NewKey {
    name: KeyName,
    permissions: Permissions,
    /// `None` for the scope `all`.
    channels: Option<Slugs>,
    options: KeyOptions,
}

/// Responds with 201, the secret and the key.
pub async fn handle(store: &Store, tag_key: &TagKey, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let admin = auth::admin(request)?;
    let repeatable = secret_request::parse(request)?;
    let NewKey { name, permissions, channels, options } = parse(request, now)?;
    let secret = Secret::generate(&admin.account, &KeyId::generate(now), tag_key);
    let key = Key::new(&secret, name, permissions, Scope::All, admin.actor.clone(), now);
    let mut key = options.applied_to(key);

    let mut attempts = EditAttempts::start();
    loop {
        secret_request::reject_repeat(store, &admin.account, repeatable.as_ref(), now).await?;
        if let Some(slugs) = &channels {
            let channels = store.resolve(&admin.account, slugs).await?;
            key.scope = Scope::Channels(channels.map_err(Problem::UnknownChannel)?);
        }
        let event = AuditEvent::new(Action::Created, &admin.actor, None, Some(&key), now);
        match store.add_key(&key, &event, repeatable.as_ref()).await? {
            EditOutcome::Written => {
                let view = views::with_secret(&secret, &key, now);
                return Ok(response::created(&format!("/keys/{}", key.id), &view).with_etag(&key.revision));
            }
            EditOutcome::LimitReached { max } => return Err(Problem::KeyLimitReached(max)),
            // A channel was deleted after it was resolved, or a concurrent request has the same idempotency key.
            EditOutcome::Conflict => attempts.retry()?,
        }
    }
}

fn parse(request: &Request, now: Timestamp) -> Result<NewKey, Problem> {
    let mut body = request.json_body()?;
    let name = body.required("name", parsed);
    let permissions = key_fields::permissions(&mut body);
    let permissions = permissions.and_then(|given| given.ok_or_else(|| body.reject("permissions", "is required")));
    let scope = body.required("scope", parsed::<ScopeKind>);
    let channels = key_fields::channels(&mut body);
    let channels = match (scope, channels) {
        (Ok(ScopeKind::All), Ok(Some(_))) => Err(body.reject("channels", "goes only with the scope channels")),
        (Ok(ScopeKind::Channels), Ok(None)) => Err(body.reject("channels", "is required with the scope channels")),
        (_, channels) => channels,
    };
    let options = KeyOptions::parse(&mut body, now);
    body.finish()?;

    Ok(NewKey { name: name?, permissions: permissions?, channels: channels?, options: options? })
}
