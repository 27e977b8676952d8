//! Why no plan can be made.

use super::CyclicPlan;
use crate::name::ChartName;

/// A run that would do harm or could not end well, refused before it starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `down` met charts that are `protected`.
    #[error(
        "{} protected: leave {} out, or say --include-protected",
        is_are(.0), it_them(.0)
    )]
    Protected(Vec<ChartName>),
    /// Charts of the run need charts outside of it that are not deployed.
    #[error("{}; add what is missing to the run (--with-needs does)", each(.0, ""))]
    NeedsMissing(Vec<MissingNeed>),
    /// Charts to be removed are needed by installed charts outside the run.
    #[error(
        "{}; add what depends on it to the run (--with-dependents does)",
        each(.0, ", which is installed and not part of this run")
    )]
    DependentsInstalled(Vec<Barred>),
    /// Charts with `action = "destroy"` are needed by charts that stay.
    #[error("{}", each(.0, ", but the stack file says to destroy it"))]
    StillNeeded(Vec<Barred>),
    /// Mixing removals and deployments turned edges into a cycle.
    #[error("removals and deployments of this run cannot be put in an order: {0}")]
    Cyclic(CyclicPlan),
}

/// A need outside the run that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{chart}` needs `{need}`, which is not part of this run and {state}")]
pub struct MissingNeed {
    /// The chart of the run.
    pub chart: ChartName,
    /// What it needs.
    pub need: ChartName,
    /// What the cluster says of it: `is not installed`, `is failed (revision 3)`.
    pub state: String,
}

/// A removal that something stands against.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{chart}` is needed by `{dependent}`")]
pub struct Barred {
    /// The chart to be removed.
    pub chart: ChartName,
    /// The chart that needs it.
    pub dependent: ChartName,
}

fn each<T: ToString>(items: &[T], what: &str) -> String {
    let each = items.iter().map(|item| item.to_string() + what);
    each.collect::<Vec<_>>().join("; ")
}

fn is_are(charts: &[ChartName]) -> String {
    let names: Vec<String> = charts.iter().map(|name| format!("`{name}`")).collect();
    let verb = if charts.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

fn it_them(charts: &[ChartName]) -> &'static str {
    if charts.len() == 1 { "it" } else { "them" }
}
