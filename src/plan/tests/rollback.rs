//! Plans that take a failed run back.

use super::*;
use crate::name::{ChartName, Namespace, ReleaseId, ReleaseName, RunId};

fn reversal(name: &str, action: Action, reason: &str) -> Reversal {
    Reversal {
        key: name.parse().unwrap(),
        release: ReleaseId {
            namespace: Namespace::new("shop").unwrap(),
            name: ReleaseName::new(name.trim_end_matches(":crds")).unwrap(),
        },
        action,
        reason: reason.to_owned(),
        after: std::collections::BTreeSet::new(),
    }
}

/// With the order of the stack.
fn rollback(mut reversals: Vec<Reversal>) -> Plan {
    let stack = shop();
    let names: Vec<ChartName> = reversals.iter().map(|one| one.key.chart.clone()).collect();
    let mut before = taken_back_before(&Graph::new(&stack), names.iter());
    for one in reversals.iter_mut().filter(|one| !one.key.is_crds()) {
        one.after = before.remove(&one.key.chart).unwrap_or_default();
    }
    plan(reversals)
}

fn plan(reversals: Vec<Reversal>) -> Plan {
    let of = RunId::new("20261122t163501-ab12cd").unwrap();
    Plan::rollback(&shop(), &of, reversals, Some("prod-eu".into()))
}

#[test]
fn dependents_go_back_first_also_by_way_of_charts_that_did_not_change() {
    let plan = rollback(vec![
        reversal("db", Action::Rollback, "to revision 3"),
        reversal("gone", Action::Rollback, "to revision 1"),
        reversal("web", Action::Uninstall, "installed by this run"),
        reversal("db:crds", Action::Skip, "applied by this run"),
        reversal("loki", Action::Skip, "reinstalled by this run"),
    ]);
    insta::assert_snapshot!(text(&plan), @"
    stack      shop
    direction  rollback
    cluster    prod-eu
    selected   what run 20261122t163501-ab12cd has changed

    wave 1
      web      uninstall  shop/web   ./charts/web
               installed by this run
      db:crds  skip       CRDs       ./charts/db
               applied by this run
      gone     rollback   shop/gone  -
               to revision 1

    wave 2
      loki     skip       shop/loki  ./charts/loki
               reinstalled by this run; after web

    wave 3
      db       rollback   shop/db    ./charts/db
               to revision 3; after web, loki

    critical path  web -> loki -> db

    1 to uninstall, 2 to roll back, 1 skipped; CRDs: 1 skipped
    ");
    assert!(
        plan.nodes
            .iter()
            .flat_map(|node| &node.waits)
            .all(|wait| wait.soft)
    );
}

#[test]
fn an_order_that_is_a_circle_is_none() {
    let after = |name: &str, other: &str| Reversal {
        after: [ChartName::new(other).unwrap()].into(),
        ..reversal(name, Action::Rollback, "to revision 1")
    };
    let plan = plan(vec![after("db", "web"), after("web", "db")]);
    assert_eq!(plan.nodes.len(), 2);
    assert!(plan.nodes.iter().all(|node| node.waits.is_empty()));
}
