//! Expressions of a write: each clause is added together with the names and values that it uses.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};

use super::error::Error;
use super::item::Item;

/// The condition and the update of a write.
#[derive(Clone, Default)]
pub(super) struct Expression {
    conditions: Vec<String>,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// A write that requires this condition.
    pub(super) fn when(condition: impl Into<String>) -> Self {
        Self::default().and(condition)
    }

    /// Requires one more condition.
    pub(super) fn and(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(condition.into());
        self
    }

    /// Adds a `SET` clause.
    pub(super) fn set(mut self, clause: impl Into<String>) -> Self {
        self.set.push(clause.into());
        self
    }

    /// Adds an `ADD` clause.
    pub(super) fn add(mut self, clause: impl Into<String>) -> Self {
        self.add.push(clause.into());
        self
    }

    /// Adds a `REMOVE` clause.
    pub(super) fn remove(mut self, clause: impl Into<String>) -> Self {
        self.remove.push(clause.into());
        self
    }

    /// Binds a name that the last clause uses.
    pub(super) fn name(mut self, placeholder: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.names.insert(placeholder.into(), attribute.into());
        self
    }

    /// Binds a value that the last clause uses.
    pub(super) fn value(mut self, placeholder: impl Into<String>, value: AttributeValue) -> Self {
        self.values.insert(placeholder.into(), value);
        self
    }

    /// An `UpdateItem` call with these expressions.
    pub(super) fn update_item(self, call: UpdateItemFluentBuilder, key: Item) -> UpdateItemFluentBuilder {
        call.set_key(Some(key))
            .set_condition_expression(self.condition())
            .set_update_expression(self.update())
            .set_expression_attribute_names(filled(self.names))
            .set_expression_attribute_values(filled(self.values))
    }

    /// The `Update` of a transaction.
    pub(super) fn transact_update(self, table: &str, key: Item) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .set_condition_expression(self.condition())
            .set_update_expression(self.update())
            .set_expression_attribute_names(filled(self.names))
            .set_expression_attribute_values(filled(self.values))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The `Put` of a transaction.
    pub(super) fn transact_put(self, table: &str, item: Item) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(filled(self.names))
            .set_expression_attribute_values(filled(self.values))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The `Delete` of a transaction.
    pub(super) fn transact_delete(self, table: &str, key: Item) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key))
            .set_condition_expression(self.condition())
            .set_expression_attribute_names(filled(self.names))
            .set_expression_attribute_values(filled(self.values))
            .build()?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    fn update(&self) -> Option<String> {
        let section = |keyword: &str, clauses: &[String]| {
            (!clauses.is_empty()).then(|| format!("{keyword} {}", clauses.join(", ")))
        };
        let sections = [section("SET", &self.set), section("ADD", &self.add), section("REMOVE", &self.remove)];
        let sections: Vec<String> = sections.into_iter().flatten().collect();
        (!sections.is_empty()).then(|| sections.join(" "))
    }
}

/// DynamoDB rejects an empty map.
fn filled<K, V>(map: HashMap<K, V>) -> Option<HashMap<K, V>> {
    (!map.is_empty()).then_some(map)
}
