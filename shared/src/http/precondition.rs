//! `If-Match` (RFC 9110, section 13.1.1): an edit applies only to a revision that the client has seen.

use super::problem::Problem;

/// The precondition of an edit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Precondition {
    /// None.
    Always,
    /// The resource has one of these revisions.
    OneOf(Vec<String>),
}

/// The entity tag of a revision, which changes with every edit. Usage does not change it.
pub(super) fn tag(revision: &str) -> String {
    format!("\"{revision}\"")
}

impl Precondition {
    /// Parses the values of the header: `*`, or a list of entity tags. A weak tag matches nothing.
    pub(super) fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Result<Self, Problem> {
        let values: Vec<&str> = values.map(str::trim).collect();
        match values.as_slice() {
            [] | ["*"] => Ok(Self::Always),
            values => {
                values.iter().try_fold(Vec::new(), |known, list| tags(list, known)).map(Self::OneOf).ok_or_else(|| {
                    Problem::InvalidParameter("If-Match is neither * nor a list of entity tags in quotes".to_owned())
                })
            }
        }
    }

    /// Rejects an edit of a resource with this revision, unless the precondition holds.
    pub fn check(&self, revision: &str) -> Result<(), Problem> {
        match self {
            Self::Always => Ok(()),
            Self::OneOf(revisions) if revisions.iter().any(|one| one == revision) => Ok(()),
            Self::OneOf(_) => Err(Problem::PreconditionFailed),
        }
    }

    /// The precondition of the next step of an edit, after a step that wrote this revision.
    #[must_use]
    pub fn after(self, revision: &str) -> Self {
        match self {
            Self::Always => Self::Always,
            Self::OneOf(_) => Self::OneOf(vec![revision.to_owned()]),
        }
    }
}

/// Adds the strong tags of a list to `known`. A comma inside quotes is part of the tag.
fn tags(mut list: &str, mut known: Vec<String>) -> Option<Vec<String>> {
    loop {
        let (weak, quoted) = list.strip_prefix("W/").map_or((false, list), |quoted| (true, quoted));
        let (tag, rest) = quoted.strip_prefix('"')?.split_once('"')?;
        if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        known.extend((!weak).then(|| tag.to_owned()));
        match rest.trim_start() {
            "" => return Some(known),
            more => list = more.strip_prefix(',')?.trim_start(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Option<Precondition> {
        Precondition::parse(values.iter().copied()).ok()
    }

    #[test]
    fn a_list_of_tags_is_parsed_from_one_header_or_several() {
        let one_of = |tags: &[&str]| Some(Precondition::OneOf(tags.iter().map(|tag| (*tag).to_owned()).collect()));
        assert_eq!(parse(&[]), Some(Precondition::Always));
        assert_eq!(parse(&["*"]), Some(Precondition::Always));
        assert_eq!(parse(&[r#""a""#]), one_of(&["a"]));
        assert_eq!(parse(&[r#""a", "b""#, r#""c""#]), one_of(&["a", "b", "c"]));
        assert_eq!(parse(&[r#"W/"a", "b""#]), one_of(&["b"]));
        assert_eq!(parse(&[r#""a,b" ,"c""#]), one_of(&["a,b", "c"]));
        assert_eq!(parse(&[&format!("\"{}\"", "x".repeat(300))]), one_of(&["x".repeat(300).as_str()]));
        for wrong in ["", "a", "\"a", "\"a\" \"b\"", "*, \"a\"", "\"a\u{7f}\"", "w/\"a\""] {
            assert_eq!(parse(&[wrong]), None, "{wrong}");
        }
    }

    #[test]
    fn only_a_revision_that_was_seen_passes() {
        let seen = parse(&[r#""a", "b""#]).expect("tags");
        assert!(seen.check("b").is_ok() && seen.check("c").is_err());
        assert!(parse(&[r#"W/"a""#]).expect("a weak tag").check("a").is_err());
        assert!(parse(&["*"]).expect("any").check("c").is_ok());
        let next = seen.after("c");
        assert!(next.check("c").is_ok() && next.check("b").is_err());
    }
}
