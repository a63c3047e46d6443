//! Random names in base62, `[0-9A-Za-z]`: they need no quoting anywhere, and a double click selects them.

use rand::distr::{Alphanumeric, SampleString};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::{Rng as _, RngExt as _};

/// So many base62 characters from the operating system's generator, each with the same chance.
pub fn base62(length: usize) -> String {
    Alphanumeric.sample_string(&mut UnwrapErr(SysRng), length)
}

/// A number from 0 to this one, each with the same chance.
pub fn up_to(most: u32) -> u32 {
    UnwrapErr(SysRng).random_range(0..=most)
}

/// A new ULID: its first 10 characters are the moment, the other 16 are random.
pub fn ulid(now: crate::domain::time::Timestamp) -> String {
    let mut random = [0; 16];
    UnwrapErr(SysRng).fill_bytes(&mut random);
    let millis = u64::try_from(now.millis()).unwrap_or_default();

    ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)).to_string()
}

/// Whether the text is a ULID in its one canonical form: 26 upper-case Crockford characters.
pub fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text.as_bytes()[0] <= b'7'
        && text.bytes().all(|b| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"ILOU".contains(&b)))
}
