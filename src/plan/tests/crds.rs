//! CRD nodes, as a user sees them.

use std::collections::BTreeMap;

use super::*;
use crate::{
    name::{ChartName, EnvironmentName, StackName},
    stack::CrdPolicy,
};

/// What charts carry: `chart version: name=digest …`.
fn contents(carried: &[&str]) -> Known {
    let of_chart = |text: &&str| {
        let (head, crds) = text.split_once(':').unwrap();
        let (name, version) = head.split_once(' ').unwrap();
        let crds = crds.split_whitespace().map(|crd| {
            let (name, digest) = crd.split_once('=').unwrap();
            CrdContent {
                name: name.to_owned(),
                digest: digest.to_owned(),
            }
        });
        let contents = Contents {
            version: Some(version.to_owned()),
            crds: crds.collect(),
            ..Contents::default()
        };
        (ChartName::new(name).unwrap(), contents)
    };
    Known {
        contents: carried.iter().map(of_chart).collect(),
        ..Known::default()
    }
}

/// CRDs of the cluster: `name=digest`, or `name=` for one that others changed last.
fn served(crds: &[&str]) -> BTreeMap<String, ObservedCrd> {
    let of_text = |text: &&str| {
        let (name, digest) = text.split_once('=').unwrap();
        let crd = ObservedCrd {
            digest: (!digest.is_empty()).then(|| digest.to_owned()),
            ..ObservedCrd::default()
        };
        (name.to_owned(), crd)
    };
    crds.iter().map(of_text).collect()
}

fn plan_up(stack: &Stack, known: &Known, crds: &[&str]) -> Plan {
    let graph = Graph::new(stack);
    let selection = graph.select(&Request::default()).unwrap();
    let observed = Observed {
        crds: served(crds),
        ..Observed::default()
    };
    Plan::up(&graph, &selection, &observed, known).unwrap()
}

/// Two charts that use each other's kinds, and one that uses both.
fn platform() -> Stack {
    fixture::stack(&[
        ("certs", &["metrics:crds"]),
        ("metrics", &["certs"]),
        ("issuers", &["certs:crds", "~metrics:crds", "metrics:ready"]),
    ])
}

const CARRIED: [&str; 3] = [
    "certs 1.18.2: certificates=c1 issuers=i1",
    "metrics 66.0.0: monitors=m1",
    "issuers 0.1.0:",
];

/// Nodes with their waits, one a line.
fn told(plan: &Plan) -> String {
    let told = plan.nodes.iter().map(|node| {
        let waits = node.waits.iter().map(|wait| {
            let soft = if wait.soft { "~" } else { "" };
            format!(" {soft}{}->{}", plan.node(wait.on).key, wait.until)
        });
        let waits: String = waits.collect();
        format!("{} {}{waits}", node.action, node.key)
    });
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_cluster_gets_the_crds_first_whoever_uses_them() {
    let stack = platform();
    let plan = plan_up(&stack, &contents(&CARRIED), &[]);
    insta::assert_snapshot!(text(&plan), @"
    stack      shop
    direction  up
    cluster    the one this runs in
    selected   all 3 charts

    wave 1
      certs:crds    install  2 CRDs        ./charts/certs 1.18.2
                    its 2 CRDs are not there
      metrics:crds  install  1 CRD         ./charts/metrics 66.0.0
                    its CRD is not there

    wave 2
      certs         install  shop/certs    ./charts/certs 1.18.2
                    not installed; waits for certs:crds, metrics:crds

    wave 3
      metrics       install  shop/metrics  ./charts/metrics 66.0.0
                    not installed; waits for metrics:crds, certs

    wave 4
      issuers       install  shop/issuers  ./charts/issuers 0.1.0
                    not installed; waits for certs:crds, metrics:ready; after metrics:crds

    critical path  certs:crds -> certs -> metrics -> issuers

    3 to install; CRDs: 2 to install
    ");
    let found: serde_json::Value = serde_json::from_str(&json(&plan)).unwrap();
    let expected = serde_json::json!({
        "name": "certs:crds", "release": "certs", "namespace": "shop", "chart": "./charts/certs",
        "version": "1.18.2", "action": "install", "reason": "its 2 CRDs are not there",
        "crds": ["certificates", "issuers"], "needs": [], "wave": 0,
    });
    assert_eq!(found["charts"][0], expected);
    assert_eq!(found["charts"][2].get("crds"), None, "{found:#}");
    assert_eq!(
        found["waves"][0],
        serde_json::json!(["certs:crds", "metrics:crds"])
    );
}

#[test]
fn what_is_done_to_crds_says_why() {
    let one = "web 1.0.0: a=1";
    let three = "web 1.0.0: a=1 b=1 c=1";
    let mut told = Vec::new();
    for (policy, carried, there) in [
        (CrdPolicy::Upgrade, one, &[][..]),
        (CrdPolicy::Upgrade, one, &["a=1"]),
        (CrdPolicy::Upgrade, one, &["a=2"]),
        (CrdPolicy::Upgrade, one, &["a="]),
        (CrdPolicy::Upgrade, three, &["other=1"]),
        (CrdPolicy::Upgrade, three, &["a=1", "b=1", "c=1"]),
        (CrdPolicy::Upgrade, three, &["a=1", "b="]),
        (CrdPolicy::Upgrade, three, &["a=2", "b=", "c="]),
        (CrdPolicy::Create, one, &[]),
        (CrdPolicy::Create, one, &["a=2"]),
        (CrdPolicy::Create, three, &["a=2", "b="]),
        (CrdPolicy::Create, three, &["a=2", "b=", "c=1"]),
    ] {
        let mut stack = fixture::stack(&[("web", &[])]);
        stack.charts[0].crds = policy;
        let plan = plan_up(&stack, &contents(&[carried]), there);
        let node = &plan.nodes[0];
        assert!(node.key.is_crds());
        told.push(format!("{}: {}", node.action, node.reason));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    install: its CRD is not there
    unchanged: its CRD is up to date
    upgrade: its CRD is different
    upgrade: its CRD is changed by others
    install: its 3 CRDs are not there
    unchanged: its 3 CRDs are up to date
    upgrade: of its 3 CRDs 1 missing, 1 changed by others
    upgrade: of its 3 CRDs 1 different, 2 changed by others
    install: its CRD is not there
    unchanged: its CRD is there; `crds = "create"` leaves what is there as it is
    install: of its 3 CRDs 1 missing; `crds = "create"` leaves what is there as it is
    unchanged: its 3 CRDs are there; `crds = "create"` leaves what is there as it is
    "#);
}

#[test]
fn charts_that_bring_no_crds_have_no_such_node() {
    let known = contents(&[
        "web 1.0.0: a=1",
        "db 1.0.0:",
        "old 1.0.0: b=1",
        "idle 1.0.0: c=1",
    ]);
    let mut stack = fixture::stack(&[
        ("web", &[]),
        ("db", &[]),
        ("old", &[]),
        ("idle", &[]),
        ("user", &["idle:crds"]),
    ]);
    stack.charts["web"].crds = CrdPolicy::Skip;
    stack.charts["old"].intent = Intent::Destroy;
    stack.charts["idle"].intent = Intent::Skip;
    insta::assert_snapshot!(told(&plan_up(&stack, &known, &[])), @"
    install web
    install db
    uninstall old
    skip idle
    install user
    ");
}

#[test]
fn a_crd_that_several_charts_carry_is_brought_once_by_the_newest() {
    let known = contents(&[
        "a 1.2.0: shared=a own=a",
        "b v1.10.0: shared=b",
        "c 1.10.0: shared=c",
        "d 2.0.0: shared=d",
    ]);
    let mut stack = fixture::stack(&[
        ("a", &[]),
        ("b", &[]),
        ("c", &[]),
        ("d", &[]),
        ("user", &["a:crds", "c:crds"]),
    ]);
    // Whoever leaves its CRDs to others waits for them all the same.
    stack.charts["d"].crds = CrdPolicy::Skip;
    let plan = plan_up(&stack, &known, &["shared=c"]);
    insta::assert_snapshot!(told(&plan), @"
    install a:crds
    upgrade b:crds
    install a a:crds->crds b:crds->crds
    install b b:crds->crds
    install c b:crds->crds
    install d b:crds->crds
    install user a:crds->crds b:crds->crds
    ");
    assert_eq!(
        plan.nodes
            .iter()
            .map(|node| node.crds.concat())
            .collect::<Vec<_>>()[..2],
        ["own", "shared"]
    );
    assert_eq!(
        plan.warnings,
        [
            "CRD shared comes from `b` v1.10.0, the newest chart that carries it; also carried by `a` 1.2.0, `c` 1.10.0"
        ]
    );
    assert!(text(&plan).contains("\nwarning: CRD shared comes from `b`"));
    let found: serde_json::Value = serde_json::from_str(&json(&plan)).unwrap();
    assert_eq!(found["warnings"][0], plan.warnings[0]);
}

#[test]
fn without_knowing_a_chart_only_crds_that_are_waited_for_are_assumed() {
    let stack = platform();
    let graph = Graph::new(&stack);
    let selection = graph.select(&Request::default()).unwrap();
    let (removal, known) = (Removal::default(), Known::default());
    let plan = Plan::offline(&graph, &selection, Direction::Up, removal, &known).unwrap();
    insta::assert_snapshot!(told(&plan), @"
    install certs:crds
    install metrics:crds
    install certs certs:crds->crds metrics:crds->crds
    install metrics metrics:crds->crds certs->validated
    install issuers certs:crds->crds ~metrics:crds->crds metrics->ready
    ");
    assert!(
        text(&plan).contains("certs:crds    install  CRDs "),
        "{}",
        text(&plan)
    );
}

#[test]
fn a_need_of_crds_outside_the_run_must_be_deployed() {
    let stack = platform();
    let refused = up(&stack, &["certs"], &[]).unwrap_err().to_string();
    assert_eq!(
        refused,
        "`certs` needs `metrics`, which is not part of this run and is not installed"
    );
    assert!(up(&stack, &["certs"], &[("metrics", DEPLOYED)]).is_ok());
}

#[test]
fn the_way_down_keeps_crds_and_is_not_ordered_by_them() {
    let stack = platform();
    let plan = plan_down(&stack, &["certs", "metrics"], false).unwrap();
    insta::assert_snapshot!(text(&plan), @"
    stack      shop
    direction  down
    cluster    the one this runs in
    selected   2 of 3 charts: certs, metrics
    left out   issuers
    kept       CRDs certificates, issuers, monitors, orders (--purge removes issuers, orders)

    wave 1
      metrics  uninstall  shop/metrics  ./charts/metrics 66.0.0
               revision 3 is deployed

    wave 2
      certs    uninstall  shop/certs    ./charts/certs 1.18.2
               revision 3 is deployed; waits for metrics

    critical path  metrics -> certs

    2 to uninstall
    ");
    // Whoever needs only the CRDs of what goes does not bar it.
    assert!(down(&stack, &["metrics"], &[("certs", DEPLOYED)], false).is_ok());
}

#[test]
fn a_purge_leaves_what_charts_outside_the_run_use() {
    let stack = fixture::stack(&[("a", &[]), ("b", &[]), ("user", &["b:crds"])]);
    let graph = Graph::new(&stack);
    let known = contents(&["a 1.0.0: shared=1 own=1", "b 1.0.0: shared=1 other=1"]);
    let purged = |name: &str, installed: &[(&str, ReleaseStatus)]| {
        let selection = graph.select(&all(&[name])).unwrap();
        let observed = Observed {
            crds: ["shared", "own", "other"]
                .map(|name| (name.to_owned(), made("shop", None, crd_of(name))))
                .into(),
            ..cluster(&stack, installed)
        };
        let removal = Removal {
            purge: true,
            ..Removal::default()
        };
        let plan = Plan::down(&graph, &selection, &observed, &known, removal).unwrap();
        plan.nodes
            .iter()
            .flat_map(|node| node.crds.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(purged("a", &[("a", DEPLOYED)]), ["own", "shared"]);
    assert_eq!(purged("a", &[("a", DEPLOYED), ("b", DEPLOYED)]), ["own"]);
    assert_eq!(purged("b", &[("b", DEPLOYED)]), ["other"]);
    assert_eq!(purged("b", &[("user", DEPLOYED)]), [""; 0]);
}

#[test]
fn a_crd_of_several_charts_is_kept_or_removed_once() {
    for charts in [["a", "b"], ["b", "a"]] {
        let stack = fixture::stack(&charts.map(|name| (name, &[][..])));
        let graph = Graph::new(&stack);
        let selection = graph.select(&Request::default()).unwrap();
        let observed = Observed {
            crds: [("shared".to_owned(), made("shop", None, "a"))].into(),
            ..cluster(&stack, &[("a", DEPLOYED), ("b", DEPLOYED)])
        };
        let known = contents(&["a 1.0.0: shared=s1", "b 1.0.0: shared=s1"]);
        let down = |purge| {
            let removal = Removal {
                purge,
                ..Removal::default()
            };
            Plan::down(&graph, &selection, &observed, &known, removal).unwrap()
        };
        assert_eq!(down(true).kept_crds, []);
        assert!(down(false).kept_crds[0].is_ours);
    }
}

/// The chart that brought it.
fn crd_of(name: &str) -> &'static str {
    if name == "other" { "b" } else { "a" }
}

#[test]
fn a_purge_removes_what_this_stack_made_when_all_charts_are_gone() {
    let stack = platform();
    let plan = plan_down(&stack, &["certs", "metrics", "issuers"], true).unwrap();
    insta::assert_snapshot!(text(&plan), @"
    stack      shop
    direction  down
    cluster    the one this runs in
    selected   all 3 charts
    kept       CRDs certificates, monitors (made or used by others)
    purged     CRDs, and namespaces if empty, that stackctl made

    wave 1
      issuers     uninstall  shop/issuers  ./charts/issuers 0.1.0
                  revision 3 is deployed

    wave 2
      metrics     uninstall  shop/metrics  ./charts/metrics 66.0.0
                  revision 3 is deployed; waits for issuers

    wave 3
      certs       uninstall  shop/certs    ./charts/certs 1.18.2
                  revision 3 is deployed; waits for metrics

    wave 4
      certs:crds  uninstall  2 CRDs        ./charts/certs 1.18.2
                  made by this stack: issuers, orders; waits for certs

    critical path  issuers -> metrics -> certs -> certs:crds

    3 to uninstall; CRDs: 1 to uninstall
    ");
    insta::assert_snapshot!(told(&plan), @"
    uninstall issuers
    uninstall metrics issuers->gone
    uninstall certs metrics->gone
    uninstall certs:crds certs->gone
    ");
    let found: serde_json::Value = serde_json::from_str(&json(&plan)).unwrap();
    assert_eq!(
        found["kept_crds"],
        serde_json::json!(["certificates", "monitors"])
    );

    let graph = Graph::new(&stack);
    let selection = graph.select(&Request::default()).unwrap();
    let removal = Removal {
        purge: true,
        ..Removal::default()
    };
    let known = contents(&CARRIED);
    let plan = Plan::offline(&graph, &selection, Direction::Down, removal, &known).unwrap();
    assert_eq!(
        plan.nodes.iter().filter(|node| node.key.is_crds()).count(),
        2
    );
}

fn made(stack: &str, environment: Option<&str>, chart: &str) -> ObservedCrd {
    ObservedCrd {
        digest: None,
        created_by: Some((
            StackName::new(stack).unwrap(),
            environment.map(|name| EnvironmentName::new(name).unwrap()),
        )),
        chart: Some(ChartName::new(chart).unwrap()),
    }
}

/// The way down of deployed charts, in a cluster in which one CRD was there before, and another
/// environment and another stack made some.
fn plan_down(stack: &Stack, names: &[&str], purge: bool) -> Result<Plan, PlanError> {
    let graph = Graph::new(stack);
    let selection = graph.select(&all(names)).unwrap();
    let releases: Vec<(&str, ReleaseStatus)> = names.iter().map(|&name| (name, DEPLOYED)).collect();
    let observed = Observed {
        crds: [
            ("certificates", ObservedCrd::default()),
            ("issuers", made("shop", None, "certs")),
            // Of an older version of the chart.
            ("orders", made("shop", None, "certs")),
            ("monitors", made("shop", Some("dev"), "metrics")),
            ("probes", made("other", None, "metrics")),
        ]
        .map(|(name, crd)| (name.to_owned(), crd))
        .into(),
        ..cluster(stack, &releases)
    };
    let removal = Removal {
        purge,
        ..Removal::default()
    };
    Plan::down(&graph, &selection, &observed, &contents(&CARRIED), removal)
}
