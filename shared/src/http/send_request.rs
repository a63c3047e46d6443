//! The body of a send, and its resolution: the audience that the key's scope allows, and the size.

use super::json_body::{InvalidField, JsonBody, boolean, integer, object, parsed};
use super::problem::Problem;
use super::request::{Extract as _, Request};
use crate::domain::account::Account;
use crate::domain::audience::Audience;
use crate::domain::channel::{Slug, Slugs};
use crate::domain::id::PushId;
use crate::domain::key::MAX_CHANNELS;
use crate::domain::notification::{
    MAX_PLAINTEXT_BYTES, Notification, NotificationAction, Topic, Ttl, Urgency, plaintext,
};
use crate::domain::scope::{self, AllowedTarget, Scope};
use crate::store::Store;

/// A send, as the request describes it.
pub struct SendRequest {
    /// What it says.
    pub notification: Notification,
    /// The channels that the path or the body names; `None` if neither does.
    pub channels: Option<Slugs>,
    /// How long delivery is tried.
    pub ttl: Ttl,
    /// Its urgency.
    pub urgency: Urgency,
    /// Its topic.
    pub topic: Option<Topic>,
    /// Whether to return a preview instead of sending.
    pub dry_run: bool,
}

impl SendRequest {
    /// Parses the request. On the route with a channel in its path, the body has no `target`.
    pub fn parse(request: &Request) -> Result<Self, Problem> {
        let in_path = request.raw_path_param("channel").map(|slug| Slug::try_from(slug.to_owned()));
        let in_path = in_path
            .transpose()
            .map_err(|error| Problem::InvalidParameter(format!("The channel in the path {error}")))?;
        let mut body = request.json_body()?;
        let notification = notification(&mut body);
        let channels = match in_path {
            Some(slug) => Ok(Some(Slugs::from([slug]))),
            None => body.object("target", target),
        };
        let ttl = body.optional("ttl", integer);
        let urgency = body.optional("urgency", parsed);
        let topic = body.optional("topic", parsed);
        let dry_run = body.optional("dry_run", boolean);
        body.finish()?;

        Ok(Self {
            notification: notification?,
            channels: channels?,
            ttl: ttl?.unwrap_or_default(),
            urgency: urgency?.unwrap_or_default(),
            topic: topic?,
            dry_run: dry_run?.unwrap_or_default(),
        })
    }
}

fn notification(body: &mut JsonBody) -> Result<Notification, InvalidField> {
    let title = body.required("title", parsed);
    let message = body.optional("message", parsed);
    let url = body.optional("url", parsed);
    let icon = body.optional("icon", parsed);
    let image = body.optional("image", parsed);
    let badge = body.optional("badge", parsed);
    let actions = body.objects("actions", 0..=2, action);
    let data = body.optional("data", object);

    Ok(Notification {
        title: title?,
        message: message?,
        url: url?,
        icon: icon?,
        image: image?,
        badge: badge?,
        actions: actions?.unwrap_or_default(),
        data: data?,
    })
}

fn action(body: &mut JsonBody) -> Result<NotificationAction, InvalidField> {
    let action = body.required("action", parsed);
    let title = body.required("title", parsed);
    let icon = body.optional("icon", parsed);

    Ok(NotificationAction { action: action?, title: title?, icon: icon? })
}

/// A target names at least one channel: no form of it means every recipient.
fn target(body: &mut JsonBody) -> Result<Slugs, InvalidField> {
    match body.list("channels", 1..=MAX_CHANNELS, parsed::<Slug>)? {
        Some(slugs) => Ok(slugs.into_iter().collect()),
        None => Err(body.reject("channels", "is required")),
    }
}

/// A send that the key's scope allows.
pub struct ResolvedSend {
    /// Its recipients.
    pub audience: Audience,
    /// The name of the rule that decided.
    pub rule: &'static str,
    /// The plaintext's size in bytes.
    pub bytes: usize,
}

impl ResolvedSend {
    /// Resolves the requested channels within a key's scope, and checks the size. Only a key with the scope `all` learns
    /// which channels do not exist.
    pub async fn resolve(
        store: &Store,
        account: &Account,
        scope: &Scope,
        request: &SendRequest,
        id: &PushId,
    ) -> Result<Self, Problem> {
        let allowed = scope::decide(scope, request.channels.as_ref()).map_err(Problem::Scope)?;
        let rule = allowed.rule();
        let audience = match allowed {
            AllowedTarget::Everyone => Audience::All,
            AllowedTarget::Assigned { channels, .. } => Audience::Channels(channels),
            AllowedTarget::Requested(slugs) => {
                let channels = store.resolve(account, &slugs).await?;
                Audience::Channels(channels.map_err(Problem::UnknownChannel)?)
            }
        };
        let bytes = plaintext(id, &request.notification).len();
        if bytes > MAX_PLAINTEXT_BYTES {
            return Err(Problem::PushTooLarge(bytes));
        }

        Ok(Self { audience, rule, bytes })
    }
}
