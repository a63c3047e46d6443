//! Timestamps in milliseconds since the epoch; days and minutes are counted in UTC.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// A timestamp in milliseconds. Its text is RFC 3339 in UTC: `2026-11-23T10:00:00.000Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The current time. Read it once per request and pass it on.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// The timestamp of these milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The timestamp this many seconds later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds * 1000)
    }

    /// `self`, but at least 1 ms after `other`, so that events sort in the order in which they happened even if the clock
    /// went back.
    #[must_use]
    pub fn strictly_after(self, other: Self) -> Self {
        self.max(Self(other.0 + 1))
    }

    /// Seconds until a later time, rounded up; 0 if it has passed.
    pub const fn seconds_until(self, later: Self) -> i64 {
        let millis = later.0 - self.0;
        if millis > 0 { (millis + 999) / 1000 } else { 0 }
    }

    /// The number of the UTC day, 0 on 1970-01-01.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// The number of the minute since the epoch.
    pub const fn minute(self) -> i64 {
        self.0.div_euclid(MINUTE)
    }

    /// Whole seconds until the next minute begins, at least 1.
    pub const fn seconds_left_in_minute(self) -> i64 {
        (MINUTE - self.0.rem_euclid(MINUTE) + 999) / 1000
    }

    /// Whole seconds until the next UTC day begins, at least 1.
    pub const fn seconds_left_in_day(self) -> i64 {
        (DAY - self.0.rem_euclid(DAY) + 999) / 1000
    }
}

/// The date of a UTC day by its number, as `2026-11-23`.
pub fn date(day: i64) -> String {
    let mut text = Timestamp(day * DAY).to_string();
    text.truncate(10);
    text
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{timestamp:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not an RFC 3339 timestamp.
#[derive(Debug, thiserror::Error)]
#[error("is not an RFC 3339 timestamp, like 2026-11-23T10:00:00Z")]
pub struct InvalidTimestamp;

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        // Only years of four digits, so that a timestamp has one form.
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        is_rfc3339(&text).then(|| Self(timestamp.as_millisecond())).ok_or(InvalidTimestamp)
    }
}

/// Whether a text that the library parses is RFC 3339: `2026-11-23T10:00:00`, optionally a fraction after a point, and `Z` or
/// an offset of hours and minutes. The library accepts more: a comma, an offset of hours alone, the name of a time zone.
fn is_rfc3339(text: &str) -> bool {
    let text = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let Some(mut rest) = text.get(19..) else { return false };
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = &fraction[digits..];
    }
    let zone = matches!(rest, [b'Z'] | [b'+' | b'-', _, _, b':', _, _]);
    zone && marks.iter().all(|(at, mark)| text[*at] == *mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_in_utc_with_milliseconds() {
        let timestamp = Timestamp::try_from("2026-11-23T11:00:00.5+01:00".to_owned()).expect("a timestamp");

        assert_eq!(timestamp.to_string(), "2026-11-23T10:00:00.500Z");
        assert_eq!(date(timestamp.day()), "2026-11-23");
    }

    #[test]
    fn text_that_is_not_rfc_3339_is_rejected() {
        for text in [
            "",
            "tomorrow",
            "2026-11-23",
            "2026-13-01T00:00:00Z",
            "2026-11-23T10:00:00",
            "20261123T100000Z",
            "2026-11-23T10:00Z",
            "2026-11-23T10:00:00+01",
            "2026-11-23T10:00:00+0100",
            "2026-11-23T10:00:00+01:00:00",
            "2026-11-23T10:00:00,5Z",
            "2026-11-23T10:00:00Z[UTC]",
            "+002026-11-23T10:00:00Z",
        ] {
            assert!(Timestamp::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_seconds_left_in_a_minute_and_a_day_are_at_least_one() {
        let start = Timestamp::from_millis(DAY * 20_000);
        assert_eq!((start.seconds_left_in_minute(), start.seconds_left_in_day()), (60, 86_400));
        let end = Timestamp::from_millis(DAY * 20_001 - 1);
        assert_eq!((end.seconds_left_in_minute(), end.seconds_left_in_day()), (1, 1));
    }
}
