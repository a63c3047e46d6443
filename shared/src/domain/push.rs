//! One accepted send: what it says, whom it reaches, and what became of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::domain::channel::{ChannelId, Channels, Slug};
use crate::domain::json;
use crate::domain::key::{KeyId, NotAnId};
use crate::domain::random;
use crate::domain::time::Timestamp;

/// The most plaintext that one encrypted push carries, in bytes (RFC 8291, section 4, with one record of 4,096).
pub const MOST_BYTES: usize = 3_993;

/// The longest time to live, in seconds: the smallest maximum among the large push services.
pub const LONGEST_TTL: u32 = 2_419_200;

/// How long a push service keeps a push for a device that is away, if the sender does not say.
pub const DEFAULT_TTL: u32 = 86_400;

/// A push is kept so many days.
pub const DAYS_KEPT: i64 = 30;

/// A push's id: a ULID, so that ids sort by their creation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PushId(String);

impl PushId {
    /// A new id.
    pub fn generate(now: Timestamp) -> Self {
        Self(random::ulid(now))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PushId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        random::is_ulid(&text).then_some(Self(text)).ok_or(NotAnId)
    }
}

/// What is shown to a person. Serialized, after the id, it is the plaintext that is encrypted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Content {
    /// The first line.
    pub title: Text,
    /// What stands under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What opens on a click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Link>,
    /// A small picture beside the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Link>,
    /// A large picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Link>,
    /// A monochrome picture for the status bar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge: Option<Link>,
    /// At most two buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Whatever the sender's own service worker wants to know.
    #[serde(default, deserialize_with = "json::optional_object", skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
}

/// A button of a notification.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    /// The name that the service worker is told.
    pub action: Text,
    /// What stands on the button.
    pub title: Text,
    /// A picture on the button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Link>,
}

/// Text with something to see in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(String);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is blank.
#[derive(Debug, thiserror::Error)]
#[error("has at least one character that is not white space")]
pub struct Blank;

impl TryFrom<String> for Text {
    type Error = Blank;

    fn try_from(text: String) -> Result<Self, Blank> {
        (!text.trim().is_empty()).then_some(Self(text)).ok_or(Blank)
    }
}

/// An address to open or to load: http, https, or a path of the subscriber's own site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Link(String);

/// The text is not such an address.
#[derive(Debug, thiserror::Error)]
#[error("is not an http or https URL, or a path that begins with /")]
pub struct NotALink;

impl TryFrom<String> for Link {
    type Error = NotALink;

    fn try_from(text: String) -> Result<Self, NotALink> {
        // A browser reads `//host` and `/\host` as another site.
        let path = text.starts_with('/') && !text[1..].starts_with(['/', '\\']);
        // The parser mends what it is given: white space around it, slashes that are missing.
        let absolute = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
            && Url::parse(&text).is_ok_and(|url| url.has_host());
        let fits = (path || absolute) && !text.contains(char::is_whitespace);
        fits.then_some(Self(text)).ok_or(NotALink)
    }
}

/// How long a push service tries, in seconds: 0 to 2,419,200.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Ttl(u32);

impl Ttl {
    /// The seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for Ttl {
    fn default() -> Self {
        Self(DEFAULT_TTL)
    }
}

/// The number is not a time to live.
#[derive(Debug, thiserror::Error)]
#[error("is not a whole number of seconds from 0 to 2419200")]
pub struct NotATtl;

impl TryFrom<u64> for Ttl {
    type Error = NotATtl;

    fn try_from(seconds: u64) -> Result<Self, NotATtl> {
        u32::try_from(seconds).ok().filter(|s| *s <= LONGEST_TTL).map(Self).ok_or(NotATtl)
    }
}

/// How soon a push should wake a device (RFC 8030, section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Urgency {
    /// On power and on Wi-Fi.
    VeryLow,
    /// On either.
    Low,
    /// On neither.
    #[default]
    Normal,
    /// With the battery low.
    High,
}

impl Urgency {
    /// The word of the `Urgency` header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VeryLow => "very-low",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl From<Urgency> for &'static str {
    fn from(urgency: Urgency) -> Self {
        urgency.name()
    }
}

/// The text is not an urgency.
#[derive(Debug, thiserror::Error)]
#[error("is not an urgency: very-low, low, normal or high")]
pub struct NotAnUrgency;

impl TryFrom<String> for Urgency {
    type Error = NotAnUrgency;

    fn try_from(text: String) -> Result<Self, NotAnUrgency> {
        let all = [Self::VeryLow, Self::Low, Self::Normal, Self::High];
        all.into_iter().find(|urgency| urgency.name() == text).ok_or(NotAnUrgency)
    }
}

/// Pushes of one topic replace each other while a device is away (RFC 8030, section 5.4). Letters and digits only: the
/// RFC allows `-` and `_` too, one of the large push services does not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Topic(String);

impl Topic {
    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a topic.
#[derive(Debug, thiserror::Error)]
#[error("is not a topic: 1 to 32 letters and digits")]
pub struct NotATopic;

impl TryFrom<String> for Topic {
    type Error = NotATopic;

    fn try_from(text: String) -> Result<Self, NotATopic> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then_some(Self(text)).ok_or(NotATopic)
    }
}

/// Whom a push reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Every subscription of the account.
    All,
    /// The subscriptions of these channels, each once.
    Channels(Channels),
}

impl Audience {
    /// Whether a subscription belongs to it that is in these channels.
    pub fn holds<'a>(&self, mut channels: impl Iterator<Item = &'a ChannelId>) -> bool {
        match self {
            Self::All => true,
            Self::Channels(own) => channels.any(|id| own.values().any(|own| own == id)),
        }
    }

    /// The audience as the API shows it.
    pub fn shown(&self) -> ShownAudience<'_> {
        match self {
            Self::All => ShownAudience { all: true, channels: Vec::new() },
            Self::Channels(channels) => ShownAudience { all: false, channels: channels.keys().collect() },
        }
    }
}

/// An audience in an answer.
#[derive(Serialize)]
pub struct ShownAudience<'a> {
    all: bool,
    channels: Vec<&'a Slug>,
}

impl ShownAudience<'_> {
    /// The audience of a send that is refused.
    pub const fn nobody() -> Self {
        Self { all: false, channels: Vec::new() }
    }
}

/// How far a push is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// Accepted, and nothing sent yet.
    Queued,
    /// On its way.
    Sending,
    /// Every recipient has its result.
    Done,
}

impl Progress {
    /// The word that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Done => "done",
        }
    }
}

/// What became of a push, in recipients.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Counts {
    /// How many subscriptions it was for.
    pub recipients: u64,
    /// Accepted by the push service.
    pub delivered: u64,
    /// The push service says that the subscription is no more; it was removed.
    pub gone: u64,
    /// Not delivered, for good.
    pub failed: u64,
}

/// A push as it is kept.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its id.
    pub id: PushId,
    /// The key that sent it.
    pub key: KeyId,
    /// What it says.
    pub content: Content,
    /// Whom it reaches.
    pub audience: Audience,
    /// How long it is worth trying.
    pub ttl: Ttl,
    /// How soon it should wake a device.
    pub urgency: Urgency,
    /// What it replaces.
    pub topic: Option<Topic>,
    /// The request that sent it, by which the log follows it.
    pub request_id: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When the last recipient had its result.
    pub finished_at: Option<Timestamp>,
    /// How far it is.
    pub progress: Progress,
    /// What became of it.
    pub counts: Counts,
}

/// The plaintext that is encrypted for every recipient: the push's id and its content, absent fields left out.
pub fn plaintext(id: &PushId, content: &Content) -> String {
    #[derive(Serialize)]
    struct Plaintext<'a> {
        id: &'a PushId,
        #[serde(flatten)]
        content: &'a Content,
    }

    serde_json::to_string(&Plaintext { id, content }).unwrap_or_else(|_| unreachable!("strings and JSON serialize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_web_or_to_the_own_site() {
        for good in ["https://example.com/a?b#c", "http://localhost:8080", "/offers/1"] {
            assert!(Link::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "offers",
            "//a.b",
            r"/\a.b",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://",
            "/a b",
            "https://example.com/a b",
            " https://example.com",
            "https://example.com\n",
            "HTTPS://example.com",
            "https:example.com",
            "https:/example.com",
            "mailto:a@b",
        ] {
            assert!(Link::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_plaintext_leaves_out_what_is_absent() {
        let id = PushId::try_from("01JD0000000000000000000000".to_owned()).expect("an id");
        let content: Content = serde_json::from_str(r#"{"title": "Hi", "data": {"z": 1, "a": 2}}"#).expect("content");

        assert_eq!(
            plaintext(&id, &content),
            r#"{"id":"01JD0000000000000000000000","title":"Hi","data":{"a":2,"z":1}}"#
        );
    }
}
