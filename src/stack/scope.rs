//! What `${…}` stands for: the values templates are expanded with.

use std::{borrow::Cow, collections::BTreeMap};

use crate::stack::{
    model::DataCommand,
    template::{Late, Reference},
};

/// What references expand to: resolved inputs, the environment, and what one chart knows of the
/// cluster.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Inputs by name. Those without a value are absent.
    pub inputs: BTreeMap<String, Resolved>,
    /// The process's environment.
    pub env: BTreeMap<String, String>,
    /// What the commands among `values_files` printed.
    pub documents: BTreeMap<DataCommand, serde_json::Value>,
    /// Whether the chart's release is installed (a revision is `deployed`): which of its
    /// `values_if_installed` and `values_if_absent` count. Different for each chart; without a
    /// cluster no release is.
    pub installed: bool,
    /// What was read from the cluster. Different for each chart.
    pub late: BTreeMap<Late, Resolved>,
}

/// The value of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Any JSON value.
    pub value: serde_json::Value,
    /// Never shown.
    pub secret: bool,
}

/// A `${…}` that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// Neither `--input`, nor its `env`, nor a default gives it.
    #[error("input `{0}` has no value: give it with `--input {0}=…`")]
    Input(String),
    /// Not in the environment.
    #[error("environment variable `{0}` is not set")]
    Env(String),
    /// Not read from the cluster, or not yet.
    #[error("`${{{reference}}}` is not known{}", reference.why())]
    Late {
        /// What the text refers to.
        reference: Late,
    },
}

impl Scope {
    /// The value of a reference.
    ///
    /// # Errors
    /// It has none.
    pub fn get(&self, reference: &Reference) -> Result<Cow<'_, Resolved>, ExpandError> {
        match reference {
            Reference::Input(name) => {
                let input = self.inputs.get(name).map(Cow::Borrowed);
                input.ok_or_else(|| ExpandError::Input(name.clone()))
            }
            Reference::Env(name) => {
                let value = self.env.get(name);
                let value = value.ok_or_else(|| ExpandError::Env(name.clone()))?;
                Ok(Cow::Owned(Resolved {
                    value: value.as_str().into(),
                    secret: is_secret_env(name),
                }))
            }
            Reference::Late(late) => {
                let found = self.late.get(late).map(Cow::Borrowed);
                found.ok_or_else(|| ExpandError::Late {
                    reference: late.clone(),
                })
            }
        }
    }
}

impl Late {
    /// Why there may be no value.
    fn why(&self) -> &'static str {
        match self {
            Self::Capture(_) => ": the step that captures it did not run",
            Self::Output(..) => " before a chart that refers to it starts",
        }
    }
}

/// Whether the name of an environment variable says that its value must not be seen.
pub fn is_secret_env(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "token", "secret"]
        .iter()
        .any(|word| name.contains(word))
}
