//! The command line of the measuring programs.

use clap::{Parser, Subcommand};
use tests::measure::{
    cost, counting_faults, flood, idempotency, kills, limits, load, malformed, revocation, rotation, scale, soak,
    startup, usage,
};

#[derive(Parser)]
#[command(about = "Measures Pushgate's guarantees, and fails if one is broken")]
struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Subcommand)]
enum Measurement {
    /// Sends with one key and with 100 keys, 64 in flight: the counters equal the allowed requests.
    Usage {
        #[arg(default_value_t = 20_000)]
        sends: usize,
    },
    /// Authorizes from 32 environments while requests to the store and responses get lost.
    CountingFaults {
        #[arg(default_value_t = 20_000)]
        calls: usize,
    },
    /// 16 senders race the deletion, disabling and narrowing of their key.
    Revocation {
        #[arg(default_value_t = 1_000)]
        trials: usize,
    },
    /// 16 senders go on during a rotation of their key: no valid secret is denied, and no expired one is allowed.
    Rotation {
        #[arg(default_value_t = 500)]
        trials: usize,
    },
    /// 1,000 concurrent requests with a limit of 60: exactly 60 are allowed.
    Limits {
        #[arg(default_value_t = 200)]
        trials: usize,
    },
    /// 64 concurrent sends with one `Idempotency-Key`: one push.
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
    /// The cost of one push in capacity units and queue messages.
    Cost {
        #[arg(default_value_t = 1_000)]
        recipients: usize,
    },
    /// One push to many subscriptions, over DynamoDB's limits.
    Load {
        #[arg(default_value_t = 100_000)]
        subscriptions: usize,
        /// What the approximate numbers of subscriptions say, if they are wrong.
        #[arg(long)]
        counted: Option<usize>,
        /// The channels, each of which every subscription is in.
        #[arg(long, default_value_t = 1)]
        channels: usize,
        /// The functions that run at once.
        #[arg(long, default_value_t = 10)]
        functions: usize,
        /// A push service that rejects some subscriptions and breaks connections.
        #[arg(long)]
        faulty: bool,
    },
    /// Kills functions during a push to 10,000, and the program while clients send.
    Kills {
        #[arg(default_value_t = 100)]
        functions: usize,
        #[arg(default_value_t = 50)]
        programs: usize,
    },
    /// Simulates which rate of requests without a valid secret costs a valid key its service.
    Flood {
        #[arg(default_value_t = 60)]
        seconds: u32,
    },
    /// Computes what bounds a large push on AWS, and writes docs/scale.md.
    Scale {
        /// Fail if the page is different.
        #[arg(long)]
        check: bool,
    },
    /// A mixed load: exact counters, no 5xx, and flat memory and open files.
    Soak {
        #[arg(default_value_t = 1_800)]
        seconds: u64,
    },
    /// The time from `cargo run` on a built tree to the first response.
    Startup {
        #[arg(default_value_t = 5)]
        starts: usize,
    },
}

#[tokio::main]
async fn main() {
    match Arguments::parse().measurement {
        Measurement::Usage { sends } => usage::run(sends).await,
        Measurement::CountingFaults { calls } => counting_faults::run(calls).await,
        Measurement::Revocation { trials } => revocation::run(trials).await,
        Measurement::Rotation { trials } => rotation::run(trials).await,
        Measurement::Limits { trials } => limits::run(trials).await,
        Measurement::Idempotency { rounds } => idempotency::run(rounds).await,
        Measurement::Malformed { requests, seed } => malformed::run(requests, seed).await,
        Measurement::Cost { recipients } => cost::run(recipients).await,
        Measurement::Load { subscriptions, counted, channels, functions, faulty } => {
            load::run(subscriptions, counted.unwrap_or(subscriptions), channels, functions, faulty).await;
        }
        Measurement::Kills { functions, programs } => kills::run(functions, programs).await,
        Measurement::Flood { seconds } => flood::run(seconds),
        Measurement::Scale { check } => scale::run(check),
        Measurement::Soak { seconds } => soak::run(seconds).await,
        Measurement::Startup { starts } => startup::run(starts).await,
    }
}
