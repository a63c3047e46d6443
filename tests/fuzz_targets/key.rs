//! Target `key`: a text is a secret only if it has the documented form, and one changed character is never another secret.

use bolero::TypeGenerator;
use regex_lite::Regex;
use shared::domain::account::Account;
use shared::domain::id::KeyId;
use shared::domain::secret::{PATTERN, Secret, TagKey};
use shared::domain::time::Timestamp;
use tests::embedded_dynamodb::tag_key;

use crate::corpus::{Corpus, Mutation, fuzz};

#[derive(Clone, Debug, TypeGenerator)]
struct Input {
    millis: u32,
    at: u8,
    byte: u8,
    mutation: Mutation,
}

fn generate(millis: u32, tag_key: &TagKey) -> Secret {
    let account = Account::try_from(format!("a{millis}")).expect("an account");
    Secret::generate(&account, &KeyId::generate(Timestamp::from_millis(i64::from(millis))), tag_key)
}

#[test]
fn a_secret_has_the_documented_form_and_survives_no_edit() {
    let corpus = Corpus::read("key");
    let form = Regex::new(&format!("^{PATTERN}$")).expect("a pattern");
    let tag_key = tag_key();
    fuzz("key", move |input: Input| {
        let parse = |text: &str| Secret::parse(text, &tag_key);
        let secret = generate(input.millis, &tag_key);
        let text = secret.expose();
        let read = parse(text).expect("a secret");
        assert_eq!((read.account(), read.key(), read.hash()), (secret.account(), secret.key(), secret.hash()));
        assert!(form.is_match(text), "{text}");

        let mut changed = text.as_bytes().to_vec();
        let at = usize::from(input.at) % changed.len();
        changed[at] = input.byte;
        if let Ok(changed) = String::from_utf8(changed).as_deref()
            && changed != text
        {
            assert!(parse(changed).is_none(), "{text} and {changed}");
        }

        let untrusted = corpus.text(&input.mutation);
        if let Some(read) = parse(&untrusted) {
            assert!(form.is_match(&untrusted) && read.expose() == untrusted, "{untrusted}");
        }
    });
}
