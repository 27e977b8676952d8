//! When charts start: recorded times of random graphs respect every edge, and what `ready` means.

use std::{collections::BTreeSet, env, fmt::Write as _};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use stackctl::name::Milestone;

use crate::{
    support::{Lab, Run},
    target::{Helm, Target},
};

tests![
    recorded_times_of_a_random_graph_of_40_charts_respect_every_edge,
    recorded_times_of_a_random_graph_respect_every_edge_with_helm_3,
    by_waves_a_chart_starts_when_the_wave_before_has_ended,
    a_waiting_chart_holds_no_slot,
    ready_means_that_the_workloads_are_ready,
    hooks_that_run_after_readiness_do,
    with_wait_helm_it_is_helm_that_waits,
    without_wait_ready_comes_with_deployed,
];

fn recorded_times_of_a_random_graph_of_40_charts_respect_every_edge() {
    random_graph(&Lab::new("random"), 40);
}

fn recorded_times_of_a_random_graph_respect_every_edge_with_helm_3() {
    random_graph(&Lab::on(Target::shared(), Helm::Three, "random-3"), 12);
}

/// An edge of a random graph.
struct Edge {
    chart: usize,
    on: usize,
    /// None for a soft one.
    until: Option<Milestone>,
}

fn random_graph(lab: &Lab, charts: usize) {
    let seed = env::var("STACKCTL_TEST_SEED")
        .ok()
        .map_or_else(rand::random, |seed| seed.parse().expect("a number"));
    eprintln!("STACKCTL_TEST_SEED={seed} ({charts} charts)");
    let mut random = StdRng::seed_from_u64(seed);
    let edges = random_edges(&mut random, charts);
    lab.stack(&random_stack(lab, &mut random, charts, &edges));

    let up = lab.stackctl(&["up", "-j", "4"]).exits(0);
    everything_succeeded(&up, charts, seed);
    for Edge { chart, on, until } in &edges {
        let (chart, on) = (name(*chart), name(*on));
        // Everything succeeds here: the end that an `after` waits for is its last milestone.
        up.starts_after(&chart, &on, until.unwrap_or(Milestone::Validated));
    }
    let down = lab.stackctl(&["down", "-y", "-j", "4"]).exits(0);
    everything_succeeded(&down, charts, seed);
    for Edge { chart, on, .. } in &edges {
        let (chart, on) = (name(*chart), name(*on));
        down.starts_after(&on, &chart, Milestone::Gone);
    }
    lab.has_releases(&[]);
}

/// Edges to earlier charts only, most of them to near ones, so that there are long paths.
fn random_edges(random: &mut StdRng, charts: usize) -> Vec<Edge> {
    let milestones = [Milestone::Deployed, Milestone::Ready, Milestone::Validated];
    let mut edges = Vec::new();
    for chart in 1..charts {
        let on: BTreeSet<usize> = (0..random.random_range(0..4))
            .map(|_| random.random_range(chart.saturating_sub(8)..chart))
            .collect();
        for on in on {
            let until = random
                .random_bool(0.8)
                .then(|| milestones[random.random_range(0..milestones.len())]);
            edges.push(Edge { chart, on, until });
        }
    }
    edges
}

/// Before a chart is installed it looks into the cluster whether what it needs is really there:
/// the journal could be wrong.
fn random_stack(lab: &Lab, random: &mut StdRng, charts: usize, edges: &[Edge]) -> String {
    let kubectl = lab.target().kubectl();
    let mut stack = String::new();
    for chart in 0..charts {
        let (mut needs, mut after, mut there) = (Vec::new(), Vec::new(), vec!["true".to_owned()]);
        for edge in edges.iter().filter(|edge| edge.chart == chart) {
            let on = name(edge.on);
            match edge.until {
                Some(until) => {
                    needs.push(format!("{on}:{until}"));
                    let condition = if until == Milestone::Deployed {
                        format!("get deployment/{on}")
                    } else {
                        format!("wait deployment/{on} --for=condition=Available --timeout=0")
                    };
                    there.push(format!(
                        "{} -n {} {condition} >/dev/null",
                        kubectl.display(),
                        lab.namespace
                    ));
                }
                None => after.push(on),
            }
        }
        let ready_after = random.random_range(0..1500);
        write!(
            stack,
            "[charts.{}]\nchart = \"./charts/app\"\nneeds = {needs:?}\nafter = {after:?}\n\
             values = {{ readyAfter = \"{ready_after}ms\" }}\n\
             pre = [{{ run = \"{}\" }}]\n",
            name(chart),
            there.join(" && ")
        )
        .expect("a String takes everything");
    }
    stack
}

fn name(chart: usize) -> String {
    format!("c{chart:02}")
}

#[track_caller]
fn everything_succeeded(run: &Run, charts: usize, seed: u64) {
    let outcomes = run.outcomes();
    assert_eq!(outcomes.len(), charts, "STACKCTL_TEST_SEED={seed} {run}");
    assert!(
        outcomes.values().all(|outcome| outcome == "succeeded"),
        "STACKCTL_TEST_SEED={seed} {run}"
    );
    for pair in run.events.windows(2) {
        assert_eq!(pair[0].seq + 1, pair[1].seq, "no gap in {run}");
        assert!(
            pair[0].elapsed_ms <= pair[1].elapsed_ms,
            "time goes forward in {run}"
        );
    }
}

fn by_waves_a_chart_starts_when_the_wave_before_has_ended() {
    let lab = Lab::new("waves");
    lab.stack(
        r#"
[charts.fast]
chart = "./charts/app"
[charts.slow]
chart = "./charts/app"
values = { readyAfter = "3s" }
[charts.second]
chart = "./charts/app"
needs = ["fast"]
"#,
    );
    let eager = lab.stackctl(&["up"]).exits(0);
    assert!(eager.is_before_end("second", "slow"), "eager: {eager}");
    lab.stackctl(&["down", "-y"]).exits(0);
    lab.stackctl(&["up", "--schedule", "waves"])
        .exits(0)
        .starts_after_end("second", "slow");
}

fn a_waiting_chart_holds_no_slot() {
    let lab = Lab::new("slots");
    let mut stack = String::new();
    for chart in 0..6 {
        write!(
            stack,
            "[charts.c{chart}]\nchart = \"./charts/app\"\nvalues = {{ readyAfter = \"5s\" }}\n"
        )
        .expect("a String takes everything");
    }
    lab.stack(&stack);
    let up = lab.stackctl(&["up", "-j", "1"]).exits(0);
    // One after the other they would take 30 s.
    assert!(up.elapsed.as_secs() < 20, "{:?} {up}", up.elapsed);
    for chart in 1..6 {
        assert!(up.is_before_end(&format!("c{chart}"), "c0"), "{up}");
    }
}

fn ready_means_that_the_workloads_are_ready() {
    let lab = Lab::new("ready");
    lab.stack(
        r#"
[charts.deployment]
chart = "./charts/app"
values = { replicas = 2, readyAfter = "2s" }
[charts.stateful]
chart = "./charts/app"
values = { kind = "StatefulSet", replicas = 2, readyAfter = "1s", claim = true }
[charts.job]
chart = "./charts/app"
values = { kind = "none", job = { readyAfter = "2s" } }
"#,
    );
    lab.stackctl(&["up"]).exits(0);
    // At once, without another look: what up says is ready is ready.
    let status = |object: &str| lab.get(&[object])["status"].clone();
    assert_eq!(status("deployment/deployment")["readyReplicas"], 2);
    assert_eq!(status("statefulset/stateful")["readyReplicas"], 2);
    assert_eq!(status("job/job")["succeeded"], 1);
}

fn hooks_that_run_after_readiness_do() {
    for (name, helm) in [("post-hook-4", Helm::Four), ("post-hook-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.stack(
            "[charts.web]\nchart = \"./charts/app\"\n\
             values = { readyAfter = \"3s\", hook = { on = \"post-install\" } }\n",
        );
        lab.stackctl(&["up"]).exits(0);
        // Timestamps of Kubernetes, in whole seconds; as text they sort.
        let deployment = lab.get(&["deployment", "web"]);
        let available = deployment["status"]["conditions"]
            .as_array()
            .and_then(|all| {
                all.iter()
                    .find(|condition| condition["type"] == "Available")
            })
            .and_then(|condition| condition["lastTransitionTime"].as_str())
            .expect("it is available");
        let hook = lab.get(&["job", "web-hook"]);
        let started = hook["metadata"]["creationTimestamp"]
            .as_str()
            .expect("it was made");
        assert!(
            started >= available,
            "hook {started}, available {available}"
        );
    }
}

fn with_wait_helm_it_is_helm_that_waits() {
    for (name, helm) in [("wait-helm-4", Helm::Four), ("wait-helm-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.stack(
            "[charts.web]\nchart = \"./charts/app\"\nwait = \"helm\"\n\
             values = { readyAfter = \"3s\" }\n",
        );
        let mut up = lab.start(&["up"]);
        // Only while it waits is the record pending although the objects are there.
        up.until("its pod is there", || !lab.objects("pods").is_empty());
        lab.has_releases(&["web 1 pending-install"]);
        up.end().exits(0);
        lab.has_releases(&["web 1 deployed"]);
        assert_eq!(
            lab.get(&["deployment", "web"])["status"]["readyReplicas"],
            1
        );
    }
}

fn without_wait_ready_comes_with_deployed() {
    let lab = Lab::new("no-wait");
    lab.stack(
        r#"
[charts.never-ready]
chart = "./charts/app"
values = { fail = "CrashLoopBackOff" }
wait = false
[charts.below]
chart = "./charts/app"
needs = ["never-ready"]
"#,
    );
    lab.stackctl(&["up"]).exits(0);
    lab.has_releases(&["below 1 deployed", "never-ready 1 deployed"]);
}
