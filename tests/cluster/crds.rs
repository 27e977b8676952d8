//! CRDs as nodes of the graph: charts that use each other's kinds, many that carry the same CRD,
//! and what stays, or goes, on the way down.

use std::fmt::Write as _;

use serde_json::Value;
use stackctl::{event::EventKind, name::Milestone};

use crate::{
    support::{Lab, Run},
    target::{Helm, Target},
};

tests![
    charts_that_use_each_others_kinds_come_up_on_an_empty_cluster_with_helm_4,
    charts_that_use_each_others_kinds_come_up_on_an_empty_cluster_with_helm_3,
    a_changed_crd_is_applied_and_one_that_others_changed_is_put_right,
    who_leaves_crds_alone_gets_them_left_alone,
    down_keeps_crds_and_a_purge_removes_what_stackctl_made,
    eight_charts_that_carry_the_same_crd_bring_it_once_every_time,
];

/// A chart of the lab, at `./charts/NAME`.
struct Chart<'a> {
    name: &'a str,
    version: &'a str,
    /// Kinds whose CRDs it carries.
    carries: &'a [&'a str],
    /// Kinds of which it has an object, named like its release.
    uses: &'a [&'a str],
}

/// A group of the lab's own: CRDs belong to the whole cluster.
fn group(lab: &Lab) -> String {
    format!("{}.example.com", lab.namespace)
}

/// The name of the CRD of a kind.
fn crd(lab: &Lab, kind: &str) -> String {
    format!("{}s.{}", kind.to_lowercase(), group(lab))
}

/// The CRD of a kind whose objects have these fields in their spec, and no others.
fn definition(lab: &Lab, kind: &str, fields: &[&str]) -> String {
    let (group, lower) = (group(lab), kind.to_lowercase());
    let field = |field: &&str| format!("                  {field}: {{type: string}}\n");
    let fields: Vec<String> = fields.iter().map(field).collect();
    let fields = fields.concat();
    format!(
        r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {lower}s.{group}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: {kind}, listKind: {kind}List, plural: {lower}s, singular: {lower}}}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
{fields}"
    )
}

fn write(lab: &Lab, chart: &Chart<'_>) {
    let Chart { name, version, .. } = chart;
    let folder = format!("charts/{name}");
    lab.write(
        &format!("{folder}/Chart.yaml"),
        &format!("apiVersion: v2\nname: {name}\nversion: {version}\n"),
    );
    for kind in chart.carries {
        lab.write(
            &format!("{folder}/crds/{kind}.yaml"),
            &definition(lab, kind, &["note"]),
        );
    }
    let mut objects = String::new();
    for kind in chart.uses {
        write!(
            objects,
            "apiVersion: {}/v1\nkind: {kind}\nmetadata:\n  name: {{{{ .Release.Name }}}}\n\
             spec:\n  note: {name}\n---\n",
            group(lab)
        )
        .expect("a String takes everything");
    }
    lab.write(&format!("{folder}/templates/objects.yaml"), &objects);
}

/// Brings an object into the cluster as somebody else would.
fn apply(lab: &Lab, object: &str) {
    lab.write("object.yaml", object);
    let file = lab.path().join("object.yaml");
    lab.kubectl(&[
        "apply",
        "-f",
        file.to_str().expect("temporary folders are UTF-8"),
    ]);
}

/// A CRD of the cluster; `None` if it is not there.
fn live(lab: &Lab, kind: &str) -> Option<Value> {
    let named = format!("metadata.name={}", crd(lab, kind));
    let found = lab.get(&["crd", "--field-selector", &named, "--show-managed-fields"]);
    found["items"].get(0).cloned()
}

/// Leaves the cluster to other tests. Not waited for: Helm's foreground deletion lasts until the
/// garbage collector has heard of a new kind, which takes it half a minute.
fn clear(lab: &Lab, kinds: &[&str]) {
    lab.kubectl(&[
        "delete",
        "namespace",
        &lab.namespace,
        "--ignore-not-found",
        "--wait=false",
    ]);
    for kind in kinds {
        lab.kubectl(&[
            "delete",
            "crd",
            &crd(lab, kind),
            "--ignore-not-found",
            "--wait=false",
        ]);
    }
}

fn charts_that_use_each_others_kinds_come_up_on_an_empty_cluster_with_helm_4() {
    use_each_others_kinds(&Lab::on(Target::shared(), Helm::Four, "cycle-4"));
}

fn charts_that_use_each_others_kinds_come_up_on_an_empty_cluster_with_helm_3() {
    use_each_others_kinds(&Lab::on(Target::shared(), Helm::Three, "cycle-3"));
}

fn use_each_others_kinds(lab: &Lab) {
    write(
        lab,
        &Chart {
            name: "certs",
            version: "1.18.2",
            carries: &["Certificate", "Issuer"],
            uses: &["Monitor"],
        },
    );
    write(
        lab,
        &Chart {
            name: "metrics",
            version: "66.0.0",
            carries: &["Monitor"],
            uses: &["Certificate"],
        },
    );
    // A chart that asks what the cluster serves sees what the stack is about to bring.
    let asks = "{{- if not (.Capabilities.APIVersions.Has \"GROUP/v1/Monitor\") }}\n\
                {{- fail \"no monitors here\" }}\n{{- end }}\n";
    lab.write(
        "charts/certs/templates/asks.yaml",
        &asks.replace("GROUP", &group(lab)),
    );
    lab.stack(
        "[charts.certs]\nchart = \"./charts/certs\"\nneeds = [\"metrics:crds\"]\n\
         [charts.metrics]\nchart = \"./charts/metrics\"\nneeds = [\"certs\"]\n",
    );
    lab.stackctl(&["check"]).exits(0);
    let graph = lab.stackctl(&["graph"]).exits(0);
    assert!(
        graph.stdout.contains("needs certs:crds, metrics:crds"),
        "{graph}"
    );
    lab.stackctl(&["plan"]).exits(0).says(&[
        "certs:crds    install  2 CRDs",
        "its 2 CRDs are not there",
        "2 to install; CRDs: 2 to install",
    ]);

    let up = lab.stackctl(&["up"]).exits(0).ended(&[
        ("certs:crds", "succeeded"),
        ("metrics:crds", "succeeded"),
        ("certs", "succeeded"),
        ("metrics", "succeeded"),
    ]);
    up.starts_after("certs", "metrics:crds", Milestone::Crds);
    up.starts_after("certs", "certs:crds", Milestone::Crds);
    up.starts_after("metrics", "certs", Milestone::Validated);
    for (kind, object) in [("Monitor", "certs"), ("Certificate", "metrics")] {
        assert_eq!(lab.get(&[&crd(lab, kind), object])["spec"]["note"], object);
    }

    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[
            ("certs:crds", "unchanged"),
            ("metrics:crds", "unchanged"),
            ("certs", "unchanged"),
            ("metrics", "unchanged"),
        ])
        .says(&["CRDs: 2 unchanged"]);
    clear(lab, &["Certificate", "Issuer", "Monitor"]);
}

fn a_changed_crd_is_applied_and_one_that_others_changed_is_put_right() {
    let lab = Lab::new("crd-changes");
    let web = Chart {
        name: "web",
        version: "1.0.0",
        carries: &["Page", "Link"],
        uses: &["Page"],
    };
    write(&lab, &web);
    lab.stack("[charts.web]\nchart = \"./charts/web\"\n");
    let spec = |field: &str| lab.get(&[&crd(&lab, "Page"), "web"])["spec"][field].clone();
    lab.stackctl(&["up"]).exits(0);
    assert_eq!(spec("note"), "web");

    // A field that the API server would not know without the new CRD.
    write(
        &lab,
        &Chart {
            version: "1.1.0",
            ..web
        },
    );
    lab.write(
        "charts/web/crds/Page.yaml",
        &definition(&lab, "Page", &["note", "more"]),
    );
    let objects = "charts/web/templates/objects.yaml";
    let template = std::fs::read_to_string(lab.path().join(objects)).expect("just written");
    lab.write(objects, &template.replace("---", "  more: web\n---"));
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["of its 2 CRDs 1 different"]);
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web:crds", "succeeded"), ("web", "succeeded")])
        .says(&["1 upgraded; CRDs: 1 upgraded"]);
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web:crds", "unchanged"), ("web", "unchanged")]);
    assert_eq!(spec("more"), "web");

    // Somebody takes a field away.
    let without = r#"[{"op": "remove", "path":
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/more"}]"#;
    lab.kubectl(&[
        "patch",
        "crd",
        &crd(&lab, "Page"),
        "--type=json",
        "-p",
        without,
    ]);
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["of its 2 CRDs 1 changed by others"]);
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web:crds", "succeeded"), ("web", "unchanged")]);
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["its 2 CRDs are up to date"]);
    clear(&lab, &["Page", "Link"]);
}

fn who_leaves_crds_alone_gets_them_left_alone() {
    let lab = Lab::new("crd-policy");
    for name in ["makes", "skips"] {
        let carries = if name == "makes" {
            ["Made", "Old"]
        } else {
            ["Skipped", "Old"]
        };
        let chart = Chart {
            name,
            version: "1.0.0",
            carries: &carries,
            uses: &[],
        };
        write(&lab, &chart);
    }
    apply(&lab, &definition(&lab, "Old", &["own"]));
    let before = live(&lab, "Old");
    let stack = |makes: &str| {
        lab.stack(&format!(
            "[charts.makes]\nchart = \"./charts/makes\"\ncrds = \"{makes}\"\n\
             [charts.skips]\nchart = \"./charts/skips\"\ncrds = \"skip\"\n"
        ));
    };
    stack("create");
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["of its 2 CRDs 1 missing"]);
    lab.stackctl(&["up"]).exits(0).ended(&[
        ("makes:crds", "succeeded"),
        ("makes", "succeeded"),
        ("skips", "succeeded"),
    ]);
    assert_eq!(live(&lab, "Old"), before, "`create` leaves it");
    assert!(live(&lab, "Made").is_some());
    assert_eq!(live(&lab, "Skipped"), None, "Helm does not bring it either");
    let made = live(&lab, "Made");
    lab.write(
        "charts/makes/crds/Made.yaml",
        &definition(&lab, "Made", &["new"]),
    );
    lab.stackctl(&["up"]).exits(0).ended(&[
        ("makes:crds", "unchanged"),
        ("makes", "succeeded"),
        ("skips", "unchanged"),
    ]);
    assert_eq!(live(&lab, "Made"), made);
    stack("upgrade");
    lab.stackctl(&["up"]).exits(0);
    assert_ne!(live(&lab, "Made"), made);
    assert_ne!(live(&lab, "Old"), before);
    clear(&lab, &["Made", "Old"]);
}

fn down_keeps_crds_and_a_purge_removes_what_stackctl_made() {
    let lab = Lab::new("purge");
    write(
        &lab,
        &Chart {
            name: "web",
            version: "1.0.0",
            carries: &["Ours", "Theirs"],
            uses: &["Ours"],
        },
    );
    apply(&lab, &definition(&lab, "Theirs", &["note"]));
    // The API server may take a minute to finalize a kind that it has just begun to serve.
    lab.stack("[charts.web]\nchart = \"./charts/web\"\ntimeout = \"5m\"\n");
    let (ours, theirs) = (crd(&lab, "Ours"), crd(&lab, "Theirs"));
    lab.stackctl(&["up"]).exits(0);

    let kept = format!("CRDs {ours}, {theirs} (--purge removes {ours})");
    lab.stackctl(&["plan", "--down"]).exits(0).says(&[&kept]);
    lab.stackctl(&["down", "-y"])
        .exits(0)
        .ended(&[("web", "succeeded")])
        .says(&[&kept]);
    assert!(live(&lab, "Ours").is_some() && live(&lab, "Theirs").is_some());
    lab.stackctl(&["up"]).exits(0);

    // Somebody else has an object of the kind.
    let elsewhere = Lab::new("purge-elsewhere");
    elsewhere.kubectl(&["create", "namespace", &elsewhere.namespace]);
    let object = format!(
        "apiVersion: {}/v1\nkind: Ours\nmetadata:\n  name: precious\n",
        group(&lab)
    );
    apply(&elsewhere, &object);
    lab.stackctl(&["down", "--purge"])
        .exits(64)
        .says(&[&format!("releases (web) and CRDs ({ours})"), "--yes"]);
    let stopped = lab.stackctl(&["down", "--purge", "-y"]).exits(1);
    let failure = stopped.failure("web:crds");
    assert!(failure.error.contains("Ours/precious"), "{failure:?}");
    stopped.starts_after("web:crds", "web", Milestone::Gone);
    assert!(live(&lab, "Ours").is_some(), "nothing is deleted with it");
    namespace_is_gone(&lab);

    // The release is gone; its CRD can still go.
    elsewhere.kubectl(&["delete", &ours, "precious"]);
    lab.stackctl(&["plan", "--down", "--purge"])
        .exits(0)
        .says(&[
            "web:crds  uninstall  1 CRD",
            &format!("made by this stack: {ours}"),
        ]);
    lab.stackctl(&["down", "--purge", "-y"])
        .exits(0)
        .ended(&[("web", "succeeded"), ("web:crds", "succeeded")])
        .says(&[&format!("CRDs {theirs} (made or used by others)")]);
    assert_eq!(live(&lab, "Ours"), None);
    assert!(live(&lab, "Theirs").is_some(), "it was there before");

    // A namespace with something of others in it stays.
    lab.stackctl(&["up"]).exits(0);
    lab.kubectl(&["create", "configmap", "precious"]);
    lab.stackctl(&["down", "--purge", "-y"])
        .exits(0)
        .says(&["namespace purge stays"]);
    assert_eq!(live(&lab, "Ours"), None);
    lab.kubectl(&["get", "configmap", "precious"]);
    clear(&elsewhere, &[]);
    clear(&lab, &["Theirs"]);
}

#[track_caller]
fn namespace_is_gone(lab: &Lab) {
    let named = format!("metadata.name={}", lab.namespace);
    let found = lab.get(&["namespaces", "--field-selector", &named]);
    assert_eq!(found["items"], Value::Array(Vec::new()));
}

/// Each time it is a kind that the cluster has never seen, and eight Helms ask for it at the very
/// moment at which it is served.
fn eight_charts_that_carry_the_same_crd_bring_it_once_every_time() {
    let lab = Lab::new("same-crd");
    let names: Vec<String> = (0..8).map(|index| format!("c{index}")).collect();
    let stack = names
        .iter()
        .map(|name| format!("[charts.{name}]\nchart = \"./charts/{name}\"\n"));
    lab.stack(&stack.collect::<String>());
    for round in 0..20 {
        let kind = format!("Round{round}");
        for name in &names {
            let _ = std::fs::remove_dir_all(lab.path().join("charts").join(name));
            let version = if name == "c5" { "1.0.1" } else { "1.0.0" };
            let chart = Chart {
                name,
                version,
                carries: &[&kind],
                uses: &[&kind],
            };
            write(&lab, &chart);
        }
        let up = lab.stackctl(&["up", "-j", "8"]).exits(0);
        assert_eq!(lab.objects(&crd(&lab, &kind)).len(), 8, "{up}");
        assert!(
            up.outcomes().values().all(|outcome| outcome == "succeeded"),
            "{up}"
        );
        applied_once(&lab, &up, &kind);
        if round == 0 {
            let warning = format!(
                "warning: CRD {} comes from `c5` 1.0.1, the newest chart that carries it; also \
                 carried by `c0` 1.0.0, ",
                crd(&lab, &kind)
            );
            assert!(up.stderr.contains(&warning), "{up}");
        }
    }
    let kinds: Vec<String> = (0..20).map(|round| format!("Round{round}")).collect();
    clear(&lab, &kinds.iter().map(String::as_str).collect::<Vec<_>>());
}

#[track_caller]
fn applied_once(lab: &Lab, up: &Run, kind: &str) {
    let steps = up
        .events
        .iter()
        .filter(|event| matches!(&event.kind, EventKind::StepStarted { step } if step == "crds"));
    let steps: Vec<String> = steps
        .filter_map(|event| Some(event.chart.as_ref()?.to_string()))
        .collect();
    assert_eq!(steps, ["c5:crds"], "{up}");
    let crd = live(lab, kind).expect("it is there");
    assert_eq!(crd["metadata"]["generation"], 1, "{crd:#}");
    let managers = crd["metadata"]["managedFields"].as_array();
    let appliers = managers
        .expect("a list")
        .iter()
        .filter(|entry| entry["subresource"].is_null());
    let appliers: Vec<&Value> = appliers.map(|entry| &entry["manager"]).collect();
    assert_eq!(appliers, ["stackctl"], "{crd:#}");
}
