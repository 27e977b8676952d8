//! Plans that take a failed run back.

use super::*;
use crate::name::{Namespace, ReleaseId, ReleaseName, RunId};

fn reversal(name: &str, action: Action, reason: &str) -> Reversal {
    Reversal {
        key: name.parse().unwrap(),
        release: ReleaseId {
            namespace: Namespace::new("shop").unwrap(),
            name: ReleaseName::new(name.trim_end_matches(":crds")).unwrap(),
        },
        action,
        reason: reason.to_owned(),
    }
}

fn rollback(reversals: Vec<Reversal>) -> Plan {
    let stack = shop();
    let graph = Graph::new(&stack);
    let of = RunId::new("20261122t163501-ab12cd").unwrap();
    Plan::rollback(&graph, &of, reversals, Some("prod-eu".into()))
}

#[test]
fn dependents_go_back_first_also_by_way_of_charts_that_did_not_change() {
    let plan = rollback(vec![
        reversal("db", Action::Rollback, "to revision 3"),
        reversal("gone", Action::Blocked, "the stack has no such chart"),
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
      gone     blocked    shop/gone  -
               the stack has no such chart

    wave 2
      loki     skip       shop/loki  ./charts/loki
               reinstalled by this run; after web

    wave 3
      db       rollback   shop/db    ./charts/db
               to revision 3; after web, loki

    critical path  web -> loki -> db

    1 to uninstall, 1 to roll back, 1 skipped, 1 blocked; CRDs: 1 skipped
    ");
    assert!(
        plan.nodes
            .iter()
            .flat_map(|node| &node.waits)
            .all(|wait| wait.soft)
    );
}
