//! The validated stack: what the rest of the program works with. It cannot be wrong in itself.
//!
//! Built only by `validate` (see [`crate::stack`]); immutable after that. Text that may hold
//! `${…}` is kept as [`Template`], since inputs are resolved once, after the whole stack is known
//! to be sound, and never for `check`.

mod apply;
mod objects;
mod released;
mod steps;
mod verbs;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use indexmap::IndexMap;

pub use self::{apply::*, objects::*, steps::*, verbs::*};
use crate::{
    diagnostic::Place,
    name::{ChartName, EnvironmentName, Milestone, Namespace, ReleaseId, StackName},
    stack::{range::VersionRange, template::Template, values::Values},
};

/// A whole stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// `[stack] name`: the identity, in labels and lease, with the environment.
    pub name: StackName,
    /// The environment that was chosen.
    pub environment: Option<EnvironmentName>,
    /// The file it came from, as given (`-` for standard input).
    pub file: String,
    /// Folder the stack file's relative paths start from. Files it includes have their own.
    pub root: PathBuf,
    /// Which Helm versions may run it (`[stack] helm`).
    pub helm: Option<VersionRange>,
    /// Where the lease lives.
    pub state_namespace: Namespace,
    /// Which cluster it is for.
    pub cluster: ClusterGuard,
    /// How to run it.
    pub settings: Settings,
    /// Declared inputs.
    pub inputs: BTreeMap<String, Input>,
    /// Namespaces with something to say about them.
    pub namespaces: BTreeMap<Namespace, NamespaceSpec>,
    /// `[repositories]` by name.
    pub repositories: BTreeMap<String, RepositorySpec>,
    /// Enabled charts by name, in the order of the file.
    pub charts: IndexMap<ChartName, Chart>,
}

/// `[stack.cluster]`.
#[derive(Debug, Clone, Default)]
pub struct ClusterGuard {
    /// Context to use unless the command line says otherwise.
    pub context: Option<String>,
    /// Patterns (`*` matches anything) a context name or server URL must match; empty allows all.
    pub allow: Vec<String>,
}

/// `[settings]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Helm processes at once; `None` = from the number of cores, 0 = no limit.
    pub concurrency: Option<usize>,
    /// What a failure does to the rest.
    pub failure_policy: FailurePolicy,
    /// When a chart may start.
    pub schedule: Schedule,
    /// Revisions Helm keeps per release; charts may say otherwise. Default 10, as Helm's; 0 = all.
    pub history_max: u32,
}

/// `failure_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// Start nothing new, let what runs finish.
    #[default]
    Stop,
    /// Branches that do not depend on the failed chart go on.
    Continue,
    /// As `Stop`; then what the run has changed is taken back. On the way down only `Stop`.
    Rollback,
}

/// `schedule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Schedule {
    /// A chart starts the moment what it needs is there.
    #[default]
    Eager,
    /// A chart starts when the whole wave before it has ended.
    Waves,
}

/// One `[inputs]` entry.
#[derive(Debug, Clone)]
pub struct Input {
    /// Value when nothing else gives one. Any TOML value but a date.
    pub default: Option<serde_json::Value>,
    /// Environment variable that gives it.
    pub env: Option<String>,
    /// Command that gives it, when neither the command line nor the environment does. Never
    /// together with a default.
    pub command: Option<DataCommand>,
    /// How the command's output is read; so is a text given in its stead.
    pub parse: Parse,
    /// Never shown.
    pub secret: bool,
    /// Its declaration, for messages.
    pub place: Option<Place>,
}

/// `parse`: what the output of an input's command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parse {
    /// A text, without the white space around it.
    #[default]
    Text,
    /// One JSON value.
    Json,
    /// One YAML document, in which Helm and YAML 1.2 must agree on every value.
    Yaml,
}

/// A command of the stack file whose standard output is data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataCommand {
    /// Program and arguments; nothing in them is left to be expanded.
    pub words: Vec<String>,
    /// Folder of the file that says it: it runs there.
    pub dir: PathBuf,
    /// Its deadline.
    pub timeout: Duration,
}

/// `[namespaces.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceSpec {
    /// Labels set on it.
    pub labels: BTreeMap<String, String>,
    /// Annotations set on it.
    pub annotations: BTreeMap<String, String>,
}

/// One entry of `[repositories]`.
#[derive(Debug, Clone)]
pub struct RepositorySpec {
    /// `https://…`, `http://…` or `oci://…`.
    pub url: String,
    /// User for HTTP basic authentication or the registry.
    pub username: Option<Template>,
    /// Its password; secret whatever it is made of.
    pub password: Option<Template>,
    /// PEM file with the certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate chain.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the client's private key.
    pub key_file: Option<PathBuf>,
    /// Send user and password to whatever host the index or a redirect names.
    pub pass_credentials: bool,
    /// Talk to an OCI registry without TLS.
    pub plain_http: bool,
    /// Its declaration, for messages.
    pub place: Option<Place>,
}

/// One chart, installed as one release.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Key of its table.
    pub name: ChartName,
    /// Namespace and release name.
    pub release: ReleaseId,
    /// Where the chart is.
    pub source: ChartSource,
    /// `version`: which one is fetched, or what Chart.yaml on disk must say (`1.2.3`, or a range).
    pub version: Option<VersionRange>,
    /// `fetch = "late"`: what has to be fetched of it is fetched when its turn comes, after what it
    /// needs, not before the run.
    pub late: bool,
    /// Hard edges.
    pub needs: Vec<Need>,
    /// Soft edges: order only.
    pub after: Vec<Need>,
    /// What `up` does with it.
    pub intent: Intent,
    /// For `-l`. `name` is always there, too (the chart's name).
    pub labels: BTreeMap<String, String>,
    /// `down` refuses it without `--include-protected`.
    pub protected: bool,
    /// Everything that makes its values.
    pub values: Values,
    /// Deadline of one operation (exec, ready); Helm's `--timeout` is the same.
    pub timeout: Duration,
    /// Of everything that is done to it, from its start on; none: no limit beside those of its
    /// operations and steps. The failure hook and a rollback come on top.
    pub deadline: Option<Duration>,
    /// How often exec is tried, with getting ready after it.
    pub retry: Retry,
    /// Who waits for its workloads.
    pub wait: Wait,
    /// When a failed exec is taken back.
    pub rollback_on_failure: RollbackOnFailure,
    /// `skip_unchanged`: whether nothing is done to it when nothing of it has changed. Default: yes,
    /// unless its templates look at the cluster's objects (`lookup`).
    pub skip_unchanged: Option<bool>,
    /// `skip_if_installed`: Helm leaves a release alone that is `deployed`, whatever the chart.
    pub skip_if_installed: bool,
    /// `post_renderer`: what Helm pipes the rendered manifests through.
    pub post_renderer: Option<DataCommand>,
    /// What is done with live objects of its kinds before it goes.
    pub on_live_objects: LiveObjects,
    /// How Helm brings its objects to the cluster.
    pub apply: Apply,
    /// What is done about an operation on the release that is not ours and does not end.
    pub unlock: Unlock,
    /// How old it must be for [`Unlock::Stale`].
    pub unlock_after: Duration,
    /// What is done with the CRDs it carries.
    pub crds: CrdPolicy,
    /// Uninstall first if the installed chart is older than this.
    pub reinstall_below: Option<ReinstallBelow>,
    /// Revisions Helm keeps; 0 = all.
    pub history_max: u32,
    /// What charts that need this one may refer to.
    pub outputs: BTreeMap<String, Output>,
    /// Declared lifecycle steps.
    pub steps: Steps,
    /// Its table's header, for messages.
    pub place: Option<Place>,
}

impl Chart {
    /// Whether something of it depends on whether its release was installed before.
    pub fn asks_whether_installed(&self) -> bool {
        let mut steps = self.steps.iter();
        self.values.are_conditional() || steps.any(|step| step.when.installed.is_some())
    }

    /// Whether CRDs that it carries are brought into the cluster.
    pub fn brings_crds(&self) -> bool {
        self.intent == Intent::Deploy && self.crds != CrdPolicy::Skip
    }
}

/// Where a chart comes from. Paths are absolute or relative to the current folder, never to the
/// stack file any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartSource {
    /// A folder with a Chart.yaml.
    Folder(PathBuf),
    /// A packed chart.
    Archive(PathBuf),
    /// A chart of one of [`Stack::repositories`].
    Repository {
        /// Name of the repository.
        repository: String,
        /// The chart's name there.
        name: String,
    },
    /// `oci://…`: a chart of a registry.
    Oci(String),
    /// `https://….tgz`: a packed chart at an address.
    Url(String),
}

impl ChartSource {
    /// Where it is, if it is on this machine.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::Folder(path) | Self::Archive(path) => Some(path),
            Self::Repository { .. } | Self::Oci(_) | Self::Url(_) => None,
        }
    }
}

impl std::fmt::Display for ChartSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) | Self::Archive(path) => path.display().fmt(f),
            Self::Repository { repository, name } => write!(f, "{repository}/{name}"),
            Self::Oci(address) | Self::Url(address) => f.write_str(address),
        }
    }
}

/// An edge: wait for `chart` to reach `until`.
#[derive(Debug, Clone)]
pub struct Need {
    /// The chart waited for. Always one of the stack's.
    pub chart: ChartName,
    /// How far it must have come.
    pub until: Milestone,
    /// The item in the file.
    pub place: Option<Place>,
}

/// `action` in the stack file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Intent {
    /// Install or upgrade.
    #[default]
    Deploy,
    /// `up` removes it.
    Destroy,
    /// Everything but exec runs.
    Skip,
}

/// `wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// `true`: stackctl watches the workloads (charts whose hooks need it are left to Helm).
    #[default]
    Watch,
    /// `"helm"`: Helm's own `--wait`, then stackctl's check of the same workloads.
    Helm,
    /// `false`: nobody waits; `ready` is reached with `deployed`.
    No,
}

/// `rollback_on_failure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RollbackOnFailure {
    /// Leave it failed.
    #[default]
    Never,
    /// Roll back a failed upgrade; leave a failed first install for inspection.
    Upgrades,
    /// Roll back a failed upgrade, uninstall a failed first install.
    Always,
}

/// `unlock`: whether an operation on the release that somebody else began, and that is still not
/// done when the chart's timeout is over, may be taken for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unlock {
    /// No: the chart fails, and says what can be done.
    #[default]
    Never,
    /// Once it is older than `unlock_after`.
    Stale,
    /// At once, without waiting.
    Always,
}

/// `crds`: what is done with the CRDs in a chart's `crds/` folder and in those of its subcharts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CrdPolicy {
    /// Applied before the chart, whenever they are not as it carries them.
    #[default]
    Upgrade,
    /// Applied where they are missing, left alone where they are there: what Helm itself does.
    Create,
    /// Left alone: somebody else brings them.
    Skip,
}

/// `on_live_objects`: objects of the kinds that a chart defines, when the chart is uninstalled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveObjects {
    /// What is done with them.
    pub policy: OnLiveObjects,
    /// Names of CRDs that count as the chart's, although another one brings them.
    pub crds: Vec<String>,
}

/// What is done with live objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLiveObjects {
    /// They stay, with a warning.
    #[default]
    Ignore,
    /// The chart stays, too: it fails.
    Refuse,
    /// They are deleted, and gone before the chart goes.
    Delete,
}

/// `reinstall_below`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReinstallBelow {
    /// Installed charts strictly older than this are uninstalled first.
    pub version: semver::Version,
    /// Consent when the release holds claims, CRDs or namespaces.
    pub accept_data_loss: bool,
}
