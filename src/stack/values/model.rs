//! The part of the model that makes a chart's values.

use std::{path::PathBuf, sync::Arc};

use crate::{
    diagnostic::Place,
    stack::{
        layers::origin::{Origin, Sources},
        model::DataCommand,
        template::Template,
    },
};

/// What makes a chart's values: Helm reads the files first, then one document made of the layers.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// Values files, given to Helm untouched: those before the first command.
    pub files: Vec<PathBuf>,
    /// Everything that is computed, in order, later wins: `values_files` from the first command on,
    /// `values_yaml`, `values`, `set`, `unset`, then what the command line says.
    pub layers: Vec<ValuesLayer>,
    /// The texts that the layers were said in.
    pub(crate) sources: Arc<Sources>,
}

/// One layer of computed values.
#[derive(Debug, Clone)]
pub enum ValuesLayer {
    /// What a command of `values_files` prints: a YAML document.
    Command(ValuesCommand),
    /// A values file that stands behind a command. Helm reads its files before the computed
    /// document, so it could not win over the command's values there: it becomes part of the
    /// document. Read when the values are composed.
    File(PathBuf),
    /// A tree, merged over what is there as Helm merges: tables deep, everything else replaced.
    Merge(Layer, TemplatedValue),
    /// A tree that counts if the release is installed, or if it is not.
    If(bool, TemplatedValue),
    /// One change at one path.
    Edit(Edit),
}

/// Who says something about a chart's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The chart itself, in its `values.yaml`.
    Chart,
    /// A file or a command of `values_files`.
    ValuesFiles,
    /// `values_yaml`.
    ValuesYaml,
    /// `values`.
    Values,
    /// `values_if_installed`.
    ValuesIfInstalled,
    /// `values_if_absent`.
    ValuesIfAbsent,
    /// `set`.
    Set,
    /// `unset`.
    Unset,
    /// `--values` of the command line.
    CommandLineValues,
    /// `--set` of the command line.
    CommandLineSet,
}

/// A command among `values_files`.
#[derive(Debug, Clone)]
pub struct ValuesCommand {
    /// What is run, once a run however many charts name it.
    pub command: DataCommand,
    /// Everything it prints is secret.
    pub secret: bool,
    /// Its entry, for messages.
    pub place: Option<Place>,
}

/// A JSON tree whose strings may hold `${…}`, and whose nodes know where they were said.
#[derive(Debug, Clone)]
pub struct TemplatedValue {
    /// What it is.
    pub content: Templated,
    /// Where it was said.
    pub(crate) origin: Origin,
}

/// What a [`TemplatedValue`] is.
#[derive(Debug, Clone)]
pub enum Templated {
    /// Nothing in it is to be expanded.
    Plain(serde_json::Value),
    /// A text to be expanded. One that is nothing but one `${inputs.x}` keeps the input's type.
    Text(Template),
    /// A list.
    List(Vec<TemplatedValue>),
    /// A table. Keys are taken as they stand.
    Table(Vec<(String, TemplatedValue)>),
}

/// One `set` or `unset`.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Who wants it.
    pub layer: Layer,
    /// Where, in Helm's path grammar (`a.b`, `a\.b`, `list[0].c`).
    pub path: ValuePath,
    /// The value. For `unset` a null, which reaches Helm and removes the key.
    pub value: TemplatedValue,
}

/// A parsed values path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePath(pub Vec<PathPart>);

/// One part of a [`ValuePath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// A key of a table.
    Key(String),
    /// An index of a list.
    Index(usize),
}

/// What a chart says about values itself, with the subcharts it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartValues {
    /// `name` of Chart.yaml.
    pub name: String,
    /// `version` of Chart.yaml.
    pub version: String,
    /// Path of its `values.yaml`, for people.
    pub file: String,
    /// Text of its `values.yaml`; empty without one.
    pub text: String,
    /// What it declares; `None` if it declares nothing (its subcharts are in use all the same).
    pub dependencies: Option<Vec<ChartDependency>>,
    /// The charts in its `charts/`.
    pub subcharts: Vec<Self>,
}

/// One of a chart's declared dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartDependency {
    /// Name of the subchart.
    pub name: String,
    /// Range its version must be in; anything if absent.
    pub version: Option<String>,
    /// The name it has instead.
    pub alias: Option<String>,
    /// Paths of values, the first that is a boolean decides whether it is in use.
    pub condition: Vec<String>,
    /// If one of them is false in the values' `tags`, and none true, it is not in use.
    pub tags: Vec<String>,
    /// Tables of it that become the chart's own: path there, and path here (`.` is the top).
    pub imports: Vec<(String, String)>,
}
