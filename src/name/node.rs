//! The nodes of a plan: a chart, or a chart's CRDs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ChartName, InvalidName};

/// Which part of a chart a node is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The CRDs it carries, which come before it.
    Crds,
    /// Its release.
    Chart,
}

/// One node of a plan. As text, and so in events and JSON, `cert-manager` or `cert-manager:crds`:
/// no chart's name holds a `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName {
    /// The chart.
    pub chart: ChartName,
    /// What of it.
    pub part: Part,
}

/// What stands behind the name of a CRD node's chart.
const CRDS: &str = ":crds";

impl NodeName {
    /// The node of the chart's CRDs.
    pub fn crds(chart: ChartName) -> Self {
        let part = Part::Crds;
        Self { chart, part }
    }

    /// Whether it is about a chart's CRDs.
    pub fn is_crds(&self) -> bool {
        self.part == Part::Crds
    }
}

impl From<ChartName> for NodeName {
    fn from(chart: ChartName) -> Self {
        let part = Part::Chart;
        Self { chart, part }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Chart => self.chart.fmt(f),
            Part::Crds => f.pad(&format!("{}{CRDS}", self.chart)),
        }
    }
}

impl FromStr for NodeName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.strip_suffix(CRDS) {
            Some(chart) => Ok(Self::crds(ChartName::new(chart)?)),
            None => Ok(ChartName::new(text)?.into()),
        }
    }
}

impl TryFrom<String> for NodeName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_reads_back_what_it_writes_and_crds_come_first() {
        let chart = ChartName::new("db").unwrap();
        let nodes = [NodeName::crds(chart.clone()), chart.into()];
        assert!(nodes[0] < nodes[1]);
        let json = serde_json::to_string(&nodes).unwrap();
        assert_eq!(json, r#"["db:crds","db"]"#);
        assert_eq!(serde_json::from_str::<Vec<NodeName>>(&json).unwrap(), nodes);
        assert_eq!(format!("{:10}|", nodes[0]), "db:crds   |");
        for bad in ["", ":crds", "db:", "db:ready", "db:crds:crds"] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad}");
        }
    }
}
