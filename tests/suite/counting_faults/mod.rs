//! A write whose answer was lost is repeated without counting twice, and nothing is let through uncounted, whatever is
//! lost, late or cut off, in whatever order. The same search finds each fault that the write could have.

mod ledger;
mod mutants;
mod scenario;
mod simulator;

use std::cell::Cell;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use tests::embedded_dynamodb::Engine;
use tests::fault_proxy::Rewrites;
use tests::measure::counting_faults;
use tokio::runtime::{self, Runtime};

use ledger::{Seen, Violation};
use scenario::{History, Step, Turn, history};
use simulator::{Losses, Stop, play};

/// The same histories each time, unless `PROPTEST_RNG_SEED` asks for others.
const SEED: u64 = 20_261_123;

/// Searches for a history that breaks a promise, among so many.
fn search(cases: u32, losses: Losses, bug: Rewrites) -> Result<Seen, String> {
    let (runtime, engine) = engine();
    let default = Config::default();
    let rng_seed = if default.rng_seed == RngSeed::Random { RngSeed::Fixed(SEED) } else { default.rng_seed };
    let config = Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 500, ..default };
    let seen = Cell::new(Seen::default());
    let searched = TestRunner::new(config).run(&history(), |history| {
        match runtime.block_on(play(&engine, &history, losses, bug)) {
            Ok(more) => {
                seen.set(seen.get().and(more));
                Ok(())
            }
            Err(Stop::Violated(violation)) => Err(TestCaseError::fail(format!("{violation:?}"))),
            Err(Stop::Stalled) => Err(TestCaseError::reject("the machine stood still")),
        }
    });
    match searched {
        Ok(()) => Ok(seen.get()),
        Err(TestError::Fail(violation, history)) => Err(format!("{violation}, seed {rng_seed}: {history:#?}")),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// One thread, so that what a history leaves to the scheduler is the same each time too.
fn engine() -> (Runtime, Engine) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let engine = runtime.block_on(Engine::start());
    (runtime, engine)
}

#[test]
fn nothing_is_let_through_uncounted_and_nothing_is_counted_without_an_excuse() {
    let seen = search(200, Losses::Any, Rewrites::NONE).unwrap_or_else(|found| panic!("{found}"));

    let reached = [
        seen.authorised,
        seen.refused,
        seen.failed,
        seen.cut_off,
        seen.recognised,
        seen.counted_for_nobody,
        seen.pruned,
        seen.prune_refused,
        seen.with_old_secret,
    ];
    assert!(!reached.contains(&0), "the histories do not show everything: {seen:?}");
}

#[test]
fn with_at_most_two_losses_in_a_row_the_count_is_exact() {
    let seen = search(200, Losses::TwoInARow, Rewrites::NONE).unwrap_or_else(|found| panic!("{found}"));

    assert_eq!((seen.failed, seen.cut_off, seen.counted_for_nobody), (0, 0, 0));
    assert!(seen.recognised > 0 && seen.refused > 0 && seen.prune_refused > 0, "{seen:?}");
}

#[test]
fn an_answer_between_losses_ends_their_row() {
    use Step::{Attempt, Begin, Rest};
    // The second environment has seen the first one's slot grow old, and asks for its removal when it is in use again:
    // the store's refusal is an answer, after two losses and before a third.
    let losses = [Turn::LoseRequest, Turn::LoseRequest, Turn::Pass, Turn::LoseAnswer];
    let mut steps = vec![Begin(0), Rest(61_000), Begin(1), Rest(0), Begin(0), Rest(0), Begin(1)];
    steps.extend(losses.map(|turn| Attempt(0, turn)));
    let history = History { environments: 2, per_minute: None, steps };
    let (runtime, engine) = engine();

    let played = runtime.block_on(play(&engine, &history, Losses::TwoInARow, Rewrites::NONE));

    let seen = played.expect("the count is exact");
    assert_eq!((seen.authorised, seen.prune_refused, seen.recognised), (4, 1, 1));
}

#[test]
fn a_request_that_was_counted_passes_although_the_key_is_disabled_meanwhile() {
    let steps = vec![Step::Begin(0), Step::Attempt(0, Turn::LoseAnswer), Step::Disable, Step::Attempt(0, Turn::Pass)];
    let history = History { environments: 1, per_minute: None, steps };
    let (runtime, engine) = engine();
    let play = |bug| runtime.block_on(play(&engine, &history, Losses::TwoInARow, bug));

    let seen = play(Rewrites::NONE).expect("the count is exact");
    let judged_again = play(mutants::JUDGED_AGAIN);

    assert_eq!((seen.authorised, seen.recognised), (1, 1));
    assert!(matches!(judged_again, Err(Stop::Violated(Violation::NotRecognised))), "{judged_again:?}");
}

#[test]
fn the_search_finds_a_repeat_that_counts_again() {
    finds(Violation::CountedTwice, mutants::NO_SLOT);
}

#[test]
fn the_search_finds_a_request_that_is_judged_again() {
    finds(Violation::NotRecognised, mutants::JUDGED_AGAIN);
}

#[test]
fn the_search_finds_a_slot_that_two_requests_share() {
    finds(Violation::Uncounted, mutants::SHARED_SLOT);
}

#[test]
fn the_search_finds_a_prune_that_removes_a_fresh_slot() {
    finds(Violation::CountedTwice, mutants::UNCONDITIONAL_PRUNE);
}

#[track_caller]
fn finds(violation: Violation, bug: Rewrites) {
    let found = search(2_000, Losses::Any, bug).expect_err("the search finds nothing");
    assert!(found.starts_with(&format!("{violation:?},")), "it finds another fault: {found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_measuring_program_holds_for_a_few_calls() {
    counting_faults::run(500).await;
}
