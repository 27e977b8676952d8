//! Needs, order and cycles.

use super::*;

/// A stack of one chart per line: `name: key; key`.
fn charts(lines: &str) -> String {
    let chart = |line: &str| {
        let (name, keys) = line.trim().split_once(':').unwrap();
        let keys = keys
            .split(';')
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("\n");
        format!("[charts.{name}]\nchart = \"./charts/{name}\"\n{keys}\n")
    };
    let charts: Vec<String> = lines.lines().map(chart).collect();
    format!("[stack]\nname = \"demo\"\n{}", charts.concat())
}

#[test]
fn needs_carry_milestones_and_places() {
    let stack = sound(&charts(
        "web: needs = [\"db\", \"cache:deployed\"]; after = [\"log:ready\"]
         db:
         cache:
         log:",
    ));
    let web = &stack.charts["web"];
    let edge = |need: &crate::stack::Need| {
        let place = need.place.clone().unwrap();
        format!("{}:{} {place}", need.chart, need.until)
    };
    let needs: Vec<_> = web.needs.iter().map(edge).collect();
    assert_eq!(
        needs,
        ["db:validated stack.toml:5", "cache:deployed stack.toml:5"]
    );
    assert_eq!(
        web.after.iter().map(edge).collect::<Vec<_>>(),
        ["log:ready stack.toml:6"]
    );
    let order: Vec<_> = stack
        .charts
        .keys()
        .map(crate::name::ChartName::as_str)
        .collect();
    assert_eq!(order, ["web", "db", "cache", "log"]);
}

#[test]
fn a_cycle_is_shown_as_its_whole_path() {
    insta::assert_snapshot!(drawn(&charts(
        "a: needs = [\"b:deployed\"]
         b: after = [\"c\"]
         c: needs = [\"d\", \"a\"]
         d:",
    )), @r#"
    error: charts wait for each other: a → b → c → a
      --> stack.toml:5:10
       |
     5 | needs = ["b:deployed"]
       |          ^^^^^^^^^^^^ `a` needs `b`
    ...
     8 | after = ["c"]
       |          --- `b` comes after `c`
    ...
    11 | needs = ["d", "a"]
       |               --- `c` needs `a`
       |
       = help: remove one of these
    "#);
}

#[test]
fn every_knot_is_reported() {
    let found = messages(&charts(
        "a: needs = [\"b\"]
         b: needs = [\"a\"]
         c: needs = [\"d\", \"a\"]
         d: needs = [\"e\"]
         e: needs = [\"c\"]",
    ));
    insta::assert_snapshot!(found.join("\n"), @r#"
    stack.toml:5: charts wait for each other: a → b → a (`a` needs `b`) | remove one of these
    stack.toml:11: charts wait for each other: c → d → e → c (`c` needs `d`) | remove one of these
    "#);
}

#[test]
fn what_is_wrong_with_one_edge() {
    let found = messages(&charts(
        "web: needs = [\"dbb\", \"db:redy\", \"bare:crds\", \"web\", \"web:crds\", \"off\", \"old\", \"\"]; after = [\"off\", \"nope\"]
         db:
         bare: crds = \"skip\"
         off: enabled = false
         old: action = \"destroy\"
         older: action = \"destroy\"; needs = [\"old\"]
         twice: needs = [\"db\", \"db:ready\"]; after = [\"db\"]",
    ));
    insta::assert_snapshot!(found.join("\n"), @r#"
    stack.toml:5: unknown chart `dbb` (no chart of this name) | did you mean `db`?
    stack.toml:5: unknown milestone `redy` (expected one of `crds`, `deployed`, `ready` and `validated`) | did you mean `ready`?
    stack.toml:5: chart `web` waits for the CRDs of `bare`, which brings none | wait for the CRDs of the chart that brings them, or leave this out
    stack.toml:5: chart `web` needs itself
    stack.toml:5: chart `web` needs itself | a chart waits for its own CRDs anyway
    stack.toml:5: chart `web` needs `off`, which is disabled
    stack.toml:5: chart `web` needs `old`, which is to be destroyed | destroy `web`, too, or remove the need
    stack.toml:5: unknown chart `` (no chart of this name)
    stack.toml:6: unknown chart `nope` (no chart of this name)
    stack.toml:25: chart `twice` names `db` twice
    stack.toml:26: chart `twice` both needs `db` and comes after it
    "#);
}

#[test]
fn an_edge_that_others_imply_is_a_warning() {
    let text = charts(
        "web: needs = [\"api\", \"db\"]
         api: needs = [\"db\"]
         db:",
    );
    assert!(try_load(&text).is_ok());
    insta::assert_snapshot!(drawn(&text), @r#"
    warning: chart `web` need not name `db`
     --> stack.toml:5:17
      |
    5 | needs = ["api", "db"]
      |                 ^^^^ its other needs imply this one
    "#);
}

#[test]
fn charts_may_use_each_others_crds_without_a_cycle() {
    // `web` also says more than `api` does of `db`.
    let text = charts(
        "prometheus: needs = [\"cert-manager:crds\"]
         cert-manager: needs = [\"prometheus:crds\"]; after = [\"prometheus\"]
         db:
         api: needs = [\"db:crds\"]
         web: needs = [\"api\", \"db\"]
         jobs: needs = [\"web\", \"db:crds\"]",
    );
    let loaded = try_load(&text).unwrap();
    assert_eq!(messages(&text), [""; 0]);
    let manager = &loaded.stack.charts["cert-manager"];
    assert_eq!(manager.needs[0].until, crate::name::Milestone::Crds);
    assert_eq!(manager.after[0].until, crate::name::Milestone::Validated);
}
