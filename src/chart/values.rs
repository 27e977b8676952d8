//! What a chart says about values itself, subcharts included.

use std::{collections::BTreeSet, path::Path};

use serde::Deserialize;

use super::{
    ChartError, dependencies,
    files::{self, File},
};
use crate::stack::{ChartDependency, ChartValues};

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    dependencies: Option<Vec<Declared>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Declared {
    name: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    alias: Option<String>,
    #[serde(default)]
    condition: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    import_values: Option<Vec<Import>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Import {
    Export(String),
    Table { child: String, parent: String },
}

/// Reads the values of the chart in a folder or archive, and of the subcharts it holds. `called`
/// is what people call the folder or archive.
///
/// # Errors
/// It is no chart. What is in `values.yaml` is not looked at.
pub fn values(path: &Path, called: &str) -> Result<ChartValues, ChartError> {
    let files = files::read(path, &|name| {
        let (_, file) = name.rsplit_once('/').unwrap_or(("", name));
        [
            "Chart.yaml",
            "requirements.yaml",
            "values.yaml",
            "values.schema.json",
        ]
        .contains(&file)
    })?;
    if !files.iter().any(|file| file.path == "Chart.yaml") {
        let path = path.to_owned();
        return Err(ChartError::NotAChart { path });
    }
    let mut chart = tree(&files).map_err(|reason| ChartError::Metadata {
        path: path.to_owned(),
        reason,
    })?;
    call(&mut chart, called);
    Ok(chart)
}

/// Puts a chart together from its files. `file` of each chart is its path in the topmost.
pub(super) fn tree(files: &[File]) -> Result<ChartValues, String> {
    read(files, "")
}

/// The chart whose files are below a prefix.
fn read(files: &[File], prefix: &str) -> Result<ChartValues, String> {
    let find = |name: &str| {
        let mut found = files.iter();
        found.find(|file| file.path.strip_prefix(prefix) == Some(name))
    };
    let file = |name: &str| format!("{prefix}{name}");
    let metadata =
        find("Chart.yaml").ok_or_else(|| format!("{} is missing", file("Chart.yaml")))?;
    let Metadata { name, version } = dependencies::parse(metadata)?;
    let mut declared = None;
    for name in ["Chart.yaml", "requirements.yaml"] {
        if let Some(found) = find(name) {
            let list: List =
                dependencies::parse(found).map_err(|e| format!("{}: {e}", file(name)))?;
            declared = declared.or(list.dependencies);
        }
    }
    let text = |name| find(name).map(|file| String::from_utf8_lossy(&file.bytes).into_owned());
    let subcharts = subcharts(files, prefix).into_iter();
    Ok(ChartValues {
        file: format!("{prefix}values.yaml"),
        name,
        version,
        text: text("values.yaml").unwrap_or_default(),
        schema: text("values.schema.json").unwrap_or_default(),
        dependencies: declared.map(|all| all.into_iter().map(dependency).collect()),
        subcharts: subcharts
            .map(|prefix| read(files, &prefix))
            .collect::<Result<_, _>>()?,
    })
}

fn call(chart: &mut ChartValues, called: &str) {
    chart.file = format!("{called}/{}", chart.file);
    for sub in &mut chart.subcharts {
        call(sub, called);
    }
}

/// Prefixes of the charts in a chart's `charts/`. Helm passes over names that begin with `_` or
/// `.`.
fn subcharts(files: &[File], prefix: &str) -> Vec<String> {
    let charts = format!("{prefix}charts/");
    let inside = files.iter().filter_map(|file| {
        let (folder, _) = file.path.strip_prefix(&charts)?.split_once('/')?;
        let is_hidden = folder.starts_with(['_', '.']);
        (!is_hidden).then(|| format!("{charts}{folder}/"))
    });
    inside.collect::<BTreeSet<_>>().into_iter().collect()
}

fn dependency(said: Declared) -> ChartDependency {
    let paths = |text: String| -> Vec<String> {
        let paths = text.trim().split(',');
        let paths = paths.filter(|path| !path.is_empty());
        paths.map(str::to_owned).collect()
    };
    let import = |one: Import| match one {
        Import::Export(name) => (format!("exports.{name}"), ".".to_owned()),
        Import::Table { child, parent } => (child, parent),
    };
    ChartDependency {
        name: said.name,
        version: said.version.filter(|version| !version.is_empty()),
        alias: said.alias.filter(|alias| !alias.is_empty()),
        condition: said.condition.map(paths).unwrap_or_default(),
        tags: said.tags.unwrap_or_default(),
        imports: said
            .import_values
            .into_iter()
            .flatten()
            .map(import)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_tells_its_values_and_those_of_its_subcharts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let meta = "name: web\nversion: 1.0.0\ndependencies:\n\
                    - {name: db, version: 1.x, alias: store, condition: 'store.on,db.on', tags: [data],\n\
                       import-values: [port, {child: a, parent: b.c}]}\n";
        write("Chart.yaml", meta);
        write("values.yaml", "a: 1\n");
        write("charts/db/Chart.yaml", "name: db\nversion: 1.2.0\n");
        write("charts/db/values.yaml", "b: 2\n");
        write(
            "charts/db/charts/deep/Chart.yaml",
            "name: deep\nversion: 0.1.0\n",
        );
        write("charts/_off/Chart.yaml", "name: off\nversion: 1.0.0\n");
        write("templates/values.yaml", "no: values\n");
        let found = values(folder.path(), "./web").unwrap();
        assert_eq!(
            (found.file.as_str(), found.text.as_str()),
            ("./web/values.yaml", "a: 1\n")
        );
        let [declared] = found.dependencies.as_deref().unwrap() else {
            panic!("one is declared")
        };
        assert_eq!(declared.alias.as_deref(), Some("store"));
        assert_eq!(declared.condition, ["store.on", "db.on"]);
        let import = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            declared.imports,
            [import("exports.port", "."), import("a", "b.c")]
        );
        let [db] = found.subcharts.as_slice() else {
            panic!("one is in use")
        };
        assert_eq!(
            (db.file.as_str(), db.text.as_str()),
            ("./web/charts/db/values.yaml", "b: 2\n")
        );
        assert_eq!(db.dependencies, None);
        assert_eq!(db.subcharts[0].name, "deep");
        std::fs::write(folder.path().join("Chart.yaml"), "name: [").unwrap();
        assert!(matches!(
            values(folder.path(), "./web"),
            Err(ChartError::Metadata { .. })
        ));
    }
}
