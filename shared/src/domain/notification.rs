//! What a push says, and how a push service treats it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::domain::id::PushId;
use crate::domain::json;
use crate::domain::text::{self, InvalidText};

/// The maximum plaintext of one encrypted push, in bytes (RFC 8291, section 4, with one record of 4,096).
pub const MAX_PLAINTEXT_BYTES: usize = 3_993;

/// The longest time to live, in seconds: the smallest maximum among the large push services.
pub const MAX_TTL: u32 = 2_419_200;

/// The time to live if the sender gives none, in seconds.
pub const DEFAULT_TTL: u32 = 86_400;

/// The notification that a device shows. Serialized after the push's id, it is the plaintext that is encrypted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// The first line.
    pub title: Text,
    /// The text below the title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// The link that a click opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Link>,
    /// A small image beside the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Link>,
    /// A large image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Link>,
    /// A monochrome image for the status bar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge: Option<Link>,
    /// At most two actions, shown as buttons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<NotificationAction>,
    /// Data for the sender's own service worker.
    #[serde(default, deserialize_with = "json::optional_object", skip_serializing_if = "Option::is_none")]
    pub data: Option<Map<String, Value>>,
}

/// A button of a notification.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NotificationAction {
    /// The name that the service worker receives.
    pub action: Text,
    /// The button's label.
    pub title: Text,
    /// The button's icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<Link>,
}

/// One visible line, such as the title. Stored text is not parsed again, because Unicode's data may change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Text {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        text::check_line(&text).map(|()| Self(text))
    }
}

/// A text of any number of lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(String);

impl TryFrom<String> for Message {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        text::check_message(&text).map(|()| Self(text))
    }
}

/// A link: an http or https URL, or a path on the subscriber's own site. Every character of it is seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(String);

/// The text is not a link.
#[derive(Debug, thiserror::Error)]
#[error("is not an http or https URL, or a path that begins with /, of visible characters alone")]
pub struct InvalidLink;

impl TryFrom<String> for Link {
    type Error = InvalidLink;

    fn try_from(text: String) -> Result<Self, InvalidLink> {
        // A browser reads `//host` and `/\host` as another site.
        let path = text.starts_with('/') && !text[1..].starts_with(['/', '\\']);
        // The parser repairs its input: white space around it, missing slashes.
        let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let absolute = rest.is_some_and(|rest| !rest.starts_with(['/', '\\', '?', '#']))
            && Url::parse(&text).is_ok_and(|url| url.has_host());
        let fits = (path || absolute) && !text.contains(|c: char| c.is_whitespace() || text::is_hidden(c));
        fits.then_some(Self(text)).ok_or(InvalidLink)
    }
}

/// How long a push service keeps an undelivered push, in seconds: 0 to 2,419,200 (RFC 8030, section 5.2).
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
pub struct InvalidTtl;

impl TryFrom<u64> for Ttl {
    type Error = InvalidTtl;

    fn try_from(seconds: u64) -> Result<Self, InvalidTtl> {
        u32::try_from(seconds).ok().filter(|s| *s <= MAX_TTL).map(Self).ok_or(InvalidTtl)
    }
}

/// The urgency of a push, by which a device decides whether to wake (RFC 8030, section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Urgency {
    /// Delivered on power and Wi-Fi.
    VeryLow,
    /// Delivered on either power or Wi-Fi.
    Low,
    /// Delivered on neither power nor Wi-Fi.
    #[default]
    Normal,
    /// Delivered on a low battery too.
    High,
}

impl Urgency {
    /// The value of the `Urgency` header.
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
pub struct InvalidUrgency;

impl TryFrom<String> for Urgency {
    type Error = InvalidUrgency;

    fn try_from(text: String) -> Result<Self, InvalidUrgency> {
        let all = [Self::VeryLow, Self::Low, Self::Normal, Self::High];
        all.into_iter().find(|urgency| urgency.name() == text).ok_or(InvalidUrgency)
    }
}

/// A topic: an undelivered push is replaced by the next one of its topic (RFC 8030, section 5.4). Letters and digits only:
/// the RFC allows `-` and `_` too, one of the large push services does not.
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
pub struct InvalidTopic;

impl TryFrom<String> for Topic {
    type Error = InvalidTopic;

    fn try_from(text: String) -> Result<Self, InvalidTopic> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then_some(Self(text)).ok_or(InvalidTopic)
    }
}

/// The plaintext that is encrypted for every recipient: the push's id and its notification, without absent fields.
pub fn plaintext(id: &PushId, notification: &Notification) -> String {
    #[derive(Serialize)]
    struct Plaintext<'a> {
        id: &'a PushId,
        #[serde(flatten)]
        notification: &'a Notification,
    }

    serde_json::to_string(&Plaintext { id, notification })
        .unwrap_or_else(|_| unreachable!("strings and JSON serialize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_web_url_or_a_path_of_the_own_site() {
        for valid in ["https://example.com/a?b#c", "http://localhost:8080", "/offers/1"] {
            assert!(Link::try_from(valid.to_owned()).is_ok(), "{valid}");
        }
        for invalid in [
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
            "https:///example.com",
            r"https://\example.com",
            "https://?example.com",
            "mailto:a@b",
            "https://example.com/a\u{202e}gpj.exe",
            "https://example.com/a\u{200b}b",
            "/a\u{0}b",
            "/a\u{3164}",
            "/a\u{2066}b\u{2069}",
        ] {
            assert!(Link::try_from(invalid.to_owned()).is_err(), "{invalid}");
        }
    }

    #[test]
    fn the_plaintext_omits_absent_fields() {
        let id = PushId::try_from("01JD0000000000000000000000".to_owned()).expect("an id");
        let notification: Notification =
            serde_json::from_str(r#"{"title": "Hi", "data": {"z": 1, "a": 2}}"#).expect("a notification");

        assert_eq!(
            plaintext(&id, &notification),
            r#"{"id":"01JD0000000000000000000000","title":"Hi","data":{"a":2,"z":1}}"#
        );
    }
}
