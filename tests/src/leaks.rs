//! The search for leaked secrets: in plain text, base64, hexadecimal and percent-encoding.

use std::fmt::Write as _;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The number of occurrences of any of these secrets in this text, in any encoding.
pub fn count<S: AsRef<str>>(secrets: &[S], text: &[u8]) -> usize {
    let forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret.as_ref())).collect();
    let search = AhoCorasick::new(forms).expect("an automaton");
    search.find_iter(text).count()
}

/// The encodings in which a secret could be written.
pub fn forms(secret: &str) -> Vec<String> {
    let hex = |upper: bool, before: &str| {
        secret.bytes().fold(String::new(), |mut text, byte| {
            let written = if upper { write!(text, "{before}{byte:02X}") } else { write!(text, "{before}{byte:02x}") };
            written.expect("a write to a string");
            text
        })
    };
    let mut forms = vec![secret.to_owned(), hex(false, ""), hex(true, ""), hex(false, "%"), hex(true, "%")];
    // Inside a longer text the secret begins at one of three offsets of a base64 group. Its first and last characters
    // depend on the text around it, so the search is for those in between.
    for shift in 0..3 {
        let shifted = [vec![0; shift], secret.as_bytes().to_vec()].concat();
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.push(text[4..text.len() - 4].to_owned());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_nowhere_else() {
        let secret = "pgk_acme_01JD0000000000000000000000_abcdefghijklmnopqrstuvwxyz0123456789AB";
        for before in ["", "x", "xy"] {
            let text = format!("{before}{secret}, and more");
            for place in [text.clone(), STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(count(&[secret], place.as_bytes()) > 0, "{place}");
            }
        }
        for form in forms(secret) {
            assert!(count(&[secret], format!("<{form}>").as_bytes()) > 0, "{form}");
        }
        assert_eq!(count(&[secret], &secret.as_bytes()[1..]), 0);
    }
}
