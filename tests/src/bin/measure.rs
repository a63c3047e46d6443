//! The measuring programs: each takes its count, prints what it found, and fails if it is not what was promised.

use clap::{Parser, Subcommand};
use tests::measure::{cost, counting_faults, idempotency, limits, malformed, revocation, rotation, startup, usage};

#[derive(Parser)]
#[command(about = "Measures what Pushgate promises, and fails where it is not kept")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Sends with one key and with 100 keys, 64 in flight: the counters agree with the answers.
    Usage {
        #[arg(default_value_t = 20_000)]
        sends: usize,
    },
    /// Calls whose requests and answers get lost on the way to the store, from 32 environments.
    LostAnswers {
        #[arg(default_value_t = 20_000)]
        calls: usize,
    },
    /// 16 senders race the deletion, disabling and narrowing of their key.
    Revocation {
        #[arg(default_value_t = 1_000)]
        trials: usize,
    },
    /// 16 senders go on across a rotation of their key: no valid secret is refused, and none that has ended gets through.
    Rotation {
        #[arg(default_value_t = 500)]
        trials: usize,
    },
    /// 1,000 requests at once with a limit of 60: exactly 60 get through.
    Limits {
        #[arg(default_value_t = 200)]
        trials: usize,
    },
    /// 64 sends at once with one `Idempotency-Key`: one push.
    Idempotency {
        #[arg(default_value_t = 500)]
        rounds: usize,
    },
    /// Malformed requests, generated from a seed.
    Malformed {
        #[arg(default_value_t = 10_000)]
        requests: usize,
        #[arg(long, default_value_t = 20_261_123)]
        seed: u64,
    },
    /// What one push costs at the tables and the queue, from the authorizer's write to the last result.
    Cost {
        #[arg(default_value_t = 1_000)]
        recipients: usize,
    },
    /// `cargo run` from a built tree to the first answered request.
    Startup {
        #[arg(default_value_t = 5)]
        starts: usize,
    },
}

#[tokio::main]
async fn main() {
    match Arguments::parse().what {
        What::Usage { sends } => usage::run(sends).await,
        What::LostAnswers { calls } => counting_faults::run(calls).await,
        What::Revocation { trials } => revocation::run(trials).await,
        What::Rotation { trials } => rotation::run(trials).await,
        What::Limits { trials } => limits::run(trials).await,
        What::Idempotency { rounds } => idempotency::run(rounds).await,
        What::Malformed { requests, seed } => malformed::run(requests, seed).await,
        What::Cost { recipients } => cost::run(recipients).await,
        What::Startup { starts } => startup::run(starts).await,
    }
}
