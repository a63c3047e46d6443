//! Counting under faults: a write whose response was lost is retried without counting twice, and no request is allowed
//! uncounted, for any order of losses, delays and cancellations. The same search finds each mutant of the write.

mod ledger;
mod mutants;
mod scenario;
mod simulator;

use std::cell::Cell;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use tests::embedded_dynamodb::EmbeddedDynamoDb;
use tests::fault_proxy::Rewrites;
use tests::measure::counting_faults;
use tokio::runtime::{self, Runtime};

use ledger::{Seen, Violation};
use scenario::{AttemptFault, Losses, Scenario, Step, scenarios};
use simulator::{Stop, run};

/// The seed of the scenarios, unless `PROPTEST_RNG_SEED` sets another.
const SEED: u64 = 20_261_123;

/// Searches this many scenarios for one that breaks a guarantee.
fn search(cases: u32, losses: Losses, mutant: Rewrites) -> Result<Seen, String> {
    let (runtime, database) = database();
    let default = Config::default();
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(SEED) } else { default.rng_seed };
    let config = Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 500, ..default };
    let seen = Cell::new(Seen::default());
    let searched = TestRunner::new(config).run(&scenarios(), |scenario| {
        match runtime.block_on(run(&database, &scenario, losses, mutant)) {
            Ok(more) => {
                seen.set(seen.get().and(more));
                Ok(())
            }
            Err(Stop::Violated(violation)) => Err(TestCaseError::fail(format!("{violation:?}"))),
            Err(Stop::Stalled) => Err(TestCaseError::reject("the machine stalled")),
        }
    });
    match searched {
        Ok(()) => Ok(seen.get()),
        Err(TestError::Fail(violation, scenario)) => Err(format!("{violation}, seed {rng_seed}: {scenario:#?}")),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// A runtime with one thread, so that the scheduling is the same each time, and a database.
fn database() -> (Runtime, EmbeddedDynamoDb) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let database = runtime.block_on(EmbeddedDynamoDb::start());
    (runtime, database)
}

#[test]
fn no_request_is_allowed_uncounted_and_every_count_is_explained() {
    let seen = search(200, Losses::Any, Rewrites::NONE).unwrap_or_else(|found| panic!("{found}"));

    let reached = [
        seen.authorized,
        seen.denied,
        seen.failed,
        seen.canceled,
        seen.recognized,
        seen.counted_not_allowed,
        seen.pruned,
        seen.prune_rejected,
        seen.with_previous_secret,
    ];
    assert!(!reached.contains(&0), "the scenarios do not reach everything: {seen:?}");
}

#[test]
fn with_at_most_two_losses_in_a_row_the_count_is_exact() {
    let seen = search(200, Losses::TwoInARow, Rewrites::NONE).unwrap_or_else(|found| panic!("{found}"));

    assert_eq!((seen.failed, seen.canceled, seen.counted_not_allowed), (0, 0, 0));
    assert!(seen.recognized > 0 && seen.denied > 0 && seen.prune_rejected > 0, "{seen:?}");
}

#[test]
fn a_response_between_losses_ends_the_row() {
    use Step::{Attempt, Begin, Rest};
    // The second environment has seen the first one's slot become stale, and tries to prune it when it is in use again:
    // the failed condition is a response, after two losses and before a third.
    let losses = [AttemptFault::LoseRequest, AttemptFault::LoseRequest, AttemptFault::None, AttemptFault::LoseResponse];
    let mut steps = vec![Begin(0), Rest(61_000), Begin(1), Rest(0), Begin(0), Rest(0), Begin(1)];
    steps.extend(losses.map(|fault| Attempt(0, fault)));
    let scenario = Scenario { environments: 2, per_minute: None, steps };
    let (runtime, database) = database();

    let result = runtime.block_on(run(&database, &scenario, Losses::TwoInARow, Rewrites::NONE));

    let seen = result.expect("the count is exact");
    assert_eq!((seen.authorized, seen.prune_rejected, seen.recognized), (4, 1, 1));
}

#[test]
fn a_counted_request_is_allowed_although_the_key_is_disabled_before_its_retry() {
    let steps = vec![
        Step::Begin(0),
        Step::Attempt(0, AttemptFault::LoseResponse),
        Step::Disable,
        Step::Attempt(0, AttemptFault::None),
    ];
    let scenario = Scenario { environments: 1, per_minute: None, steps };
    let (runtime, database) = database();
    let run = |mutant| runtime.block_on(run(&database, &scenario, Losses::TwoInARow, mutant));

    let seen = run(Rewrites::NONE).expect("the count is exact");
    let evaluated_again = run(mutants::EVALUATED_AGAIN);

    assert_eq!((seen.authorized, seen.recognized), (1, 1));
    assert!(matches!(evaluated_again, Err(Stop::Violated(Violation::NotRecognized))), "{evaluated_again:?}");
}

#[test]
fn the_search_finds_a_retry_that_counts_again() {
    expect_violation(Violation::CountedTwice, mutants::NO_SLOT);
}

#[test]
fn the_search_finds_a_request_that_is_evaluated_again() {
    expect_violation(Violation::NotRecognized, mutants::EVALUATED_AGAIN);
}

#[test]
fn the_search_finds_a_slot_that_two_requests_share() {
    expect_violation(Violation::Uncounted, mutants::SHARED_SLOT);
}

#[test]
fn the_search_finds_a_prune_that_removes_a_fresh_slot() {
    expect_violation(Violation::CountedTwice, mutants::UNCONDITIONAL_PRUNE);
}

#[track_caller]
fn expect_violation(violation: Violation, mutant: Rewrites) {
    let found = search(2_000, Losses::Any, mutant).expect_err("the search finds no violation");
    assert!(found.starts_with(&format!("{violation:?},")), "the search finds another violation: {found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_measuring_program_holds_for_a_few_calls() {
    counting_faults::run(500).await;
}
