//! Stacks for unit tests, from a few words.

use std::path::PathBuf;

use indexmap::IndexMap;

use crate::{
    name::{ChartName, Milestone, Namespace, ReleaseId, ReleaseName, StackName},
    stack::{Chart, ChartSource, ClusterGuard, Need, Settings, Stack},
};

/// A stack named `shop` of charts `(name, edges)`. An edge is a need as in a stack file (`db`,
/// `db:ready`), or with `~` before it an `after`.
pub(crate) fn stack(charts: &[(&str, &[&str])]) -> Stack {
    let charts = charts.iter().map(|(name, edges)| {
        let chart = chart(name, edges);
        (chart.name.clone(), chart)
    });
    Stack {
        name: StackName::new("shop").unwrap(),
        environment: None,
        file: "stack.toml".into(),
        root: PathBuf::from("."),
        helm: None,
        state_namespace: Namespace::new("default").unwrap(),
        cluster: ClusterGuard::default(),
        settings: Settings {
            concurrency: None,
            failure_policy: crate::stack::FailurePolicy::default(),
            schedule: crate::stack::Schedule::default(),
            history_max: 10,
        },
        inputs: std::collections::BTreeMap::default(),
        repositories: std::collections::BTreeMap::default(),
        namespaces: std::collections::BTreeMap::default(),
        charts: charts.collect::<IndexMap<_, _>>(),
    }
}

fn chart(name: &str, edges: &[&str]) -> Chart {
    let (after, needs): (Vec<&str>, _) = edges.iter().partition(|edge| edge.starts_with('~'));
    let release = ReleaseId {
        namespace: Namespace::new("shop").unwrap(),
        name: ReleaseName::new(name).unwrap(),
    };
    Chart {
        source: ChartSource::Folder(PathBuf::from(format!("./charts/{name}"))),
        needs: needs.into_iter().map(need).collect(),
        after: after.into_iter().map(|edge| need(&edge[1..])).collect(),
        ..Chart::released(ChartName::new(name).unwrap(), release)
    }
}

fn need(edge: &str) -> Need {
    let (chart, until) = edge.split_once(':').unwrap_or((edge, "validated"));
    let until = Milestone::NAMEABLE
        .into_iter()
        .find(|m| m.as_str() == until);
    Need {
        chart: ChartName::new(chart).unwrap(),
        until: until.unwrap(),
        place: None,
    }
}
