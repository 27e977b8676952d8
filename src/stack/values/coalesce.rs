//! Lays a chart's own values under those it is given, as Helm does before it renders: a null takes
//! a key of the chart away, subcharts get their tables and the globals.
//!
//! Compared with helm 3.22 and 4.3 on charts that are made up (`tests/cluster/values.rs`). Two
//! things are otherwise there: what a chart says deep inside its globals Helm tells the other
//! charts, too (they share the tables), and what becomes of the nulls in charts' own values depends
//! on Helm's version.

use super::{
    ValuesError,
    said::{By, Content, Said, Table},
    subcharts::Node,
};

/// The table that all subcharts share.
const GLOBAL: &str = "global";

/// Whether a null stays: it does as long as the values of a subchart are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    Remove,
    Keep,
}

/// Puts a chart's values, and those of its subcharts, below `values`.
pub(super) fn coalesce(chart: &Node, values: &mut Table, nulls: Nulls) -> Result<(), ValuesError> {
    below(chart, values, nulls, true)
}

fn below(chart: &Node, values: &mut Table, nulls: Nulls, is_top: bool) -> Result<(), ValuesError> {
    for (key, own) in &chart.values {
        own_value(chart, values, (key, own), nulls, is_top);
    }
    for sub in &chart.subcharts {
        let globals = there(values, GLOBAL).cloned();
        if there(values, &sub.name).is_none() {
            values.insert(sub.name.clone(), Said::nothing());
        }
        let table = values.get_mut(&sub.name).and_then(Said::as_table_mut);
        let table = table.ok_or_else(|| ValuesError::NoTable {
            subchart: sub.name.clone(),
        })?;
        share(globals, table);
        below(sub, table, nulls, false)?;
    }
    Ok(())
}

/// Puts one key of a chart below what is there.
fn own_value(
    chart: &Node,
    values: &mut Table,
    (key, own): (&String, &Said),
    nulls: Nulls,
    is_top: bool,
) {
    // The nulls of a subchart's own values say nothing.
    let without_nulls = nulls == Nulls::Remove && !is_top;
    let Some(value) = there_mut(values, key) else {
        if !(without_nulls && own.is_null()) {
            let mut own = own.clone();
            if without_nulls {
                drop_nulls(&mut own);
            }
            values.insert(key.clone(), own);
        }
        return;
    };
    if value.is_null() && nulls == Nulls::Remove {
        value.content = Content::Removed;
    } else if let (Some(given), Some(own_table)) = (value.as_table_mut(), own.as_table()) {
        let is_subchart = chart.subcharts.iter().any(|sub| sub.name == *key);
        let nulls = if is_subchart { Nulls::Keep } else { nulls };
        let mut own_table = own_table.clone();
        if nulls == Nulls::Remove && !is_top {
            drop_nulls_of(&mut own_table);
        }
        under(given, own_table, nulls);
    }
}

/// Puts a table below another one.
pub(super) fn under(over: &mut Table, below: Table, nulls: Nulls) {
    for (key, own) in below {
        let Some(given) = there_mut(over, &key) else {
            over.insert(key, own);
            continue;
        };
        if given.is_null() {
            if nulls == Nulls::Remove && !own.is_null() {
                given.content = Content::Removed;
            }
        } else if let (Some(given), Content::Table(own)) = (given.as_table_mut(), own.content) {
            under(given, own, nulls);
        }
    }
}

/// Gives a subchart the globals: what the chart above says wins.
fn share(globals: Option<Said>, table: &mut Table) {
    let globals = globals.map_or_else(|| Some(Table::new()), |said| said.as_table().cloned());
    let known = there(table, GLOBAL).map_or_else(|| Some(Table::new()), |s| s.as_table().cloned());
    let (Some(globals), Some(mut shared)) = (globals, known) else {
        return;
    };
    for (key, value) in globals.into_iter().filter(|(_, said)| !said.is_removed()) {
        match (value.as_table(), there(&shared, &key)) {
            (Some(above), Some(known)) => {
                if let Some(known) = known.as_table().cloned() {
                    let mut merged = above.clone();
                    under(&mut merged, known, Nulls::Keep);
                    let content = Content::Table(merged);
                    shared.insert(key, Said { content, ..value });
                }
            }
            (None, Some(known)) if known.as_table().is_some() => {}
            _ => {
                shared.insert(key, value);
            }
        }
    }
    let content = Content::Table(shared);
    match table.get_mut(GLOBAL) {
        Some(said) if !said.is_removed() => said.content = content,
        _ => {
            let by = By::Helm;
            let secret = false;
            table.insert(
                GLOBAL.to_owned(),
                Said {
                    content,
                    by,
                    secret,
                },
            );
        }
    }
}

/// What is at a key; what was taken away is not there.
pub(super) fn there<'a>(table: &'a Table, key: &str) -> Option<&'a Said> {
    table.get(key).filter(|said| !said.is_removed())
}

fn there_mut<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Said> {
    table.get_mut(key).filter(|said| !said.is_removed())
}

fn drop_nulls(said: &mut Said) {
    if let Some(table) = said.as_table_mut() {
        drop_nulls_of(table);
    }
}

fn drop_nulls_of(table: &mut Table) {
    table.retain(|_, said| !said.is_null());
    table.values_mut().for_each(drop_nulls);
}
