//! The seed's own example, as a program that embeds stackctl would write it today.
//!
//! The blog's `PrometheusOperatorConfigChart` overrode all of `exec` to reinstall below a breaking
//! version and to delete six CRDs after the uninstall (engine.md B41, B42). Here the reinstall is
//! two words in the stack file, and the override does only what is its own: the CRDs, also when
//! the release was already gone (the blog's never came to them again).

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;
use stackctl::{
    cluster::ObjectRef,
    event::{ChartOutcome, EventKind, RunOutcome},
    lifecycle::{Context, HelmChart, Payload, StepError, common, ready},
    name::Action,
    run::{Down, Finished, Settings, Up},
    shutdown::{Level, Reason, Shutdown},
    stack::Stack,
};

use crate::{
    support::Lab,
    target::{Helm, Target},
};

tests![
    the_seeds_example_reinstalls_and_cleans_up_its_crds,
    a_step_of_a_program_that_hangs_or_panics_ends_its_own_chart_only,
];

/// CRDs that Helm leaves behind, since it never removes what is in `crds/`.
const CRDS: [&str; 6] = [
    "prometheuses.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com",
    "servicemonitors.monitoring.coreos.com",
    "podmonitors.monitoring.coreos.com",
    "alertmanagers.monitoring.coreos.com",
    "thanosrulers.monitoring.coreos.com",
];

struct PrometheusOperatorConfigChart;

#[async_trait]
impl HelmChart for PrometheusOperatorConfigChart {
    async fn exec(&self, cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
        let payload = common::exec(cx, payload).await?;
        if cx.action == Action::Uninstall {
            let crds = CRDS.map(|name| ObjectRef {
                api_version: "apiextensions.k8s.io/v1".into(),
                kind: "CustomResourceDefinition".into(),
                namespace: None,
                name: name.into(),
            });
            for crd in &crds {
                cx.run.cluster.delete(crd).await?;
            }
            // Kubernetes removes the objects of a kind before the kind itself.
            ready::wait_gone(cx, &crds).await?;
        }
        Ok(payload)
    }
}

fn the_seeds_example_reinstalls_and_cleans_up_its_crds() {
    let lab = Lab::on(Target::own(), Helm::Four, "seed");
    let crds = || lab.objects("customresourcedefinitions");
    let before = crds();

    assert_ok(&run(&lab, "66.0.0", "up"));
    assert_eq!(crds().len(), before.len() + CRDS.len());
    lab.has_releases(&["prometheus-operator 1 deployed"]);
    assert_ok(&run(&lab, "67.3.1", "up"));
    // Its first revision again: it was reinstalled.
    lab.has_releases(&["prometheus-operator 1 deployed"]);
    assert_ok(&run(&lab, "67.3.1", "up"));
    // Not below any more.
    lab.has_releases(&["prometheus-operator 2 deployed"]);

    assert_ok(&run(&lab, "67.3.1", "down"));
    assert_eq!(crds(), before);

    // The blog's version never came back to the CRDs once the release was gone.
    assert_ok(&run(&lab, "67.3.1", "up"));
    let mut uninstall = lab.helm_command(&["uninstall", "prometheus-operator", "--wait"]);
    assert!(uninstall.status().expect("helm starts").success());
    assert_ok(&run(&lab, "67.3.1", "down"));
    assert_eq!(crds(), before);
}

fn run(lab: &Lab, version: &str, verb: &str) -> Finished {
    lab.version("prometheus-operator", version);
    lab.stack(&format!(
        "[charts.prometheus-operator]\nchart = \"./charts/prometheus-operator-{version}\"\n\
         reinstall_below = \"67.0.0\"\n\
         # The API server may take a minute to finalize a kind that it has just begun to serve.\n\
         timeout = \"5m\"\n"
    ));
    let stack = Stack::load(lab.path().join("stack.toml")).expect("a sound stack");
    let settings = settings(lab.target(), lab.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let finished = runtime.block_on(async {
        let name = "prometheus-operator";
        match verb {
            "up" => {
                Up::new(stack)
                    .chart(name, PrometheusOperatorConfigChart)
                    .settings(settings)
                    .run()
                    .await
            }
            _ => {
                Down::new(stack)
                    .chart(name, PrometheusOperatorConfigChart)
                    .settings(settings)
                    .run()
                    .await
            }
        }
    });
    finished.unwrap_or_else(|error| panic!("{verb}: {error}"))
}

/// Its steps go wrong as only code can.
struct Wrong(fn());

#[async_trait]
impl HelmChart for Wrong {
    async fn pre_exec(&self, _: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
        self.0();
        std::future::pending::<()>().await;
        Ok(payload)
    }
}

fn a_step_of_a_program_that_hangs_or_panics_ends_its_own_chart_only() {
    let lab = Lab::new("wrong");
    lab.stack(
        "[settings]\nfailure_policy = \"continue\"\n[charts.hangs]\nchart = \"./charts/app\"\n\
         [charts.panics]\nchart = \"./charts/app\"\n[charts.sound]\nchart = \"./charts/app\"\n",
    );
    let stack = Stack::load(lab.path().join("stack.toml")).expect("a sound stack");
    let (trigger, _) = Shutdown::new();
    let kill = trigger.clone();
    let mut left = 2;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let finished = runtime.block_on(
        Up::new(stack)
            .chart("hangs", Wrong(|| ()))
            .chart("panics", Wrong(|| panic!("no such luck")))
            .settings(settings(lab.target(), lab.path()))
            .trigger(trigger)
            .watch(move |event| {
                left -= i32::from(matches!(event.kind, EventKind::ChartFinished { .. }));
                if left == 0 {
                    kill.raise(Level::Kill, Reason::Interrupt);
                }
            })
            .run(),
    );
    let outcome = finished.expect("it runs").outcome;
    let ended: BTreeMap<&str, ChartOutcome> = outcome
        .charts
        .iter()
        .map(|chart| (chart.chart.chart.as_str(), chart.outcome))
        .collect();
    let expected = [
        ("hangs", ChartOutcome::Cancelled),
        ("panics", ChartOutcome::Failed),
        ("sound", ChartOutcome::Succeeded),
    ];
    assert_eq!(ended, expected.into());
    let panicked = outcome
        .charts
        .iter()
        .find_map(|chart| chart.failure.as_ref().filter(|failure| !failure.cancelled));
    let panicked = panicked.expect("one failed");
    assert_eq!(panicked.step, "pre");
    assert!(panicked.error.contains("no such luck"), "{panicked:?}");
}

fn settings(target: &Target, folder: &Path) -> Settings {
    Settings {
        env: BTreeMap::from([
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("HOME".into(), folder.join("home").into()),
            ("TMPDIR".into(), folder.join("tmp").into()),
        ]),
        kubeconfig: Some(target.kubeconfig.clone()),
        helm: Some(target.helm(Helm::Four)),
        state_dir: folder.join(".stackctl"),
        ..Settings::default()
    }
}

fn assert_ok(finished: &Finished) {
    assert_eq!(
        finished.outcome.outcome,
        RunOutcome::Succeeded,
        "{:?}",
        finished.outcome
    );
    assert!(
        finished
            .outcome
            .charts
            .iter()
            .all(|chart| chart.outcome.is_ok()),
        "{:?}",
        finished.outcome
    );
}
