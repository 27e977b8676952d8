//! What a step does.

use std::{collections::BTreeMap, path::PathBuf};

use super::Objects;
use crate::stack::{
    model::Parse,
    template::Template,
    values::{TemplatedValue, ValuePath},
};

/// What a step does.
#[derive(Debug, Clone)]
pub enum Verb {
    /// Hands objects that were made without Helm to the release, so that Helm takes them over.
    Adopt {
        /// By name.
        objects: Vec<Objects>,
        /// One that is not there is no failure.
        optional: bool,
    },
    /// Applies objects, server-side.
    Apply {
        /// Whole objects, from files and from the stack file.
        manifests: Vec<TemplatedValue>,
        /// Takes over fields that others own.
        force: bool,
    },
    /// Patches objects.
    Patch {
        /// Which ones.
        objects: Objects,
        /// How.
        kind: PatchKind,
        /// The patch.
        patch: TemplatedValue,
        /// None is no failure.
        optional: bool,
    },
    /// Deletes objects. What is not there is no failure.
    Delete {
        /// Which ones.
        objects: Vec<Objects>,
        /// What becomes of what they own.
        propagation: Propagation,
        /// Pods only: those with a container that crashes over and over, and did so this often.
        min_restarts: Option<u32>,
        /// Until they are gone, or others have taken their names.
        wait_gone: bool,
    },
    /// Sets the number of replicas, through the kind's `scale` subresource.
    Scale {
        /// Which ones.
        objects: Objects,
        /// A number, or a text that refers to one.
        replicas: TemplatedValue,
        /// Until as many are ready.
        wait_rollout: bool,
        /// None is no failure.
        optional: bool,
    },
    /// Replaces the pods of workloads, as `kubectl rollout restart`.
    Restart {
        /// Which ones.
        objects: Vec<Objects>,
        /// Until the new pods are ready.
        wait_rollout: bool,
        /// None is no failure.
        optional: bool,
    },
    /// Runs a command: payload on stdin, `STACKCTL_*` and `KUBECONFIG` in its environment; a JSON
    /// object on its stdout becomes the payload. Non-zero exit fails the step.
    Run(Run),
    /// Takes a value from the cluster or from a command into the payload, for later texts
    /// (`${capture.NAME}`) and `when = { changed = NAME }`.
    Capture {
        /// Its name; a chart has it once.
        name: String,
        /// What is taken.
        source: CaptureSource,
        /// Taken instead if the object or its field is not there.
        default: Option<TemplatedValue>,
        /// Its SHA-256 is taken, not the value itself.
        hash: bool,
        /// Never shown. What comes from a Secret never is.
        secret: bool,
    },
    /// Waits until something is so, up to the step's timeout.
    Wait {
        /// Of which objects.
        objects: Objects,
        /// What.
        until: Until,
    },
    /// All that are named are there; at least one matches.
    Exists {
        /// Which ones.
        objects: Vec<Objects>,
    },
    /// None is there.
    Absent {
        /// Which ones.
        objects: Vec<Objects>,
    },
    /// As many match.
    Count {
        /// Which ones.
        objects: Objects,
        /// How many.
        count: Count,
    },
    /// A field has this value, in every object.
    Equals {
        /// Which ones.
        objects: Objects,
        /// The field.
        field: ValuePath,
        /// Its value.
        value: TemplatedValue,
    },
    /// A list has this item, a text this part, a table these keys. Of several objects the fields
    /// are the list.
    Contains {
        /// Which ones.
        objects: Objects,
        /// The field.
        field: ValuePath,
        /// What must be in it; of a list each item.
        value: TemplatedValue,
    },
    /// All pods that match must be Ready (or Succeeded), and at least `min` must match.
    Pods {
        /// Which ones.
        objects: Objects,
        /// At least this many must match; never 0.
        min: u32,
    },
    /// An HTTP request must be answered as said.
    Http {
        /// Where to send it.
        target: HttpTarget,
        /// Expected status; default any 2xx.
        status: Option<u16>,
        /// A text the body must hold.
        body: Option<Template>,
    },
    /// `helm test`.
    HelmTest {
        /// Names of the tests to run; none: all.
        filter: Vec<String>,
        /// Show what the tests printed.
        logs: bool,
    },
}

/// A command of a step.
#[derive(Debug, Clone)]
pub struct Run {
    /// Program and arguments. A text in the file becomes `["sh", "-c", text]`.
    pub command: Vec<Template>,
    /// Folder of the file that says it: it runs there.
    pub dir: PathBuf,
    /// Additional environment.
    pub env: BTreeMap<String, Template>,
}

/// How a patch is meant: the patch types of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// JSON merge patch: tables deep, everything else replaced, null removes.
    Merge,
    /// Strategic merge patch: lists are merged by their keys. Built-in kinds only.
    Strategic,
    /// JSON patch: a list of operations.
    Json,
}

/// `propagation`: what becomes of what a deleted object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// Deleted after it.
    #[default]
    Background,
    /// Deleted before it.
    Foreground,
    /// Left alone.
    Orphan,
}

/// What a `capture` step takes.
#[derive(Debug, Clone)]
pub enum CaptureSource {
    /// A field of one object.
    Field {
        /// The object, by name.
        objects: Objects,
        /// The field.
        field: ValuePath,
    },
    /// What a command prints.
    Command {
        /// The command.
        run: Run,
        /// How its output is read.
        parse: Parse,
    },
}

/// What a `wait` step waits for.
#[derive(Debug, Clone)]
pub enum Until {
    /// A condition of the status has this status, in every object.
    Condition {
        /// Its type (`Available`).
        name: String,
        /// `True` unless said otherwise.
        status: String,
    },
    /// A field has this value, in every object.
    Field {
        /// The field.
        field: ValuePath,
        /// Its value.
        value: TemplatedValue,
    },
    /// None is there any more.
    Gone,
    /// Every one is what its spec says.
    Rollout,
    /// As many match.
    Count(Count),
}

/// How many objects must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// At least.
    pub min: u32,
    /// At most; none: no limit.
    pub max: Option<u32>,
}

impl Count {
    /// Whether a number of objects is right.
    pub fn holds(self, n: usize) -> bool {
        let at_most = |max| n <= max as usize;
        n >= self.min as usize && self.max.is_none_or(at_most)
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (min, None) => write!(f, "at least {min}"),
            (min, Some(max)) if min == max => write!(f, "exactly {min}"),
            (min, Some(max)) => write!(f, "{min} to {max}"),
        }
    }
}

/// Where an `http` check goes.
#[derive(Debug, Clone)]
pub enum HttpTarget {
    /// Straight to a URL (http or https).
    Url(Template),
    /// To a Service, through the API server's proxy: works from outside the cluster.
    Service {
        /// Name of the Service.
        service: Template,
        /// Where; default the release's namespace.
        namespace: Option<Template>,
        /// Port number or name.
        port: String,
        /// Path, starting with `/`.
        path: Template,
    },
}

/// What kind of verb it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerbGroup {
    /// Changes the cluster.
    Change,
    /// Reads it, or waits for it.
    Look,
    /// Fails if something is not as it should be.
    Check,
    /// A command: nobody knows.
    Command,
}

impl Verb {
    /// Words of all verbs, by group, in the order of the documentation.
    pub const WORDS: [&str; 17] = [
        "adopt",
        "apply",
        "patch",
        "delete",
        "scale",
        "restart",
        "run",
        "capture",
        "wait",
        "exists",
        "absent",
        "count",
        "equals",
        "contains",
        "pods",
        "http",
        "helm_test",
    ];

    /// The word in the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Adopt { .. } => "adopt",
            Self::Apply { .. } => "apply",
            Self::Patch { .. } => "patch",
            Self::Delete { .. } => "delete",
            Self::Scale { .. } => "scale",
            Self::Restart { .. } => "restart",
            Self::Run(_) => "run",
            Self::Capture { .. } => "capture",
            Self::Wait { .. } => "wait",
            Self::Exists { .. } => "exists",
            Self::Absent { .. } => "absent",
            Self::Count { .. } => "count",
            Self::Equals { .. } => "equals",
            Self::Contains { .. } => "contains",
            Self::Pods { .. } => "pods",
            Self::Http { .. } => "http",
            Self::HelmTest { .. } => "helm_test",
        }
    }

    /// What kind of verb it is.
    pub fn group(&self) -> VerbGroup {
        match self {
            Self::Adopt { .. }
            | Self::Apply { .. }
            | Self::Patch { .. }
            | Self::Delete { .. }
            | Self::Scale { .. }
            | Self::Restart { .. } => VerbGroup::Change,
            Self::Run(_) => VerbGroup::Command,
            Self::Capture { .. } | Self::Wait { .. } => VerbGroup::Look,
            Self::Exists { .. }
            | Self::Absent { .. }
            | Self::Count { .. }
            | Self::Equals { .. }
            | Self::Contains { .. }
            | Self::Pods { .. }
            | Self::Http { .. }
            | Self::HelmTest { .. } => VerbGroup::Check,
        }
    }

    /// Whether it may have to wait for the cluster, or for what it starts.
    pub fn takes_time(&self) -> bool {
        match self {
            Self::Run(_)
            | Self::Wait { .. }
            | Self::Delete { .. }
            | Self::Scale { .. }
            | Self::Restart { .. }
            | Self::HelmTest { .. } => true,
            Self::Capture { source, .. } => matches!(source, CaptureSource::Command { .. }),
            _ => false,
        }
    }
}
