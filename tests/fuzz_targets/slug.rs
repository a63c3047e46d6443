//! Target `slug`: a text is a slug only if it has the documented form, and it is never changed.

use regex_lite::Regex;
use shared::domain::channel::Slug;

use crate::corpus::{Corpus, Mutation, fuzz};

#[test]
fn a_slug_has_the_documented_form_and_is_unchanged() {
    let corpus = Corpus::read("slug");
    let form = Regex::new("^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$").expect("a pattern");
    fuzz("slug", move |mutation: Mutation| {
        let text = corpus.text(&mutation);
        let parsed = Slug::try_from(text.clone()).ok();
        // The pattern's `$` is the end of the text, also after a newline.
        assert_eq!(parsed.is_some(), form.is_match(&text), "{text:?}");
        assert!(parsed.is_none_or(|slug| slug.as_str() == text), "{text:?}");
    });
}
