//! What files mean when nothing is wrong with them.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    name::Milestone,
    stack::{
        Apply, ApplyMode, ChartSource, CrdPolicy, FailurePolicy, Intent, Overrides, Reference,
        RollbackOnFailure, Schedule, Unlock, Wait,
    },
};

/// The example of the design, section 3, without what other tests are about: `include`,
/// `repositories`, commands, environments, `retry` of charts.
const DESIGN: &str = r#"
[stack]
name = "platform"
requires = ">=0.1"
helm = ">=4.1, <5"
state_namespace = "default"
[stack.cluster]
context = "prod-eu"
allow = ["prod-*", "https://*.eks.amazonaws.com"]

[settings]
concurrency = 8
failure_policy = "stop"
schedule = "eager"
history_max = 5

[inputs]
region = { default = "eu-west-3" }
domain = { env = "DOMAIN" }
token  = { env = "GRAFANA_TOKEN", secret = true }

[namespaces.cert-manager]
labels = { "pod-security.kubernetes.io/enforce" = "baseline" }

[defaults]
namespace = "platform"
timeout = "5m"
rollback_on_failure = "upgrades"

[charts.storage-class]
chart = "./charts/storage-class"

[charts.cert-manager]
chart = "./charts/cert-manager"
version = "v1.18.2"
namespace = "cert-manager"
labels = { tier = "base" }
protected = true
values = { replicaCount = 2 }
crds = "create"
reinstall_below = { version = "1.4.4", accept_data_loss = true }

[charts.cert-manager-configs]
chart = "./charts/cert-manager-configs"
needs = ["cert-manager"]
values_files = ["values/issuers.yaml"]
set = { "acme.email" = "ops@${inputs.domain}" }
unset = ["acme.staging"]

[charts.prometheus]
chart = "./charts/kube-prometheus-stack"
needs = ["cert-manager:crds", "storage-class"]

[charts.coredns]
chart = "./charts/coredns-config"
namespace = "kube-system"
wait = false
[[charts.coredns.pre]]
capture = { name = "corefile", kind = "ConfigMap", object = "coredns", field = "data.Corefile" }
[[charts.coredns.post]]
when = { changed = "corefile" }
restart = "deployment/coredns"
[[charts.coredns.validate]]
pods = { selector = "k8s-app=kube-dns", min = 1 }
retry = { attempts = 12, delay = "10s" }
"#;

#[test]
fn the_design_s_example_is_read() {
    let root = folder(DESIGN);
    write(root.path(), "values/issuers.yaml", "acme: {}\n");
    let loaded = load(options(&root, DESIGN)).unwrap();
    assert_eq!(loaded.warnings.len(), 0);
    let stack = loaded.stack;

    assert_eq!(stack.name.as_str(), "platform");
    assert!(stack.helm.unwrap().matches(&semver::Version::new(4, 3, 1)));
    assert_eq!(stack.cluster.context.as_deref(), Some("prod-eu"));
    assert_eq!(stack.cluster.allow.len(), 2);
    assert_eq!(stack.settings.concurrency, Some(8));
    assert!(stack.inputs["token"].secret);
    let namespace = stack.namespaces.values().next().unwrap();
    assert_eq!(
        namespace.labels["pod-security.kubernetes.io/enforce"],
        "baseline"
    );

    let manager = &stack.charts["cert-manager"];
    assert_eq!(manager.release.to_string(), "cert-manager/cert-manager");
    assert_eq!(manager.rollback_on_failure, RollbackOnFailure::Upgrades);
    assert_eq!(manager.labels["tier"], "base");
    assert_eq!(manager.labels["name"], "cert-manager");
    assert!(manager.protected);
    assert_eq!(manager.history_max, 5);
    let reinstall = manager.reinstall_below.as_ref().unwrap();
    assert_eq!(reinstall.version, semver::Version::new(1, 4, 4));
    assert!(reinstall.accept_data_loss);

    assert_eq!(manager.crds, CrdPolicy::Create);
    assert_eq!(stack.charts["prometheus"].needs[0].until, Milestone::Crds);

    let configs = &stack.charts["cert-manager-configs"];
    assert_eq!(configs.release.to_string(), "platform/cert-manager-configs");
    assert_eq!(
        configs.values.files,
        [root.path().join("values/issuers.yaml")]
    );
    let references: Vec<_> = {
        let stack = load(options(&root, DESIGN)).unwrap().stack;
        stack
            .uses(|_| Some(crate::name::Action::Decide))
            .references
            .into_iter()
            .cloned()
            .collect()
    };
    assert_eq!(references, [Reference::Input("domain".into())]);

    let coredns = &stack.charts["coredns"];
    assert_eq!(coredns.wait, Wait::No);
    assert_eq!(coredns.steps.pre[0].verb.as_str(), "capture");
    assert_eq!(coredns.steps.pre[0].timeout, Duration::from_mins(1));
    assert_eq!(coredns.steps.post[0].verb.as_str(), "restart");
    assert_eq!(
        coredns.steps.post[0].when.changed.as_deref(),
        Some("corefile")
    );
    assert_eq!(coredns.steps.post[0].timeout, Duration::from_mins(5));
    let pods = &coredns.steps.validate[0];
    assert_eq!(
        (pods.retry.attempts, pods.retry.delay),
        (12, Duration::from_secs(10))
    );
    assert_eq!(pods.timeout, Duration::from_mins(1));
}

#[test]
fn what_helm_is_told_of_applying_is_one_thing() {
    let mode = |keys: &str| {
        let text =
            format!("[stack]\nname = \"demo\"\n[charts.web]\nchart = \"./charts/web\"\n{keys}\n");
        sound(&text).charts["web"].apply.mode
    };
    let server = |force_conflicts| ApplyMode::ServerSide { force_conflicts };
    assert_eq!(mode(""), ApplyMode::Auto);
    assert_eq!(mode("force_replace = true"), ApplyMode::Replace);
    assert_eq!(mode("server_side = false"), ApplyMode::ClientSide);
    assert_eq!(mode("server_side = true"), server(false));
    assert_eq!(mode("force_conflicts = true"), server(true));
}

#[test]
fn what_is_not_said_has_its_default() {
    let stack = sound("[stack]\nname = \"demo\"\n[charts.web]\nchart = \"./charts/web\"\n");
    assert_eq!(stack.state_namespace.as_str(), "default");
    assert_eq!(stack.settings.failure_policy, FailurePolicy::Stop);
    assert_eq!(
        (stack.settings.concurrency, stack.settings.history_max),
        (None, 10)
    );
    let web = &stack.charts["web"];
    assert_eq!(web.release.to_string(), "default/web");
    assert_eq!(web.timeout, Duration::from_mins(5));
    assert_eq!((web.wait, web.intent), (Wait::Watch, Intent::Deploy));
    assert_eq!(web.crds, CrdPolicy::Upgrade);
    assert_eq!(web.rollback_on_failure, RollbackOnFailure::Never);
    let unlock = (web.unlock, web.unlock_after);
    assert_eq!(unlock, (Unlock::Never, Duration::from_mins(10)));
    assert_eq!(
        web.source,
        ChartSource::Folder(stack.root.join("charts/web"))
    );
    assert!(web.needs.is_empty() && !web.protected && web.apply == Apply::default());
}

#[test]
fn defaults_merge_deep_and_are_replaced_by_what_a_chart_says() {
    let stack = sound(
        r#"
[stack]
name = "demo"
[defaults]
wait = "helm"
crds = "skip"
rollback_on_failure = "upgrades"
unlock = "stale"
unlock_after = "1h"
labels = { tier = "base", team = "core" }
values = { image = { pull = "Always", tags = ["a", "b"] } }
validate = [{ pods = { selector = "app=x" } }]
[charts.web]
chart = "./charts/web"
atomic = false
unlock = "always"
labels = { tier = "web" }
values.image = { name = "web", tags = ["c"] }
[charts.db]
chart = "./charts/db"
wait = true
crds = "upgrade"
validate = []
"#,
    );
    let web = &stack.charts["web"];
    assert_eq!(web.rollback_on_failure, RollbackOnFailure::Never);
    assert_eq!(
        (web.labels["tier"].as_str(), web.labels["team"].as_str()),
        ("web", "core")
    );
    assert_eq!((web.wait, web.crds), (Wait::Helm, CrdPolicy::Skip));
    assert_eq!(web.steps.validate.len(), 1);
    let values = web.values.compose(&crate::stack::Scope::default()).unwrap();
    assert_eq!(
        values.document,
        serde_json::json!({"image": {"name": "web", "pull": "Always", "tags": ["c"]}})
    );
    let db = &stack.charts["db"];
    assert_eq!(db.rollback_on_failure, RollbackOnFailure::Upgrades);
    assert_eq!((db.wait, db.crds), (Wait::Watch, CrdPolicy::Upgrade));
    assert_eq!((web.unlock, db.unlock), (Unlock::Always, Unlock::Stale));
    assert_eq!(web.unlock_after, Duration::from_hours(1));
    assert!(db.steps.validate.is_empty());
}

#[test]
fn names_are_expanded_while_loading() {
    let text = r#"
[stack]
name = "demo-${inputs.region}"
[inputs]
region = { default = "eu", env = "REGION" }
store = { default = "db" }
[namespaces."${inputs.region}-apps"]
labels = { "x" = "${env.USER}" }
[charts.db]
chart = "./charts/${inputs.region}"
namespace = "${inputs.region}-data"
enabled = true
[charts.web]
chart = "./charts/us"
namespace = "${inputs.region}-apps"
release = "web-${env.USER}"
needs = ["${inputs.store}:ready"]
values = { db = "${charts.db.release}.${charts.db.namespace}.svc", literal = "$${x}" }
"#;
    let root = folder(text);
    let stack = load(LoadOptions {
        env: BTreeMap::from([("USER".into(), "me".into()), ("REGION".into(), "us".into())]),
        ..options(&root, text)
    })
    .unwrap()
    .stack;
    assert_eq!(stack.name.as_str(), "demo-us");
    let need = &stack.charts["web"].needs[0];
    assert_eq!((need.chart.as_str(), need.until), ("db", Milestone::Ready));
    assert_eq!(stack.namespaces.keys().next().unwrap().as_str(), "us-apps");
    assert_eq!(stack.charts["web"].release.to_string(), "us-apps/web-me");
    let values = stack.charts["web"]
        .values
        .compose(&crate::stack::Scope::default());
    assert_eq!(
        values.unwrap().document,
        serde_json::json!({"db": "db.us-data.svc", "literal": "${x}"})
    );
}

#[test]
fn the_command_line_overrides_settings() {
    let text = "[stack]\nname = \"demo\"\n[settings]\nconcurrency = 2\nschedule = \"waves\"\n\
                [charts.web]\nchart = \"./charts/web\"\n";
    let root = folder(text);
    let overrides = Overrides {
        concurrency: Some(7),
        failure_policy: Some("continue".into()),
        schedule: None,
    };
    let loaded = load(LoadOptions {
        overrides,
        ..options(&root, text)
    })
    .unwrap();
    let settings = loaded.stack.settings;
    assert_eq!(settings.concurrency, Some(7));
    assert_eq!(settings.failure_policy, FailurePolicy::Continue);
    assert_eq!(settings.schedule, Schedule::Waves);
    let place = loaded.layers.locate(&["settings", "concurrency"]).unwrap();
    assert_eq!(place.to_string(), "command line:1");
}

#[test]
fn disabled_charts_are_absent() {
    let stack = sound(
        "[stack]\nname = \"demo\"\n[charts.web]\nchart = \"./charts/web\"\n\
         [charts.off]\nenabled = false\nchart = \"./charts/missing\"\nneeds = [\"nope\"]\n",
    );
    assert_eq!(stack.charts.len(), 1);
}
