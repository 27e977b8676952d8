//! A chart and its subcharts, as far as CRDs go: which of them are in use depends on values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    crds::{Carried, is_crd_file},
    files::File,
    values::tree,
    yaml,
};
use crate::stack::{ChartValues, subcharts_in_use};

/// What the charts of a tree carry, and what decides which of them are in use.
#[derive(Debug)]
pub(super) struct Parts {
    tree: ChartValues,
    /// By the chart's folder in the tree (`charts/db/`; the topmost has none). Empty where nothing
    /// depends on it.
    values: BTreeMap<String, Map<String, Value>>,
    /// By the chart's folder.
    carried: BTreeMap<String, Carried>,
}

/// Whether the file at this path, in a chart or any subchart, tells something of its parts.
pub(super) fn is_of_parts(path: &str) -> bool {
    let (_, inner) = split(path);
    is_crd_file(inner) || ["Chart.yaml", "requirements.yaml", "values.yaml"].contains(&inner)
}

/// The folder of the chart a file belongs to, and the path inside that.
fn split(path: &str) -> (&str, &str) {
    let mut inner = path;
    while let Some((_, below)) = inner
        .strip_prefix("charts/")
        .and_then(|rest| rest.split_once('/'))
    {
        inner = below;
    }
    path.split_at(path.len() - inner.len())
}

impl Parts {
    /// Puts a tree together from its files; the error says what is no chart.
    pub(super) fn read(files: &[File]) -> Result<Self, String> {
        let mut parts = Self {
            tree: tree(files)?,
            values: BTreeMap::new(),
            carried: BTreeMap::new(),
        };
        for file in files {
            let (folder, inner) = split(&file.path);
            if is_crd_file(inner) {
                let carried = parts.carried.entry(folder.to_owned()).or_default();
                carried.read(file);
            }
        }
        if parts.are_conditional() {
            parts.read_values(files);
        }
        Ok(parts)
    }

    /// Whether what the chart carries depends on values.
    pub(super) fn are_conditional(&self) -> bool {
        let mut folders = self.carried.keys();
        folders.any(|folder| !folder.is_empty()) && is_conditional(&self.tree)
    }

    /// Values that cannot be read are a finding, as they decide about CRDs.
    fn read_values(&mut self, files: &[File]) {
        for file in files {
            let (folder, inner) = split(&file.path);
            if inner == "values.yaml" {
                match yaml::all(&file.bytes) {
                    Ok(documents) => {
                        let values = documents.into_iter().next().unwrap_or_default();
                        self.values.insert(folder.to_owned(), values);
                    }
                    Err(reason) => {
                        let carried = self.carried.entry(folder.to_owned()).or_default();
                        carried.unreadable(&file.path, &reason);
                    }
                }
            }
        }
    }

    /// What the chart and the subcharts in use carry under these values: each CRD once, the first
    /// wins.
    pub(super) fn carried(&self, values: &Value) -> Carried {
        let own = |chart: &ChartValues| {
            let values = self.values.get(folder(&chart.file));
            values.cloned().unwrap_or_default()
        };
        let mut all = Carried::default();
        let in_use = match subcharts_in_use(&self.tree, values, &own) {
            Ok(in_use) => in_use,
            Err(error) => {
                all.findings.push(error.to_string());
                return all;
            }
        };
        let mut seen = BTreeSet::new();
        for file in &in_use {
            let Some(carried) = self.carried.get(folder(file)) else {
                continue;
            };
            let new = carried.crds.iter().filter(|crd| seen.insert(&crd.name));
            all.crds.extend(new.cloned());
            all.findings.extend(carried.findings.iter().cloned());
        }
        // A subchart in use under two names says everything twice.
        let mut said = BTreeSet::new();
        all.findings.retain(|finding| said.insert(finding.clone()));
        all
    }
}

/// Whether any chart of the tree may be left out.
fn is_conditional(chart: &ChartValues) -> bool {
    let mut declared = chart.dependencies.iter().flatten();
    declared.any(|it| !(it.condition.is_empty() && it.tags.is_empty()))
        || chart.subcharts.iter().any(is_conditional)
}

/// Of its `values.yaml`.
fn folder(file: &str) -> &str {
    file.strip_suffix("values.yaml").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Names of the CRDs that a chart of these files carries under the values; a file in `crds/`
    /// holds one that is named like it.
    fn carried(files: &[(&str, &str)], values: &Value) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| {
                let name = path
                    .rsplit('/')
                    .next()
                    .unwrap()
                    .replace(".yaml", ".example.com");
                let text = if is_crd_file(split(path).1) {
                    crd(&name)
                } else {
                    (*text).to_owned()
                };
                File {
                    path: (*path).to_owned(),
                    bytes: text.into_bytes(),
                }
            })
            .collect();
        let carried = Parts::read(&files).unwrap().carried(values);
        let names = carried.crds.iter().map(|crd| crd.name.clone());
        let names = names.map(|name| name.replace(".example.com", ""));
        names.chain(carried.findings).collect()
    }

    fn crd(name: &str) -> String {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": name },
            "spec": { "group": "example.com", "names": { "kind": "X" }, "versions": [] },
        })
        .to_string()
    }

    const SUBS: [(&str, &str); 4] = [
        ("crds/own.yaml", ""),
        ("charts/db/Chart.yaml", "name: db\nversion: 1.2.0\n"),
        ("charts/db/crds/db.yaml", ""),
        ("charts/db/values.yaml", "on: yes\n"),
    ];

    fn with(chart: &str, values: &str, user: &Value) -> Vec<String> {
        let chart = format!("name: web\nversion: 1.0.0\n{chart}");
        let mut files = vec![("Chart.yaml", chart.as_str()), ("values.yaml", values)];
        files.extend(SUBS);
        carried(&files, user)
    }

    #[test]
    fn subcharts_bring_theirs_unless_conditions_or_tags_say_no() {
        let all = ["own", "db"];
        let own = &all[..1];
        let dependency = |more: &str| format!("dependencies: [{{name: db, version: 1.x{more}}}]\n");
        for (chart, values, user, expected) in [
            ("", "", json!(null), &all[..]),
            (&dependency(""), "", json!({}), &all),
            (&dependency(", condition: db.on"), "", json!({}), &all),
            (
                &dependency(", condition: db.on"),
                "db: {on: no}",
                json!({}),
                own,
            ),
            (
                &dependency(", condition: db.on"),
                "db: {on: no}",
                json!({"db": {"on": true}}),
                &all,
            ),
            (
                &dependency(", condition: db.on"),
                "",
                json!({"db": {"on": false}}),
                own,
            ),
            (
                &dependency(", condition: 'x,db.on'"),
                "",
                json!({"x": "no", "db": {"on": false}}),
                own,
            ),
            (
                &dependency(", condition: 'x,db.on'"),
                "x: true",
                json!({"db": {"on": false}}),
                &all,
            ),
            (&dependency(", condition: nothing"), "", json!({}), &all),
            (
                &dependency(", tags: [a, b]"),
                "tags: {a: false}",
                json!({}),
                own,
            ),
            (
                &dependency(", tags: [a, b]"),
                "tags: {a: false, b: true}",
                json!({}),
                &all,
            ),
            (
                &dependency(", tags: [a]"),
                "tags: {a: false}",
                json!({"tags": {"a": true}}),
                &all,
            ),
            (
                &dependency(", tags: [a], condition: db.on"),
                "tags: {a: false}",
                json!({}),
                &all,
            ),
            (
                &dependency(", alias: store, condition: store.on"),
                "",
                json!({"store": {"on": false}}),
                own,
            ),
            (
                &dependency(", alias: store, condition: store.on"),
                "",
                json!({"db": {"on": false}}),
                &all,
            ),
        ] {
            assert_eq!(
                with(chart, values, &user),
                expected,
                "{chart} {values} {user}"
            );
        }
    }

    #[test]
    fn nested_subcharts_see_the_values_of_those_above() {
        let files = [
            (
                "Chart.yaml",
                "name: web\nversion: 1.0.0\ndependencies: [{name: db, version: 1.0.0}]\n",
            ),
            ("values.yaml", "global: {deep: true}\n"),
            (
                "charts/db.tgz/Chart.yaml",
                "name: db\nversion: 1.0.0\ndependencies: [{name: deep, version: '*', condition: global.deep}]\n",
            ),
            ("charts/db.tgz/crds/db.yaml", ""),
            ("charts/db.tgz/values.yaml", "global: {deep: false}\n"),
            (
                "charts/db.tgz/charts/deep/Chart.yaml",
                "name: deep\nversion: 0.1.0\n",
            ),
            ("charts/db.tgz/charts/deep/crds/deep.yaml", ""),
            ("charts/_old/Chart.yaml", "name: old\nversion: 0.1.0\n"),
            ("charts/_old/crds/old.yaml", ""),
        ];
        assert_eq!(carried(&files, &json!({})), ["db", "deep"]);
        assert_eq!(
            carried(&files, &json!({ "global": { "deep": false } })),
            ["db"]
        );
        assert_eq!(
            carried(&files, &json!({ "db": { "global": { "deep": false } } })),
            ["db", "deep"]
        );
    }

    #[test]
    fn a_name_that_is_there_twice_is_carried_once() {
        let mut files = vec![("Chart.yaml", "name: web\nversion: 1.0.0\n")];
        files.extend(SUBS);
        files.push(("charts/db/crds/own.yaml", ""));
        assert_eq!(carried(&files, &json!({})), ["own", "db"]);
    }

    #[test]
    fn values_matter_only_where_they_decide() {
        assert_eq!(with("", "a: [", &json!({})), ["own", "db"]);
        let conditional = "dependencies: [{name: db, version: 1.x, condition: db.on}]\n";
        let found = with(conditional, "a: [", &json!({}));
        assert_eq!(found[..2], ["own", "db"]);
        assert!(
            found[2].starts_with("values.yaml cannot be read: "),
            "{found:?}"
        );
        let refused = with(conditional, "", &json!({ "db": 5 }));
        assert!(refused[0].contains("db"), "{refused:?}");
    }
}
