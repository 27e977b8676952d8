//! Why no plan can be made.

use super::CyclicPlan;
use crate::name::ChartName;

/// A run that would do harm or could not end well, refused before it starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `down` met charts that are `protected`.
    #[error("{} protected", is_are(.0))]
    Protected(Vec<ChartName>),
    /// Charts of the run need charts outside of it that are not deployed.
    #[error("{}", missing(.0))]
    NeedsMissing(Vec<MissingNeed>),
    /// Charts to be removed are needed by installed charts outside the run.
    #[error("{}", each(.0, ", which is installed and not part of this run"))]
    DependentsInstalled(Vec<Barred>),
    /// Charts with `action = "destroy"` are needed by charts that stay.
    #[error("{}", each(.0, ", but the stack file says to destroy it"))]
    StillNeeded(Vec<Barred>),
    /// Charts to be removed are needed by installed charts with `action = "skip"`, which stay.
    #[error("{}", each(.0, ", which is installed and stays: the stack file says to skip it"))]
    NeededBySkipped(Vec<Barred>),
    /// Mixing removals and deployments turned edges into a cycle.
    #[error("removals and deployments of this run cannot be put in an order: {0}")]
    Cyclic(CyclicPlan),
}

impl PlanError {
    /// What to do about it, when there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Protected(_) => {
                Some("select charts without what is protected, or say --include-protected")
            }
            Self::NeedsMissing(_) => Some("--with-needs adds what is missing to the run"),
            Self::DependentsInstalled(_) => {
                Some("--with-dependents adds what depends on it to the run")
            }
            Self::NeededBySkipped(_) => {
                Some("leave what it needs out of the run, or take `action = \"skip\"` off it")
            }
            Self::StillNeeded(_) | Self::Cyclic(_) => None,
        }
    }
}

/// A need outside the run that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// One part a chart; needs of a chart in the same state are said together.
fn missing(needs: &[MissingNeed]) -> String {
    let groups = needs.chunk_by(|a, b| a.chart == b.chart && a.state == b.state);
    let parts = groups.map(|group| {
        let names: Vec<String> = group.iter().map(|one| format!("`{}`", one.need)).collect();
        let (chart, state) = (&group[0].chart, &group[0].state);
        let each = if names.len() > 1 { "each of " } else { "" };
        format!(
            "`{chart}` needs {}, {each}which is not part of this run and {state}",
            names.join(", ")
        )
    });
    parts.collect::<Vec<_>>().join("; ")
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
