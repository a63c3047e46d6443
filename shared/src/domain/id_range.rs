//! Ranges of subscription ids. An id is a digest, so ranges of one width hold about equally many subscriptions, and an
//! audience can be divided without reading it.

use serde::{Deserialize, Serialize};

use crate::domain::subscription::SubscriptionId;

/// The number of hexadecimal digits of an id.
const DIGITS: u32 = 32;

/// The ids from one to another, both included. In JSON it is a list of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "(SubscriptionId, SubscriptionId)", into = "(SubscriptionId, SubscriptionId)")]
pub struct IdRange {
    first: u128,
    last: u128,
}

/// The first id is after the last.
#[derive(Debug, thiserror::Error)]
#[error("is not a range of ids")]
pub struct InvalidIdRange;

impl IdRange {
    /// Every id.
    pub const ALL: Self = Self { first: 0, last: u128::MAX };

    /// The first id.
    pub fn first(self) -> SubscriptionId {
        SubscriptionId::from_digest(self.first)
    }

    /// The last id.
    pub fn last(self) -> SubscriptionId {
        SubscriptionId::from_digest(self.last)
    }

    /// The part after an id; `None` if it is empty.
    pub fn after(self, id: &SubscriptionId) -> Option<Self> {
        let first = id.digest().checked_add(1)?.max(self.first);
        (first <= self.last).then_some(Self { first, ..self })
    }

    /// At most this many ranges of one width, which together hold every id of this one once.
    pub fn split(self, parts: u8) -> Vec<Self> {
        // The number of all ids is one more than fits.
        if parts < 2 {
            return vec![self];
        }
        let width = (self.last - self.first) / u128::from(parts) + 1;
        let part = |index: u8| {
            let first = self.first.checked_add(width.checked_mul(u128::from(index))?)?;
            (first <= self.last).then(|| Self { first, last: first.saturating_add(width - 1).min(self.last) })
        };
        (0..parts).map_while(part).collect()
    }

    /// The part of this range with ids of each first digit, in their order.
    pub fn by_first_digit(self) -> Vec<(char, Self)> {
        let shift = 4 * (DIGITS - 1);
        let part = |digit: u128| {
            let (first, last) = (digit << shift, (digit << shift) | ((1 << shift) - 1));
            let part = Self { first: first.max(self.first), last: last.min(self.last) };
            let digit = char::from_digit(u32::try_from(digit).ok()?, 16)?;
            (part.first <= part.last).then_some((digit, part))
        };
        (0..16).filter_map(part).collect()
    }

    /// The number of subscriptions in the range, estimated from the number up to `id`.
    pub fn estimate(self, count_up_to_id: usize, id: &SubscriptionId) -> u64 {
        let read = id.digest().saturating_sub(self.first).saturating_add(1);
        let per_read = (self.last - self.first) / read;
        u64::try_from(per_read.saturating_add(1)).unwrap_or(u64::MAX).saturating_mul(count_up_to_id as u64)
    }
}

impl TryFrom<(SubscriptionId, SubscriptionId)> for IdRange {
    type Error = InvalidIdRange;

    fn try_from((first, last): (SubscriptionId, SubscriptionId)) -> Result<Self, InvalidIdRange> {
        let range = Self { first: first.digest(), last: last.digest() };
        (range.first <= range.last).then_some(range).ok_or(InvalidIdRange)
    }
}

impl From<IdRange> for (SubscriptionId, SubscriptionId) {
    fn from(range: IdRange) -> Self {
        (range.first(), range.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that the parts hold every id of the whole once.
    fn assert_partition(whole: IdRange, parts: &[IdRange]) {
        assert_eq!((parts[0].first, parts.last().expect("a part").last), (whole.first, whole.last));
        for pair in parts.windows(2) {
            assert_eq!(pair[0].last + 1, pair[1].first, "{pair:?}");
        }
        assert!(parts.iter().all(|part| part.first <= part.last), "{parts:?}");
    }

    #[test]
    fn the_parts_of_a_range_hold_every_id_once() {
        let small = IdRange { first: u128::MAX - 4, last: u128::MAX };
        for whole in [IdRange::ALL, IdRange { first: 7, last: 1_000_006 }, small, IdRange { first: 3, last: 3 }] {
            for parts in [1, 2, 3, 7, 10, 16] {
                let split = whole.split(parts);
                assert!(split.len() <= usize::from(parts));
                assert_partition(whole, &split);
            }
        }
        assert_eq!(IdRange::ALL.split(10).len(), 10);
        assert_eq!(small.split(10).len(), 5);
    }

    #[test]
    fn a_range_is_divided_by_the_first_digit_of_its_ids() {
        let all = IdRange::ALL.by_first_digit();
        assert_eq!(all.iter().map(|(digit, _)| *digit).collect::<String>(), "0123456789abcdef");
        assert_partition(IdRange::ALL, &all.iter().map(|(_, part)| *part).collect::<Vec<_>>());

        for part in IdRange::ALL.split(7) {
            let digits = part.by_first_digit();
            assert_partition(part, &digits.iter().map(|(_, part)| *part).collect::<Vec<_>>());
            assert!(digits.iter().all(|(digit, part)| part.first().as_str().starts_with(*digit)));
            assert!(digits.iter().all(|(digit, part)| part.last().as_str().starts_with(*digit)));
        }
    }

    #[test]
    fn the_part_after_an_id_begins_with_the_next_one() {
        let range = IdRange { first: 10, last: 12 };
        let after = |digest| range.after(&SubscriptionId::from_digest(digest));
        assert_eq!(after(3), Some(range));
        assert_eq!(after(10), Some(IdRange { first: 11, last: 12 }));
        assert_eq!(after(12), None);
        assert_eq!(IdRange::ALL.after(&IdRange::ALL.last()), None);
    }

    #[test]
    fn the_size_of_a_range_is_estimated_from_its_beginning() {
        let tenth = IdRange::ALL.split(10)[3];
        let id = |share: u128| SubscriptionId::from_digest(tenth.first + (tenth.last - tenth.first) / share);
        assert!((990..=1_100).contains(&tenth.estimate(100, &id(10))));
        assert!((100..=200).contains(&tenth.estimate(100, &id(1))));
        assert_eq!(tenth.estimate(0, &id(10)), 0);
    }

    #[test]
    fn a_range_is_two_ids_in_json() {
        let range = IdRange { first: 1, last: 255 };
        let json = serde_json::to_string(&range).expect("JSON");
        assert_eq!(json, r#"["00000000000000000000000000000001","000000000000000000000000000000ff"]"#);
        assert_eq!(serde_json::from_str::<IdRange>(&json).expect("a range"), range);
        let swapped = r#"["000000000000000000000000000000ff","00000000000000000000000000000001"]"#;
        assert!(serde_json::from_str::<IdRange>(swapped).is_err());
    }
}
