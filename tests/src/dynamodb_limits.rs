//! The limits of DynamoDB that the embedded engine does not have, in front of it: the throughput of a partition key, of an
//! item and of a table, and the conflicts of transactions.
//!
//! Sources: "Best practices for designing and using partition keys effectively" (3,000 read units and 1,000 write units a
//! second for a partition, so also for an item), "On-demand capacity mode" (4,000 write units and 12,000 read units for a new
//! table, then twice its peak), "Managing complex workflows with DynamoDB transactions" (conflicts).

#![expect(clippy::cast_precision_loss, reason = "numbers of calls and of subscriptions are exact as floats")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Write units and read units a second of one partition, and of one item.
const PARTITION: [f64; 2] = [1_000.0, 3_000.0];

/// Write units and read units a second of a table that has had no more.
const NEW_TABLE: [f64; 2] = [4_000.0, 12_000.0];

/// The time that a transaction holds its items.
const TRANSACTION: Duration = Duration::from_millis(10);

/// The limits, and what was refused.
#[derive(Default)]
pub struct DynamoDbLimits {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    meters: HashMap<Meter, [Usage; 2]>,
    tables: HashMap<String, [f64; 2]>,
    /// The items of the transactions in flight.
    in_transaction: HashMap<String, usize>,
    refused: BTreeMap<(&'static str, String), u64>,
}

/// What has a throughput of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Meter {
    Table(String),
    Partition(String),
    Item(String),
}

/// The units of one second, and the most that any second had.
#[derive(Clone, Copy)]
struct Usage {
    second: Instant,
    units: f64,
    peak: f64,
}

/// Why a call is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// A throughput is used up.
    Throttled,
    /// A transaction holds an item.
    Conflict,
}

/// A call that was admitted.
pub struct Admitted {
    meters: Vec<Meter>,
    held: Vec<String>,
    write: bool,
}

impl DynamoDbLimits {
    /// Admits a call, which is `settled` when its units are known.
    pub fn admit(&self, operation: &str, request: &Value) -> Result<Admitted, Rejection> {
        let items = items(operation, request);
        let transaction = operation == "TransactWriteItems";
        let write = transaction || ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"].contains(&operation);
        let mut meters: Vec<Meter> = items.iter().flat_map(Item::meters).collect();
        meters.sort();
        meters.dedup();
        let mut state = self.lock();
        let reject = |state: &mut State, why: &'static str, rejection| {
            *state.refused.entry((why, operation.to_owned())).or_default() += 1;
            Err(rejection)
        };
        let keys: Vec<String> = items.into_iter().filter_map(|item| item.key).collect();
        if write && keys.iter().any(|key| state.in_transaction.contains_key(key)) {
            return reject(&mut state, "conflict", Rejection::Conflict);
        }
        let now = Instant::now();
        if meters.iter().any(|meter| state.is_used_up(meter, write, now)) {
            return reject(&mut state, "throttled", Rejection::Throttled);
        }
        let held = if transaction { keys } else { Vec::new() };
        for key in &held {
            *state.in_transaction.entry(key.clone()).or_default() += 1;
        }
        Ok(Admitted { meters, held, write })
    }

    /// Counts the units of an admitted call. A transaction holds its items a while longer.
    pub async fn settle(&self, admitted: Admitted, units: f64) {
        {
            let mut state = self.lock();
            let now = Instant::now();
            // What a batch or a transaction does to each of its partitions is not known: its parts are alike.
            let partitions = admitted.meters.iter().filter(|meter| matches!(meter, Meter::Partition(_))).count();
            let items = admitted.meters.iter().filter(|meter| matches!(meter, Meter::Item(_))).count();
            for meter in &admitted.meters {
                let among = match meter {
                    Meter::Table(_) => 1,
                    Meter::Partition(_) => partitions,
                    Meter::Item(_) => items,
                };
                state.usage(meter, admitted.write, now).add(units / among.max(1) as f64);
            }
        }
        if !admitted.held.is_empty() {
            tokio::time::sleep(TRANSACTION).await;
            let mut state = self.lock();
            for key in &admitted.held {
                let held = state.in_transaction.get_mut(key).expect("it is held");
                *held -= 1;
                if *held == 0 {
                    state.in_transaction.remove(key);
                }
            }
        }
    }

    /// The refused calls, by reason and operation.
    pub fn refused(&self) -> BTreeMap<(&'static str, String), u64> {
        self.lock().refused.clone()
    }

    /// The partitions and items that used more than this share of their limit in some second: the largest shares first.
    pub fn busiest(&self, share: f64) -> Vec<(String, f64)> {
        let state = self.lock();
        let mut busiest = Vec::new();
        for (meter, usages) in &state.meters {
            let (Meter::Partition(name) | Meter::Item(name)) = meter else { continue };
            let used = usages.iter().zip(PARTITION).map(|(usage, limit)| usage.peak / limit).fold(0.0, f64::max);
            if used > share {
                busiest.push((name.clone(), used));
            }
        }
        busiest.sort_by(|one, other| other.1.total_cmp(&one.1));
        busiest
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn usage(&mut self, meter: &Meter, write: bool, now: Instant) -> &mut Usage {
        let new = Usage { second: now, units: 0.0, peak: 0.0 };
        let usages = self.meters.entry(meter.clone()).or_insert([new; 2]);
        let usage = &mut usages[usize::from(!write)];
        if now.duration_since(usage.second) >= Duration::from_secs(1) {
            (usage.second, usage.units) = (now, 0.0);
        }
        usage
    }

    fn is_used_up(&mut self, meter: &Meter, write: bool, now: Instant) -> bool {
        let kind = usize::from(!write);
        let Usage { units, peak, .. } = *self.usage(meter, write, now);
        let Meter::Table(table) = meter else { return units >= PARTITION[kind] };
        // A table is ready for twice what it has had.
        let limits = self.tables.entry(table.clone()).or_insert(NEW_TABLE);
        limits[kind] = limits[kind].max(2.0 * peak);
        units >= limits[kind]
    }
}

impl Usage {
    fn add(&mut self, units: f64) {
        self.units += units;
        self.peak = self.peak.max(self.units);
    }
}

/// What a call reads or writes: one item, or a whole partition.
struct Item {
    table: String,
    partition: String,
    key: Option<String>,
}

impl Item {
    fn new(table: &Value, key: &Value) -> Self {
        let table = table.as_str().unwrap_or_default().to_owned();
        let part = |name: &str| key[name]["S"].as_str();
        let partition = part("pk").or_else(|| part("account")).unwrap_or_default();
        let sort = part("sk").or_else(|| part("slug")).or_else(|| part("id")).unwrap_or_default();
        let partition = format!("{table} {partition}");
        Self { key: Some(format!("{partition} {sort}")), partition, table }
    }

    fn meters(&self) -> Vec<Meter> {
        let mut meters = vec![Meter::Table(self.table.clone()), Meter::Partition(self.partition.clone())];
        meters.extend(self.key.clone().map(Meter::Item));
        meters
    }
}

fn items(operation: &str, request: &Value) -> Vec<Item> {
    let table = &request["TableName"];
    match operation {
        "Query" => {
            let values = &request["ExpressionAttributeValues"];
            let partition =
                values[":pk"]["S"].as_str().or_else(|| values[":account"]["S"].as_str()).unwrap_or_default();
            let table = table.as_str().unwrap_or_default().to_owned();
            vec![Item { partition: format!("{table} {partition}"), table, key: None }]
        }
        "TransactWriteItems" => {
            let parts = request["TransactItems"].as_array().into_iter().flatten();
            let parts = parts.filter_map(Value::as_object).flatten();
            parts.map(|(kind, part)| Item::new(&part["TableName"], key_of(kind, part))).collect()
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            let keys = tables.flat_map(|(table, request)| {
                request["Keys"].as_array().into_iter().flatten().map(move |key| (table, key))
            });
            keys.map(|(table, key)| Item::new(&table.clone().into(), key)).collect()
        }
        _ => vec![Item::new(table, key_of(operation, request))],
    }
}

/// The key of a call, or of a part of a transaction.
fn key_of<'a>(operation: &str, request: &'a Value) -> &'a Value {
    if operation.starts_with("Put") { &request["Item"] } else { &request["Key"] }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn update(item: &str) -> Value {
        json!({ "TableName": "t", "Key": { "pk": { "S": "p" }, "sk": { "S": item } } })
    }

    fn transaction(items: &[&str]) -> Value {
        let items: Vec<Value> = items.iter().map(|item| json!({ "Update": update(item) })).collect();
        json!({ "TransactItems": items })
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_is_throttled_beyond_its_write_units() {
        let limits = DynamoDbLimits::default();
        for item in ["a", "b"] {
            let admitted = limits.admit("UpdateItem", &update(item)).expect("admitted");
            limits.settle(admitted, 500.0).await;
        }
        assert_eq!(limits.admit("UpdateItem", &update("c")).err(), Some(Rejection::Throttled));
        // Reads have a throughput of their own.
        assert!(limits.admit("GetItem", &update("c")).is_ok());
        assert_eq!(limits.refused(), BTreeMap::from([(("throttled", "UpdateItem".to_owned()), 1)]));
        assert_eq!(limits.busiest(0.9)[0], ("t p".to_owned(), 1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_of_a_transaction_in_flight_conflicts() {
        let limits = DynamoDbLimits::default();
        let in_flight = limits.admit("TransactWriteItems", &transaction(&["a", "b"])).expect("admitted");

        assert_eq!(limits.admit("UpdateItem", &update("a")).err(), Some(Rejection::Conflict));
        assert_eq!(limits.admit("TransactWriteItems", &transaction(&["b", "c"])).err(), Some(Rejection::Conflict));
        assert!(limits.admit("UpdateItem", &update("c")).is_ok());
        assert!(limits.admit("GetItem", &update("a")).is_ok());

        limits.settle(in_flight, 4.0).await;
        assert!(limits.admit("UpdateItem", &update("a")).is_ok());
    }
}
