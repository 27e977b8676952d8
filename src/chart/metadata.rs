//! Chart.yaml, and what the templates tell without rendering.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;

use super::{
    ChartError, Crd,
    crds::is_in_template,
    dependencies,
    files::{self, File},
    parts::{Parts, is_of_parts},
};
use crate::{
    digest::{Digest, Hasher, Short},
    name::parse_version,
};

/// What a run must know of a chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The folder or archive it was read from: what Helm gets.
    pub path: PathBuf,
    /// `name` of Chart.yaml.
    pub name: String,
    /// `version` of Chart.yaml.
    pub version: semver::Version,
    /// `appVersion` of Chart.yaml.
    pub app_version: Option<String>,
    /// Its hooks.
    pub hooks: Hooks,
    /// Its templates ask the cluster something (`lookup`, `.Capabilities`): rendered without one
    /// they may come out differently, or fail.
    pub looks_around: bool,
    /// Of all its files, by path and content: a folder and an archive of the same are the same.
    pub digest: Short,
    /// Its templates ask the cluster for objects (`lookup`): what they make of it may change though
    /// nothing of ours did.
    pub looks_up: bool,
    /// What its templates ask the cluster to serve (`.Capabilities.APIVersions`).
    pub asked_apis: AskedApis,
    /// The CRDs that a release of it brings, each name once: those of its `crds/` and of the
    /// subcharts that take part. Which do depends on values: on the chart's own, until
    /// [`Chart::choose_crds`] gets others.
    pub crds: Vec<Arc<Crd>>,
    /// What is in these `crds/` and cannot be applied, one sentence each.
    pub crd_findings: Vec<String>,
    /// Its templates, subcharts included, make CRDs: Helm applies these with all the rest.
    pub crds_in_templates: bool,
    parts: Arc<Parts>,
}

/// What templates ask the cluster with.
const LOOKING: [&str; 2] = ["lookup", ".Capabilities"];

/// Which hooks a chart has. Read off texts (its template sources, subcharts included, and what was
/// rendered): a hook that a condition switches off counts, which at worst lets Helm wait where we
/// could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hooks {
    /// Any hook of an install, upgrade, rollback or delete (not `test`).
    pub any: bool,
    /// Hooks that Helm runs after its wait (`post-install`, `post-upgrade`, `post-rollback`):
    /// without `--wait` they would run before the workloads are ready.
    pub after_ready: bool,
}

/// What templates ask of `.Capabilities.APIVersions`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AskedApis {
    /// Asked for by name: `GROUP/VERSION` or `GROUP/VERSION/KIND`.
    pub named: BTreeSet<String>,
    /// Asked for in some other way: any of them may matter.
    pub any: bool,
}

impl AskedApis {
    fn and_in_text(mut self, template: &str) -> Self {
        const LIST: &str = ".APIVersions";
        for (start, _) in template.match_indices(LIST) {
            let rest = &template[start + LIST.len()..];
            match named(rest) {
                Some(name) => {
                    self.named.insert(name.to_owned());
                }
                None => self.any = true,
            }
        }
        self
    }
}

/// The literal of `.Has "apps/v1"`.
fn named(rest: &str) -> Option<&str> {
    let argument = rest.strip_prefix(".Has")?.trim_start();
    let quote = argument.chars().next().filter(|c| ['"', '`'].contains(c))?;
    argument[1..].split_once(quote).map(|(name, _)| name)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChartYaml {
    name: String,
    version: String,
    #[serde(default)]
    app_version: Option<serde_json::Value>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Chart {
    /// Reads the chart in a folder or archive.
    pub fn open(path: &Path) -> Result<Self, ChartError> {
        let mut files = files::read(path, &|_| true)?;
        let digest = digest(&mut files);
        files.retain(|File { path, .. }| {
            dependencies::is_metadata(path) || is_template(path) || is_of_parts(path)
        });
        let top = files.iter().find(|file| file.path == "Chart.yaml");
        let top = top.ok_or_else(|| ChartError::NotAChart {
            path: path.to_owned(),
        })?;
        let bad = |reason: String| ChartError::Metadata {
            path: path.to_owned(),
            reason,
        };
        let text = std::str::from_utf8(&top.bytes).map_err(|error| bad(error.to_string()))?;
        let yaml: ChartYaml =
            serde_saphyr::from_str(text).map_err(|error| bad(error.to_string()))?;
        if yaml.kind.as_deref() == Some("library") {
            return Err(bad("library charts cannot be installed".into()));
        }
        let declared = dependencies::declared(&files).map_err(bad)?;
        let missing: Vec<String> = dependencies::missing(declared, &files)
            .into_iter()
            .map(|dependency| dependency.name)
            .collect();
        if !missing.is_empty() {
            return Err(ChartError::Dependencies {
                path: path.to_owned(),
                missing,
            });
        }
        let version = parse_version(&yaml.version).ok_or_else(|| {
            bad(format!(
                "version `{}` is not a semantic version",
                yaml.version
            ))
        })?;
        let templates = || {
            let templates = files.iter().filter(|file| is_template(&file.path));
            templates.map(|file| String::from_utf8_lossy(&file.bytes))
        };
        let mut chart = Self {
            path: path.to_owned(),
            name: yaml.name,
            version,
            app_version: yaml.app_version.map(|value| match value {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            }),
            hooks: templates().fold(Hooks::default(), |hooks, text| {
                hooks.or(Hooks::in_text(&text))
            }),
            looks_around: templates().any(|text| LOOKING.iter().any(|word| text.contains(word))),
            digest,
            looks_up: templates().any(|text| calls(&text, "lookup")),
            asked_apis: templates()
                .fold(AskedApis::default(), |asked, text| asked.and_in_text(&text)),
            crds: Vec::new(),
            crd_findings: Vec::new(),
            crds_in_templates: templates().any(|text| is_in_template(&text)),
            parts: Arc::new(Parts::read(&files).map_err(bad)?),
        };
        chart.choose_crds(&Value::Null);
        Ok(chart)
    }

    /// Whether [`Self::choose_crds`] may find others.
    pub fn crds_depend_on_values(&self) -> bool {
        self.parts.are_conditional()
    }

    /// Finds out which CRDs a release with these values (those of its user, merged; an object)
    /// brings: Helm's conditions and tags may leave subcharts out.
    pub fn choose_crds(&mut self, values: &Value) {
        let carried = self.parts.carried(values);
        self.crds = carried.crds;
        self.crd_findings = carried.findings;
    }
}

/// Sorts the files by path, as archives may hold them in any order.
fn digest(files: &mut [File]) -> Short {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut hasher = Hasher::new();
    for file in files {
        hasher.field(&file.path);
        hasher.field(Digest::of(&file.bytes).hex());
    }
    hasher.finish().short()
}

/// Whether a template has this function as a word of its own, with an argument after it.
fn calls(template: &str, function: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || "_.$\"".contains(c);
    template.match_indices(function).any(|(start, found)| {
        let before = template[..start].chars().next_back();
        let rest = &template[start + found.len()..];
        let argument = rest.trim_start_matches([' ', '\t']);
        before.is_none_or(|c| !is_of_word(c))
            && argument.len() < rest.len()
            && argument.starts_with(['"', '`', '(', '$', '.'])
    })
}

fn is_template(name: &str) -> bool {
    name.starts_with("templates/") || name.contains("/templates/")
}

impl Hooks {
    /// The hooks that a text (a template, or what was rendered) speaks of.
    pub fn in_text(text: &str) -> Self {
        if !text.contains("helm.sh/hook") {
            return Self::default();
        }
        let mentions = |events: &[&str]| events.iter().any(|event| text.contains(event));
        let after_ready = mentions(&["post-install", "post-upgrade", "post-rollback"]);
        let others = [
            "pre-install",
            "pre-upgrade",
            "pre-rollback",
            "pre-delete",
            "post-delete",
        ];
        Self {
            any: after_ready || mentions(&others),
            after_ready,
        }
    }

    /// The hooks of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            any: self.any || other.any,
            after_ready: self.after_ready || other.after_ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    fn chart(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, path, text.as_bytes())
                .unwrap();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&builder.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    const META: &str = "apiVersion: v2\nname: web\nversion: v1.2\nappVersion: 1.25\n";

    #[test]
    fn a_folder_tells_version_and_hooks() {
        let folder = chart(&[
            ("Chart.yaml", META),
            (
                "templates/job.yaml",
                "annotations:\n  \"helm.sh/hook\": pre-install,pre-upgrade\n",
            ),
            ("README.md", "helm.sh/hook post-install"),
        ]);
        let chart = Chart::open(folder.path()).unwrap();
        assert_eq!(
            (chart.name.as_str(), chart.version.to_string().as_str()),
            ("web", "1.2.0")
        );
        assert_eq!(chart.app_version.as_deref(), Some("1.25"));
        assert_eq!(
            chart.hooks,
            Hooks {
                any: true,
                after_ready: false
            }
        );
    }

    #[test]
    fn the_digest_is_of_every_file_and_of_how_none_is_packed() {
        let files = [
            ("web/Chart.yaml", META),
            ("web/templates/t.yaml", "a"),
            ("web/files/x", "b"),
        ];
        let folder = chart(&files);
        let of = |path: &Path| Chart::open(path).unwrap().digest;
        let web = folder.path().join("web");
        let plain = of(&web);
        let archive = folder.path().join("web.tgz");
        fs::write(&archive, packed(&[files[2], files[0], files[1]])).unwrap();
        assert_eq!(of(&archive), plain);
        fs::write(web.join("files/x"), "c").unwrap();
        let changed = of(&web);
        assert_ne!(changed, plain);
        fs::rename(web.join("files/x"), web.join("files/y")).unwrap();
        assert_ne!(of(&web), changed);
    }

    #[test]
    fn apis_are_asked_for_by_name_or_otherwise() {
        let asked = |text: &str| AskedApis::default().and_in_text(text);
        let named = |names: &[&str]| AskedApis {
            named: names.iter().map(|&name| name.to_owned()).collect(),
            any: false,
        };
        let both = r#"{{ if or (.Capabilities.APIVersions.Has "a/v1") ($.Capabilities.APIVersions.Has `b/v1/C`) }}"#;
        assert_eq!(asked(both), named(&["a/v1", "b/v1/C"]));
        assert_eq!(asked(".Capabilities.KubeVersion.Minor"), named(&[]));
        assert!(asked("{{ range .Capabilities.APIVersions }}").any);
        assert!(asked(r#".Capabilities.APIVersions.Has (printf "%s/v1" .x)"#).any);
    }

    #[test]
    fn a_lookup_is_told_from_words_like_it() {
        for (text, expected) in [
            (r#"{{ lookup "v1" "Secret" "ns" "x" }}"#, true),
            ("{{ (lookup  .Values.v $k) }}", true),
            ("dnsLookup: \"x\"", false),
            ("{{ .Values.lookup }}", false),
            ("{{/* a lookup of secrets */}}", false),
            (r#"lookup: "x""#, false),
        ] {
            assert_eq!(calls(text, "lookup"), expected, "{text}");
        }
    }

    #[test]
    fn hooks_of_packed_subcharts_count() {
        let sub = packed(&[
            ("db/Chart.yaml", "name: db\nversion: 1.0.0\n"),
            ("db/templates/j.yaml", "helm.sh/hook: post-install"),
        ]);
        let meta = format!(
            "{META}dependencies: [{{name: db, version: 1.x}}, {{name: cache, version: 1.x}}]\n"
        );
        let folder = chart(&[
            ("Chart.yaml", &meta),
            ("charts/cache/Chart.yaml", "name: cache\nversion: 1.0.0\n"),
        ]);
        let missing = Chart::open(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("misses its dependencies db:"), "{missing}");
        fs::write(folder.path().join("charts/db-1.0.0.tgz"), sub).unwrap();
        assert_eq!(
            Chart::open(folder.path()).unwrap().hooks,
            Hooks {
                any: true,
                after_ready: true
            }
        );
    }

    #[test]
    fn an_archive_reads_like_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.tgz");
        fs::write(
            &path,
            packed(&[("web/Chart.yaml", META), ("web/templates/t.yaml", "")]),
        )
        .unwrap();
        assert_eq!(
            Chart::open(&path).unwrap().version,
            semver::Version::new(1, 2, 0)
        );
        fs::write(&path, "not gzip").unwrap();
        assert!(matches!(Chart::open(&path), Err(ChartError::Read { .. })));
    }

    #[test]
    fn what_is_no_chart_says_so() {
        for (files, expected) in [
            (&[("values.yaml", "")][..], "holds no Chart.yaml"),
            (&[("Chart.yaml", "name: [")], "is not valid"),
            (
                &[("Chart.yaml", "name: a\nversion: one\n")],
                "not a semantic version",
            ),
            (
                &[("Chart.yaml", "name: a\nversion: 1.0.0\ntype: library\n")],
                "library charts",
            ),
        ] {
            let folder = chart(files);
            let error = Chart::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
