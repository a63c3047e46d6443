//! What a send asks for, every mistake of it named; and whom it would reach, for those who only ask.

use crate::domain::channel::{Slug, Slugs};
use crate::domain::key::MOST_CHANNELS;
use crate::domain::push::{Action, Content, Topic, Ttl, Urgency};
use crate::http::Request;
use crate::http::json_body::{Fields, Flawed, any_object, any_text, flag, text, whole};
use crate::http::problem::Problem;

/// A send as it is asked for.
pub struct Wish {
    /// What it says.
    pub content: Content,
    /// The channels that it names, in its path or its body; `None` if it names none.
    pub requested: Option<Slugs>,
    /// How long a push service keeps it.
    pub ttl: Ttl,
    /// How urgent it is.
    pub urgency: Urgency,
    /// What it replaces.
    pub topic: Option<Topic>,
    /// Whether it is only asked what would happen.
    pub dry_run: bool,
}

impl Wish {
    /// Reads the request. On the route that names a channel, `target` is no field.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        let in_path = request.path_text("channel").map(|slug| Slug::try_from(slug.to_owned()));
        let in_path =
            in_path.transpose().map_err(|e| Problem::InvalidParameter(format!("The channel in the path {e}")))?;
        let mut fields = request.fields()?;
        let content = content(&mut fields);
        let requested = match in_path {
            Some(slug) => Ok(Some(Slugs::from([slug]))),
            None => fields.object("target", target),
        };
        let ttl = fields.optional("ttl", whole);
        let urgency = fields.optional("urgency", text);
        let topic = fields.optional("topic", text);
        let dry_run = fields.optional("dry_run", flag);
        fields.finish()?;

        Ok(Self {
            content: content?,
            requested: requested?,
            ttl: ttl?.unwrap_or_default(),
            urgency: urgency?.unwrap_or_default(),
            topic: topic?,
            dry_run: dry_run?.unwrap_or_default(),
        })
    }
}

fn content(fields: &mut Fields) -> Result<Content, Flawed> {
    let title = fields.required("title", text);
    let message = fields.optional("message", any_text);
    let url = fields.optional("url", text);
    let icon = fields.optional("icon", text);
    let image = fields.optional("image", text);
    let badge = fields.optional("badge", text);
    let actions = fields.objects("actions", 0..=2, action);
    let data = fields.optional("data", any_object);

    Ok(Content {
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

fn action(fields: &mut Fields) -> Result<Action, Flawed> {
    let action = fields.required("action", text);
    let title = fields.required("title", text);
    let icon = fields.optional("icon", text);

    Ok(Action { action: action?, title: title?, icon: icon? })
}

/// A target names at least one channel: nothing in it ever means everyone.
fn target(fields: &mut Fields) -> Result<Slugs, Flawed> {
    match fields.list("channels", 1..=MOST_CHANNELS, text::<Slug>)? {
        Some(slugs) => Ok(slugs.into_iter().collect()),
        None => Err(fields.flaw("channels", "is required")),
    }
}
