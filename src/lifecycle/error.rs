//! Why a step failed, on its way to becoming a chart's [`Failure`].

use crate::{
    cluster::{self, ClusterError},
    engine::Cancelled,
    event::Failure,
    helm::{Cause, HelmError},
    process::ProcessError,
    release::{LabelError, ManifestError, StoreError},
    secret::Redactor,
    stack::{ErrorClass, ExpandError},
};

use super::class;

/// A step's failure. Texts may still hold secrets; they are redacted when it becomes a
/// [`Failure`], which is the only thing that leaves the lifecycle.
#[derive(Debug, Clone, Default)]
pub struct StepError {
    /// The declared step or phase, when it is not the phase that ran (`validate/pods`).
    pub step: Option<String>,
    /// What happened, in one sentence.
    pub message: String,
    /// The cause in the failing tool's own words, by line.
    pub cause: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// It ended because the run was interrupted.
    pub cancelled: bool,
    /// What kind of failure it is, for `retry.on`; nothing counts as [`ErrorClass::Other`].
    pub class: Option<ErrorClass>,
}

impl StepError {
    /// A failure, in one sentence without a period.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// Adds the cause, in the failing tool's own words.
    #[must_use]
    pub fn cause(mut self, text: impl AsRef<str>) -> Self {
        self.cause.extend(text.as_ref().lines().map(str::to_owned));
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// Says what kind of failure it is.
    #[must_use]
    pub fn of_class(mut self, class: ErrorClass) -> Self {
        self.class = Some(class);
        self
    }

    /// What kind of failure it is.
    pub fn class(&self) -> ErrorClass {
        match self.class {
            _ if self.cancelled => ErrorClass::Kill,
            None => ErrorClass::Other,
            Some(class) => class,
        }
    }

    /// Names the declared step, unless one further in is named already.
    #[must_use]
    pub fn in_step(mut self, step: &str) -> Self {
        self.step.get_or_insert_with(|| step.to_owned());
        self
    }

    /// The failure of a chart in `phase`, with everything known as secret taken out.
    pub fn into_failure(self, phase: &str, redactor: &Redactor) -> Failure {
        let clean = |text: &String| redactor.redact(text).into_string();
        Failure {
            step: self.step.unwrap_or_else(|| phase.to_owned()),
            error: clean(&self.message),
            cause: self.cause.iter().map(clean).collect(),
            hints: self.hints.iter().map(clean).collect(),
            cancelled: self.cancelled,
            ..Failure::default()
        }
    }
}

impl std::fmt::Display for StepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.cause.iter().try_for_each(|line| write!(f, ": {line}"))
    }
}

impl std::error::Error for StepError {}

/// The messages of an error and of all its sources.
fn chain(error: &dyn std::error::Error) -> (String, Vec<String>) {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    (error.to_string(), causes)
}

impl From<Cancelled> for StepError {
    fn from(cancelled: Cancelled) -> Self {
        Self {
            cancelled: true,
            ..Self::new(cancelled.to_string())
        }
    }
}

/// What a `patch` or `scale` step sets is its own from then on.
const OWN_CONFLICT: &str = "a step of the stack has set the field (`patch`, `scale`): let the \
    chart's values set it instead, or say `force_conflicts = true` to let Helm set it back, and \
    the step set it again";

impl From<HelmError> for StepError {
    fn from(error: HelmError) -> Self {
        let by_step = format!("conflict with \"{}\"", cluster::MANAGER);
        let hint = match error.cause {
            Cause::FieldConflict if error.words.iter().any(|words| words.contains(&by_step)) => {
                Some(OWN_CONFLICT)
            }
            cause => cause.hint(),
        };
        Self {
            step: None,
            message: error.to_string(),
            hints: hint.map(str::to_owned).into_iter().collect(),
            cancelled: error.cause == Cause::Interrupted,
            class: Some(class::of_helm(error.cause)),
            cause: error.words,
        }
    }
}

impl From<ClusterError> for StepError {
    fn from(error: ClusterError) -> Self {
        let (message, cause) = chain(&error);
        let hints = error.hint().map(str::to_owned).into_iter().collect();
        Self {
            class: Some(class::of_request(&error)),
            message,
            cause,
            hints,
            ..Self::default()
        }
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cluster(error) => error.into(),
            other => {
                let (message, cause) = chain(&other);
                Self {
                    message,
                    cause,
                    ..Self::default()
                }
            }
        }
    }
}

impl From<ManifestError> for StepError {
    fn from(error: ManifestError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<LabelError> for StepError {
    fn from(error: LabelError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<ExpandError> for StepError {
    fn from(error: ExpandError) -> Self {
        Self::new(error.to_string()).of_class(ErrorClass::Template)
    }
}

impl From<ProcessError> for StepError {
    fn from(error: ProcessError) -> Self {
        let (message, cause) = chain(&error);
        let cancelled = matches!(error, ProcessError::Interrupted { .. });
        Self {
            message,
            cause,
            cancelled,
            ..Self::default()
        }
    }
}
