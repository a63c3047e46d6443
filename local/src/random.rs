//! What must not be guessable: ids, receipts, codes and generated secrets, from the operating system's generator.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "a machine without randomness can do nothing of use")]
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A UUID of version 4.
pub(crate) fn uuid() -> String {
    format_uuid(bytes())
}

/// These bytes in the form of a UUID of version 4.
pub(crate) fn format_uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// 256 random bits, safe in a URL.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// A string of this many letters of the alphabet, each equally likely.
pub(crate) fn string(alphabet: &[char], length: usize) -> String {
    let fair = 256 - 256 % alphabet.len();
    std::iter::repeat_with(|| usize::from(bytes::<1>()[0]))
        .filter(|byte| *byte < fair)
        .map(|byte| alphabet[byte % alphabet.len()])
        .take(length)
        .collect()
}
