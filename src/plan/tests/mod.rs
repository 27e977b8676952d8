//! Plans from stacks, as a user sees them.

mod crds;
mod rollback;

use super::*;
use crate::{
    graph::{Graph, Request, fixture},
    lock::Verdict,
    name::{Action, Direction, ReleaseStatus},
    stack::{Intent, Stack},
};

fn shop() -> Stack {
    fixture::stack(&[
        ("web", &["api", "~loki"]),
        ("api", &["db", "cache:ready"]),
        ("db", &[]),
        ("cache", &[]),
        ("loki", &["db:deployed"]),
    ])
}

/// The cluster with these releases at revision 3.
fn cluster(stack: &Stack, releases: &[(&str, ReleaseStatus)]) -> Observed {
    let releases = releases.iter().map(|&(chart, status)| {
        let release = ObservedRelease {
            revision: 3,
            status,
            marks: Marks::default(),
            chart_version: None,
            created: None,
            verdict: Verdict::Free,
        };
        (stack.charts[chart].release.clone(), release)
    });
    Observed {
        releases: releases.collect(),
        ..Observed::default()
    }
}

fn all(names: &[&str]) -> Request {
    Request {
        names: names.iter().map(ToString::to_string).collect(),
        ..Request::default()
    }
}

fn up(
    stack: &Stack,
    names: &[&str],
    releases: &[(&str, ReleaseStatus)],
) -> Result<Plan, PlanError> {
    let graph = Graph::new(stack);
    let selection = graph.select(&all(names)).unwrap();
    let observed = cluster(stack, releases);
    Plan::up(&graph, &selection, &observed, &Known::default())
}

fn down(
    stack: &Stack,
    names: &[&str],
    releases: &[(&str, ReleaseStatus)],
    include_protected: bool,
) -> Result<Plan, PlanError> {
    let graph = Graph::new(stack);
    let selection = graph.select(&all(names)).unwrap();
    let observed = cluster(stack, releases);
    let removal = Removal {
        include_protected,
        ..Removal::default()
    };
    Plan::down(&graph, &selection, &observed, &Known::default(), removal)
}

const DEPLOYED: ReleaseStatus = ReleaseStatus::Deployed;

#[test]
fn the_way_up_as_text() {
    let stack = shop();
    let graph = Graph::new(&stack);
    let selection = graph.select(&all(&["web", "api", "db", "loki"])).unwrap();
    let observed = cluster(
        &stack,
        &[("cache", DEPLOYED), ("db", ReleaseStatus::Failed)],
    );
    let contents = Contents {
        version: Some("1.2.3".into()),
        ..Contents::default()
    };
    let known = Known {
        context: Some("prod-eu".into()),
        contents: [(stack.charts["db"].name.clone(), contents)].into(),
        ..Known::default()
    };
    let plan = Plan::up(&graph, &selection, &observed, &known).unwrap();
    insta::assert_snapshot!(text(&plan), @"
    stack      shop
    direction  up
    cluster    prod-eu
    selected   4 of 5 charts: web, api, db, loki
    left out   cache

    wave 1
      db    upgrade  shop/db    ./charts/db 1.2.3
            revision 3 is failed

    wave 2
      api   install  shop/api   ./charts/api
            not installed; waits for db
      loki  install  shop/loki  ./charts/loki
            not installed; waits for db:deployed

    wave 3
      web   install  shop/web   ./charts/web
            not installed; waits for api; after loki

    critical path  db -> api -> web

    3 to install, 1 to upgrade
    ");
}

#[test]
fn the_way_down_as_text_is_reversed_after_included() {
    let stack = shop();
    let plan = down(&stack, &[], &[("db", DEPLOYED), ("web", DEPLOYED)], false).unwrap();
    insta::assert_snapshot!(text(&plan), @"
    stack      shop
    direction  down
    cluster    the one this runs in
    selected   all 5 charts

    wave 1
      web    uninstall  shop/web    ./charts/web
             revision 3 is deployed

    wave 2
      api    uninstall  shop/api    ./charts/api
             not installed; only its clean-up steps run; waits for web
      loki   uninstall  shop/loki   ./charts/loki
             not installed; only its clean-up steps run; after web

    wave 3
      db     uninstall  shop/db     ./charts/db
             revision 3 is deployed; waits for api, loki
      cache  uninstall  shop/cache  ./charts/cache
             not installed; only its clean-up steps run; waits for api

    critical path  web -> api -> db

    5 to uninstall
    ");
}

#[test]
fn offline_says_so() {
    let stack = shop();
    let graph = Graph::new(&stack);
    let selection = graph.select(&all(&["db", "cache"])).unwrap();
    for direction in [Direction::Up, Direction::Down] {
        let (removal, known) = (Removal::default(), Known::default());
        let plan = Plan::offline(&graph, &selection, direction, removal, &known).unwrap();
        assert!(plan.offline);
        let expected = match direction {
            Direction::Up => Action::Install,
            Direction::Down | Direction::Rollback => Action::Uninstall,
        };
        assert!(plan.nodes.iter().all(|node| node.action == expected));
        assert!(text(&plan).contains("not looked at (offline)"));
    }
}

#[test]
fn json_is_what_its_doc_says() {
    let stack = shop();
    let plan = down(&stack, &["web", "api"], &[("web", DEPLOYED)], false).unwrap();
    let found: serde_json::Value = serde_json::from_str(&json(&plan)).unwrap();
    let expected = serde_json::json!({
        "stack": "shop", "environment": null, "direction": "down", "context": null,
        "waves": [["web"], ["api"]],
        "charts": [
            {"name": "web", "release": "web", "namespace": "shop", "chart": "./charts/web",
             "version": null, "action": "uninstall", "reason": "revision 3 is deployed",
             "needs": [], "wave": 0},
            {"name": "api", "release": "api", "namespace": "shop", "chart": "./charts/api",
             "version": null, "action": "uninstall",
             "reason": "not installed; only its clean-up steps run",
             "needs": [{"chart": "web", "until": "gone"}], "wave": 1},
        ],
        "critical_path": ["web", "api"], "expected_ms": null, "warnings": [], "kept_crds": [],
    });
    assert_eq!(found, expected);
}

#[test]
fn destroyed_charts_go_after_their_destroyed_dependents_and_keep_their_place_for_after() {
    let mut stack = fixture::stack(&[
        ("new", &["~old"]),
        ("last", &["~new", "db"]),
        ("old", &["old-db"]),
        ("old-db", &["db"]),
        ("db", &[]),
    ]);
    for chart in ["old", "old-db", "last"] {
        stack.charts[chart].intent = Intent::Destroy;
    }
    let plan = up(&stack, &[], &[("old", DEPLOYED)]).unwrap();
    let told: Vec<String> = plan
        .nodes
        .iter()
        .map(|node| {
            let waits = node.waits.iter().map(|wait| {
                let soft = if wait.soft { "~" } else { "" };
                format!(" {soft}{}:{}", plan.node(wait.on).key, wait.until)
            });
            format!("{} {}{}", node.action, node.key, waits.collect::<String>())
        })
        .collect();
    assert_eq!(
        told,
        [
            "uninstall old",
            "install db",
            "install new ~old:gone",
            "uninstall old-db old:gone",
            "uninstall last ~new:validated",
        ]
    );
}

#[test]
fn a_run_that_cannot_end_well_is_refused_with_every_reason() {
    let mut protected = shop();
    protected.charts["db"].protected = true;
    protected.charts["api"].protected = true;
    let mut needed = shop();
    needed.charts["db"].intent = Intent::Destroy;
    let refused = |result: Result<Plan, PlanError>| result.unwrap_err().to_string();
    let failed = ReleaseStatus::Failed;
    for (error, expected) in [
        (
            refused(up(&shop(), &["api", "loki"], &[("db", failed)])),
            "`api` needs `db`, which is not part of this run and is failed (revision 3); `api` \
             needs `cache`, which is not part of this run and is not installed; `loki` needs \
             `db`, which is not part of this run and is failed (revision 3)",
        ),
        (
            refused(up(&shop(), &["api"], &[])),
            "`api` needs `db`, `cache`, each of which is not part of this run and is not installed",
        ),
        (
            refused(down(
                &shop(),
                &["db"],
                &[("loki", failed), ("api", ReleaseStatus::Uninstalled)],
                false,
            )),
            "`db` is needed by `loki`, which is installed and not part of this run",
        ),
        (
            refused(down(&protected, &[], &[], false)),
            "`api`, `db` are protected",
        ),
        (
            refused(up(&needed, &["web", "db"], &[])),
            "`db` is needed by `api`, but the stack file says to destroy it; `db` is needed by \
             `loki`, but the stack file says to destroy it",
        ),
    ] {
        assert_eq!(error, expected);
    }
    assert!(down(&protected, &[], &[], true).is_ok());
    let web = down(&shop(), &["web"], &[("api", DEPLOYED)], false);
    assert!(web.is_ok(), "nothing needs web");
}

#[test]
fn removals_and_installs_that_wait_for_each_other_are_an_error() {
    // As declared: low, then mid, then high. Destroying both ends turns their edge round.
    let mut stack = fixture::stack(&[("low", &[]), ("mid", &["~low"]), ("high", &["~mid", "low"])]);
    for chart in ["low", "high"] {
        stack.charts[chart].intent = Intent::Destroy;
    }
    let error = up(&stack, &[], &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "removals and deployments of this run cannot be put in an order: charts wait for each \
         other: low, mid, high"
    );
}

#[test]
fn learned_durations_are_weights_and_the_unknown_count_as_their_mean() {
    let stack = shop();
    let graph = Graph::new(&stack);
    let selection = graph.select(&Request::default()).unwrap();
    let of = |chart: &str, action| (stack.charts[chart].name.clone().into(), action);
    let known = Known {
        durations: [
            (of("db", Action::Install), 1_000),
            (of("loki", Action::Install), 5_000),
            (of("api", Action::Install), 0),
            // Not what this plan does to it.
            (of("web", Action::Upgrade), 90_000),
        ]
        .into(),
        ..Known::default()
    };
    let plan = Plan::offline(
        &graph,
        &selection,
        Direction::Up,
        Removal::default(),
        &known,
    )
    .unwrap();
    let weights: Vec<_> = plan
        .nodes
        .iter()
        .map(|n| (n.key.to_string(), n.weight))
        .collect();
    assert_eq!(
        weights,
        [
            ("db", 1_000),
            ("cache", 2_000),
            ("api", 1),
            ("loki", 5_000),
            ("web", 2_000)
        ]
        .map(|(name, weight)| (name.to_owned(), weight))
    );
    let path: Vec<_> = plan
        .critical_path
        .iter()
        .map(|&ix| plan.node(ix).key.to_string())
        .collect();
    assert_eq!(path, ["db", "loki", "web"]);
    assert_eq!(plan.expected_ms, Some(8_000));
    let text = crate::plan::text(&plan);
    let told = "critical path  db -> loki -> web (about 8s, as in earlier runs)";
    assert!(text.contains(told), "{text}");
}
