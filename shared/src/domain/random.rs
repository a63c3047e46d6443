//! Random identifiers from the operating system's generator. Base62, `[0-9A-Za-z]`, needs no quoting, and a double click
//! selects it.

use rand::distr::{Alphanumeric, SampleString};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::{Rng as _, RngExt as _};

/// `length` uniformly distributed base62 characters.
pub fn base62(length: usize) -> String {
    Alphanumeric.sample_string(&mut UnwrapErr(SysRng), length)
}

/// A uniformly distributed number from 0 to `max`.
pub fn up_to(max: u32) -> u32 {
    UnwrapErr(SysRng).random_range(0..=max)
}

/// A new ULID: the first 10 characters are the time, the other 16 are random.
pub fn ulid(now: crate::domain::time::Timestamp) -> String {
    let mut random = [0; 16];
    UnwrapErr(SysRng).fill_bytes(&mut random);
    let millis = u64::try_from(now.millis()).unwrap_or_default();

    ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)).to_string()
}

/// Whether the text is a ULID in its canonical form: 26 upper-case characters of Crockford's base32.
pub fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text.as_bytes()[0] <= b'7'
        && text.bytes().all(|b| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"ILOU".contains(&b)))
}
