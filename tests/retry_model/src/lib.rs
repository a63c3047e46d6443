//! A model of the counting write (`shared/src/store/authorize.rs`): every order of requests, lost and delayed attempts,
//! edits of the key, and time, within small bounds. A planted fault takes one rule out.
//!
//! An environment that takes no step while others do is a frozen one. What the model assumes of the surroundings is in
//! [`Fault`] too, because without it a guarantee is broken.

mod faults;
mod guarantees;
mod state;
mod transitions;

pub use faults::Fault;
pub use guarantees::{DELETED, EXACT_USAGE, GUARANTEES, RECOGNIZED, REVOCATION};
pub use state::State;
pub use transitions::Action;

use stateright::{Checker, HasDiscoveries, Model, Property};

/// What must be reachable, so that no guarantee holds because nothing happens.
pub const REACHABLE: [&str; 4] = [
    "a repeated write is recognized, and counted once",
    "a slot is pruned",
    "a request that was not allowed is counted",
    "a delayed write arrives after its request has ended",
];

/// The counting write with a fault, or without one.
#[derive(Clone, Copy, Debug)]
pub struct CountingWrite {
    /// The planted fault.
    pub fault: Option<Fault>,
    /// The maximum number of edits of the key.
    pub edits: u8,
}

/// The result of a check.
#[derive(Debug)]
pub struct Checked {
    /// The number of different states.
    pub states: usize,
    /// The broken guarantee with the shortest way to break it.
    pub broken: Option<(&'static str, Vec<Action>)>,
    /// What was reached of [`REACHABLE`].
    pub reached: Vec<&'static str>,
}

impl CountingWrite {
    /// Visits every state, or stops at the first broken guarantee.
    pub fn check(self) -> Checked {
        let checker = self.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let mut broken = GUARANTEES.iter().filter_map(|name| Some((*name, checker.discovery(name)?.into_actions())));
        let reached = REACHABLE.into_iter().filter(|name| checker.discovery(name).is_some());

        Checked { states: checker.unique_state_count(), broken: broken.next(), reached: reached.collect() }
    }
}

impl Model for CountingWrite {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let states = [State::unused(), State::with_an_old_slot(), State::after_the_clock_went_back()];
        states.map(|state| State { edits_left: self.edits, ..state }).into()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        transitions::possible(self.fault, state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(transitions::applied(self.fault, state, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let [recognized, pruned, ambiguous, late] = REACHABLE;
        vec![
            Property::always(EXACT_USAGE, |_, state: &State| state.is_exact()),
            Property::always(REVOCATION, |_, state: &State| !state.events.allowed_after_revocation),
            Property::always(RECOGNIZED, |_, state: &State| !state.events.counted_and_denied),
            Property::always(DELETED, |_, state: &State| !state.events.revived),
            Property::sometimes(recognized, |_, state: &State| {
                state.events.recognized && state.counted == state.allowed
            }),
            Property::sometimes(pruned, |_, state: &State| state.events.pruned),
            Property::sometimes(ambiguous, |_, state: &State| {
                state.counted > state.allowed && state.running.is_empty()
            }),
            Property::sometimes(late, |_, state: &State| state.events.arrived_late),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counting_write_keeps_its_guarantees_in_every_state() {
        let checked = CountingWrite { fault: None, edits: 1 }.check();
        assert!(checked.broken.is_none(), "{:#?}", checked.broken);
        assert_eq!(checked.reached, REACHABLE);
        // All of them: a bound that is changed by accident changes the number.
        assert_eq!(checked.states, 1_585_976);
    }

    #[test]
    fn every_fault_breaks_its_guarantee() {
        for fault in Fault::ALL {
            let checked = CountingWrite { fault: Some(fault), edits: fault.edits() }.check();
            let (guarantee, actions) = checked.broken.unwrap_or_else(|| panic!("{fault:?} was not found"));
            assert!(fault.breaks().contains(&guarantee), "{fault:?}: {guarantee}: {actions:#?}");
        }
    }
}
