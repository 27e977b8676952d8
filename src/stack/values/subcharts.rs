//! Which of a chart's subcharts are in use, under which names, and what the chart imports of them:
//! what Helm settles before it renders (`ProcessDependencies`).

use serde_json::Value;

use super::{
    ValuesError,
    coalesce::{Nulls, coalesce, there, under},
    compose::unclear,
    model::{ChartDependency, ChartValues, Layer},
    said::{By, Content, Files, Said, Table},
    yaml,
};
use crate::{name::parse_version, stack::range::VersionRange};

/// A chart with the subcharts that are in use.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    /// Of its `values.yaml`.
    file: String,
    version: String,
    pub(super) values: Table,
    declared: Option<Vec<ChartDependency>>,
    pub(super) subcharts: Vec<Self>,
}

/// Which charts of a tree are in use under the values of its user: the `file` of each, the topmost
/// first, then its subcharts in Helm's order.
///
/// # Errors
/// A `values.yaml` cannot be read, or a subchart is given something else than a table of values.
pub fn subcharts_in_use(chart: &ChartValues, values: &Value) -> Result<Vec<String>, ValuesError> {
    let mut node = Node::read(chart, &mut Files::default())?;
    let values = Said::of_json(values, By::Helm, false);
    node.enable(values.as_table().unwrap_or(&Table::new()), "")?;
    let mut files = Vec::new();
    node.collect(&mut files);
    Ok(files)
}

impl Node {
    /// Reads the values of a chart and of all its subcharts.
    pub(super) fn read(chart: &ChartValues, files: &mut Files) -> Result<Self, ValuesError> {
        let bad = |error: yaml::YamlError| unclear(chart.file.as_ref(), &error);
        let tree = yaml::parse(&chart.text).map_err(bad)?;
        files.names.push((Layer::Chart, chart.file.clone()));
        let said = Said::of_yaml(&tree, files.names.len() - 1, files).map_err(bad)?;
        let values = said.as_table().cloned().unwrap_or_default();
        let subcharts = chart.subcharts.iter().map(|sub| Self::read(sub, files));
        Ok(Self {
            name: chart.name.clone(),
            file: chart.file.clone(),
            version: chart.version.clone(),
            values,
            declared: chart.dependencies.clone(),
            subcharts: subcharts.collect::<Result<_, _>>()?,
        })
    }

    fn collect(self, files: &mut Vec<String>) {
        files.push(self.file);
        for sub in self.subcharts {
            sub.collect(files);
        }
    }

    /// Takes away the subcharts that these values switch off, gives the others the names they are
    /// declared under, and imports what is declared.
    pub(super) fn settle(&mut self, values: &Table) -> Result<(), ValuesError> {
        self.enable(values, "")?;
        self.import()
    }

    /// `path` is where the chart's own table is in the values of the topmost one.
    fn enable(&mut self, values: &Table, path: &str) -> Result<(), ValuesError> {
        let Some(declared) = &mut self.declared else {
            return Ok(());
        };
        let found = |one: &ChartDependency, sub: &Self| sub.name == one.name && one.admits(sub);
        let mut subcharts = self.subcharts.clone();
        subcharts.retain(|sub| !declared.iter().any(|one| found(one, sub)));
        for one in &mut *declared {
            let sub = self.subcharts.iter().find(|sub| found(one, sub));
            if let Some(alias) = one.alias.take() {
                one.name = alias;
            }
            subcharts.extend(sub.map(|sub| Self {
                name: one.name.clone(),
                ..sub.clone()
            }));
        }
        self.subcharts = subcharts;
        let mut all = values.clone();
        coalesce(self, &mut all, Nulls::Remove)?;
        let off: Vec<String> = self
            .declared
            .iter()
            .flatten()
            .filter(|one| !one.is_enabled(&all, path))
            .map(|one| one.name.clone())
            .collect();
        self.subcharts.retain(|sub| !off.contains(&sub.name));
        if let Some(declared) = &mut self.declared {
            declared.retain(|one| !off.contains(&one.name));
        }
        for sub in &mut self.subcharts {
            let path = format!("{path}{}.", sub.name);
            sub.enable(&all, &path)?;
        }
        Ok(())
    }

    fn import(&mut self) -> Result<(), ValuesError> {
        for sub in &mut self.subcharts {
            sub.import()?;
        }
        let Some(declared) = &self.declared else {
            return Ok(());
        };
        let mut values = Table::new();
        coalesce(self, &mut values, Nulls::Keep)?;
        let mut imported = Table::new();
        for one in declared {
            for (from, to) in &one.imports {
                let path = format!("{}.{from}", one.name);
                if let Some(table) = at(&values, &path).and_then(Said::as_table) {
                    under(&mut imported, below_path(to, table.clone()), Nulls::Keep);
                }
            }
        }
        // What the chart says itself wins.
        under(&mut values, imported, Nulls::Keep);
        self.values = values;
        Ok(())
    }
}

impl ChartDependency {
    fn admits(&self, sub: &Node) -> bool {
        let Some(range) = &self.version else {
            return true;
        };
        let version = parse_version(&sub.version);
        let range = VersionRange::parse(range).ok();
        range
            .zip(version)
            .is_some_and(|(range, version)| range.matches(&version))
    }

    /// Tags, then conditions, which win.
    fn is_enabled(&self, values: &Table, path: &str) -> bool {
        let tags = there(values, "tags").and_then(Said::as_table);
        let tag = |tag: &String| as_flag(there(tags?, tag)?);
        let said: Vec<bool> = self.tags.iter().filter_map(tag).collect();
        let by_tags = said.is_empty() || said.contains(&true);
        let condition = |one: &String| as_flag(at(values, &format!("{path}{one}"))?);
        self.condition.iter().find_map(condition).unwrap_or(by_tags)
    }
}

fn as_flag(said: &Said) -> Option<bool> {
    match &said.content {
        Content::Scalar(value) => value.as_bool(),
        _ => None,
    }
}

/// What is at a path of keys with dots between them.
fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Said> {
    match path.split_once('.') {
        Some((key, rest)) => at(there(table, key)?.as_table()?, rest),
        None => there(table, path),
    }
}

/// A table with `inner` at a path of it; `.` is the table itself.
fn below_path(path: &str, inner: Table) -> Table {
    if path == "." {
        return inner;
    }
    path.rsplit('.').fold(inner, |inner, key| {
        let content = Content::Table(inner);
        let said = Said {
            content,
            ..Said::nothing()
        };
        Table::from([(key.to_owned(), said)])
    })
}
