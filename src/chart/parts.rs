//! A chart and its subcharts, as far as CRDs go: which of them are in use depends on values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    crds::{Carried, is_crd_file},
    files::File,
    values::tree,
};
use crate::stack::{ChartValues, ValuesError, subcharts_in_use};

/// What the charts of a tree carry, and what decides which of them are in use.
#[derive(Debug)]
pub(super) struct Parts {
    tree: ChartValues,
    /// By the chart's folder in the tree (`charts/db/`; the topmost has none).
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
        let mut carried = BTreeMap::<String, Carried>::new();
        for file in files {
            let (folder, inner) = split(&file.path);
            if is_crd_file(inner) {
                carried.entry(folder.to_owned()).or_default().read(file);
            }
        }
        let tree = tree(files)?;
        Ok(Self { tree, carried })
    }

    /// Whether what the chart carries depends on values.
    pub(super) fn are_conditional(&self) -> bool {
        let mut folders = self.carried.keys();
        folders.any(|folder| !folder.is_empty()) && is_conditional(&self.tree)
    }

    /// What the chart and the subcharts in use carry under these values: each CRD once, the first
    /// wins.
    pub(super) fn carried(&self, values: &Value) -> Carried {
        let mut all = Carried::default();
        let in_use = match self.in_use(values) {
            Ok(in_use) => in_use,
            Err(error) => {
                all.findings.push(error.to_string());
                return all;
            }
        };
        let mut seen = BTreeSet::new();
        for carried in in_use.iter().filter_map(|folder| self.carried.get(folder)) {
            let new = carried.crds.iter().filter(|crd| seen.insert(&crd.name));
            all.crds.extend(new.cloned());
            all.findings.extend(carried.findings.iter().cloned());
        }
        // A subchart in use under two names says everything twice.
        let mut said = BTreeSet::new();
        all.findings.retain(|finding| said.insert(finding.clone()));
        all
    }

    /// Folders of the charts in use. Values are read only if they matter.
    fn in_use(&self, values: &Value) -> Result<Vec<String>, ValuesError> {
        if !self.are_conditional() {
            return Ok(self.carried.keys().cloned().collect());
        }
        let files = subcharts_in_use(&self.tree, values)?;
        let folder = |file: String| file.trim_end_matches("values.yaml").to_owned();
        Ok(files.into_iter().map(folder).collect())
    }
}

/// Whether any chart of the tree may be left out.
fn is_conditional(chart: &ChartValues) -> bool {
    let mut declared = chart.dependencies.iter().flatten();
    declared.any(|it| !(it.condition.is_empty() && it.tags.is_empty()))
        || chart.subcharts.iter().any(is_conditional)
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
        ("charts/db/values.yaml", "use: yes\n"),
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
            (&dependency(", condition: db.use"), "", json!({}), &all),
            (
                &dependency(", condition: db.use"),
                "db: {use: no}",
                json!({}),
                own,
            ),
            (
                &dependency(", condition: db.use"),
                "db: {use: no}",
                json!({"db": {"use": true}}),
                &all,
            ),
            (
                &dependency(", condition: db.use"),
                "",
                json!({"db": {"use": false}}),
                own,
            ),
            (
                &dependency(", condition: 'x,db.use'"),
                "",
                json!({"x": "no", "db": {"use": false}}),
                own,
            ),
            (
                &dependency(", condition: 'x,db.use'"),
                "x: true",
                json!({"db": {"use": false}}),
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
                &dependency(", tags: [a], condition: db.use"),
                "tags: {a: false}",
                json!({}),
                &all,
            ),
            (
                &dependency(", alias: store, condition: store.use"),
                "",
                json!({"store": {"use": false}}),
                own,
            ),
            (
                &dependency(", alias: store, condition: store.use"),
                "",
                json!({"db": {"use": false}}),
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
        let conditional = "dependencies: [{name: db, version: 1.x, condition: db.use}]\n";
        let found = with(conditional, "a: [", &json!({}));
        assert!(found[0].starts_with("values.yaml, line 1: "), "{found:?}");
        let refused = with(conditional, "", &json!({ "db": 5 }));
        assert!(refused[0].contains("db"), "{refused:?}");
    }
}
