//! Target `scope`: the decision agrees with a model that knows only sets of numbers.

use std::collections::BTreeSet;

use bolero::TypeGenerator;
use shared::domain::channel::{ChannelId, Channels, Slug, Slugs};
use shared::domain::scope::{self, AllowedTarget, Scope, ScopeError};

use crate::corpus::fuzz;

#[derive(Clone, Debug, TypeGenerator)]
struct Input {
    own: Option<u16>,
    requested: Option<u16>,
}

fn bits(set: u16) -> BTreeSet<u16> {
    (0..16).filter(|bit| set >> bit & 1 == 1).collect()
}

fn slug(number: u16) -> Slug {
    Slug::try_from(format!("c{number}")).expect("a slug")
}

fn slugs(numbers: &BTreeSet<u16>) -> Slugs {
    numbers.iter().copied().map(slug).collect()
}

fn channels(numbers: &BTreeSet<u16>) -> Channels {
    numbers.iter().map(|number| (slug(*number), ChannelId::from_stored(format!("id-{number}")))).collect()
}

/// The decision in words: all reaches what is requested, channels reach only their own, and an empty scope nothing.
fn expected(own: Option<&BTreeSet<u16>>, requested: Option<&BTreeSet<u16>>) -> Result<AllowedTarget, ScopeError> {
    let Some(own) = own else {
        return Ok(requested.map_or(AllowedTarget::Everyone, |set| AllowedTarget::Requested(slugs(set))));
    };
    if own.is_empty() {
        return Err(ScopeError::EmptyScope);
    }
    let outside: BTreeSet<u16> = requested.into_iter().flat_map(|set| set.difference(own)).copied().collect();
    if !outside.is_empty() {
        return Err(ScopeError::OutOfScope { refused: slugs(&outside), allowed: slugs(own) });
    }
    let reached = requested.unwrap_or(own);
    Ok(AllowedTarget::Assigned { channels: channels(reached), narrowed: requested.is_some() })
}

#[test]
fn the_scope_decision_agrees_with_sets() {
    fuzz("scope", |input: Input| {
        let (own, requested) = (input.own.map(bits), input.requested.map(bits));
        let scope = own.as_ref().map_or(Scope::All, |own| Scope::Channels(channels(own)));
        let decided = scope::decide(&scope, requested.as_ref().map(slugs).as_ref());
        assert_eq!(decided, expected(own.as_ref(), requested.as_ref()));
    });
}
