//! How a stack file names objects of the cluster: the same way wherever it does.

use crate::stack::{
    template::Template,
    values::{TemplatedValue, ValuePath},
};

/// Objects of one kind.
#[derive(Debug, Clone)]
pub struct Objects {
    /// `kind`, in any way kubectl knows it: `Deployment`, `deployments`, `deploy`.
    pub kind: String,
    /// `api_version`: `apps/v1`. Needed only where several groups have such a kind.
    pub api_version: Option<String>,
    /// `namespace`. Means nothing for a kind that has none.
    pub within: Within,
    /// Which of them.
    pub which: Which,
}

/// `outputs.NAME` of a chart: a field of a live object, for the texts of charts that need it.
#[derive(Debug, Clone)]
pub struct Output {
    /// The object, by name.
    pub objects: Objects,
    /// The field.
    pub field: ValuePath,
    /// Never shown. What comes from a Secret never is.
    pub secret: bool,
}

/// Where objects are looked for.
#[derive(Debug, Clone)]
pub enum Within {
    /// The release's namespace: where nothing is said.
    Release,
    /// That namespace.
    Namespace(Template),
    /// `namespace = "*"`: all of them.
    Everywhere,
}

/// Which objects of a kind.
#[derive(Debug, Clone)]
pub enum Which {
    /// `object`: those with these names; at least one.
    Named(Vec<Template>),
    /// `selector` and `where`: those with such labels whose fields have these values. With
    /// neither, all of the kind (`all = true`).
    Matching {
        /// A label selector, as Kubernetes writes it.
        selector: Option<Template>,
        /// Fields, and the values these must have.
        fields: Vec<(ValuePath, TemplatedValue)>,
    },
}
