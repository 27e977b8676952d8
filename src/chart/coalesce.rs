//! A chart's values under those of its user, as Helm lays them over each other
//! (`CoalesceValues` of Helm's `pkg/chart/common/util/coalesce.go`).
//!
//! Only for what must be known before Helm runs: which subcharts take part. What templates see is
//! Helm's own work.

use serde_json::{Map, Value};

/// Values by key.
pub(super) type Table = Map<String, Value>;

/// A chart's own values, and the charts below it with their names there.
pub(super) struct Layer<'a> {
    /// Its values.yaml.
    pub(super) values: &'a Table,
    /// Its subcharts.
    pub(super) below: Vec<(&'a str, Layer<'a>)>,
}

const GLOBAL: &str = "global";

/// All values a chart sees, those of its subcharts below their names.
pub(super) fn coalesce(chart: &Layer<'_>, over: &Table) -> Table {
    let mut values = over.clone();
    own(chart, &mut values);
    below(chart, &mut values);
    values
}

/// A null takes a chart's value away. In a subchart's table it stays, for that subchart.
fn own(chart: &Layer<'_>, values: &mut Table) {
    for (key, value) in chart.values {
        let is_subchart = chart.below.iter().any(|(name, _)| name == key);
        match values.get_mut(key) {
            None => {
                values.insert(key.clone(), value.clone());
            }
            Some(Value::Null) => {
                values.remove(key);
            }
            Some(Value::Object(there)) => {
                if let Value::Object(value) = value {
                    lay_under(there, value, is_subchart);
                }
            }
            Some(_) => {}
        }
    }
}

fn below(chart: &Layer<'_>, values: &mut Table) {
    for (name, subchart) in &chart.below {
        let globals = values.get(GLOBAL).and_then(Value::as_object).cloned();
        let table = values
            .entry(*name)
            .or_insert_with(|| Value::Object(Table::new()));
        // Anything else than a table is an error of Helm's, for Helm to tell.
        if let Value::Object(table) = table {
            hand_down(globals.unwrap_or_default(), table);
            own(subchart, table);
            self::below(subchart, table);
        }
    }
}

/// Globals of the parent win over those of a subchart.
fn hand_down(globals: Table, table: &mut Table) {
    let there = table
        .entry(GLOBAL)
        .or_insert_with(|| Value::Object(Table::new()));
    let Value::Object(there) = there else { return };
    for (key, value) in globals {
        match (value, there.get(&key)) {
            (Value::Object(mut value), Some(Value::Object(old))) => {
                lay_under(&mut value, old, false);
                there.insert(key, Value::Object(value));
            }
            (value @ Value::Object(_), Some(_)) | (value, None) => {
                there.insert(key, value);
            }
            (_, Some(Value::Object(_))) => {}
            (value, Some(_)) => {
                there.insert(key, value);
            }
        }
    }
}

/// What is `there` wins; tables are merged. A null takes the value away, unless nulls are kept.
fn lay_under(there: &mut Table, under: &Table, keeps_nulls: bool) {
    for (key, value) in under {
        match there.get_mut(key) {
            None => {
                there.insert(key.clone(), value.clone());
            }
            Some(Value::Null) if !keeps_nulls => {
                there.remove(key);
            }
            Some(Value::Object(there)) => {
                if let Value::Object(value) = value {
                    lay_under(there, value, keeps_nulls);
                }
            }
            Some(_) => {}
        }
    }
}
