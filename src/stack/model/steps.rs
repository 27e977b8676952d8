//! The part of the model that is about a chart's steps.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::{diagnostic::Place, name::Action, stack::template::Template};

/// Steps a file declares for one chart.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// Before exec.
    pub pre: Vec<Step>,
    /// After the workloads are ready.
    pub post: Vec<Step>,
    /// Last; a failure stops the graph.
    pub validate: Vec<Step>,
    /// When exec failed.
    pub on_failure: Vec<Step>,
}

/// One declared step.
#[derive(Debug, Clone)]
pub struct Step {
    /// For people: `name`, else the verb; made unique in its phase (`run`, `run-2`).
    pub name: String,
    /// What it does.
    pub verb: Verb,
    /// `when = { action = […] }`: the actions it runs for. Default: all but uninstall.
    pub actions: Vec<Action>,
    /// Deadline of one attempt. Default for `run` the chart's own (scripts migrate databases), for
    /// checks one minute.
    pub timeout: Duration,
    /// How often it is tried.
    pub retry: Retry,
    /// Where it is declared.
    pub place: Option<Place>,
}

/// `retry = { attempts, delay }`. One attempt means no retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in total, at least 1.
    pub attempts: u32,
    /// Pause between two.
    pub delay: Duration,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Verb {
    /// Runs a command: payload on stdin, `STACKCTL_*` and `KUBECONFIG` in its environment; a JSON
    /// object on its stdout becomes the payload. Non-zero exit fails the step.
    Run {
        /// Program and arguments. A text in the file becomes `["sh", "-c", text]`.
        command: Vec<Template>,
        /// Folder of the file that says it: it runs there.
        dir: PathBuf,
        /// Additional environment.
        env: BTreeMap<String, Template>,
    },
    /// All pods that match must be Ready (or Succeeded), and at least `min` must match.
    Pods {
        /// Label selector, as Kubernetes writes it.
        selector: Template,
        /// Where; default the release's namespace.
        namespace: Option<Template>,
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
}

impl Verb {
    /// The word in the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Pods { .. } => "pods",
            Self::Http { .. } => "http",
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
