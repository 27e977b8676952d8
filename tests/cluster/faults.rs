//! An API server that refuses, hangs, is slow, answers 429 or 500, or drops its connections, while
//! a run is at work.
//!
//! Where a fault begins is told by counting requests, never by time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Method;

use crate::{
    proxy::{Fate, Proxy, Seen},
    support::Lab,
};

tests![
    despite_faults_an_api_server_that_refuses_for_a_moment_stops_nobody_for_good,
    despite_faults_too_many_requests_are_waited_for,
    despite_faults_an_api_server_in_trouble_stops_nobody_for_good,
    despite_faults_an_api_server_that_hangs_for_a_moment_stops_nobody_for_good,
    despite_faults_a_request_that_is_never_answered_fails_its_chart_in_time,
    despite_faults_a_write_whose_answer_is_lost_is_not_done_twice,
    despite_faults_a_slow_api_server_only_takes_longer,
    despite_faults_cut_watches_go_on,
    despite_faults_what_cannot_be_read_is_neither_ready_nor_gone,
];

/// A hook, a workload that is waited for, and a validation.
const STACK: &str = r#"
[charts.db]
chart = "./charts/app"
values = { kind = "none", hook = { on = "pre-install,pre-upgrade" } }
[charts.web]
chart = "./charts/app"
needs = ["db"]
values = { readyAfter = "1s" }
[[charts.web.validate]]
pods = { selector = "app=web" }
"#;

/// Where in each run a fault begins: the count of all writes of a run is more than twice this.
const WRITES: [usize; 2] = [2, 8];

/// Runs up and down, each with the fault beginning at each of some writes, and once more without.
/// A run succeeds, or says clearly what stopped it; the next one finishes the job.
///
/// `fault` is asked about every request from that write on.
fn at_some_writes(
    name: &str,
    must_succeed: bool,
    fault: impl Fn(&Proxy) -> Box<dyn Fn(&Seen) -> Fate + Send + Sync>,
) {
    let lab = Lab::new(name);
    lab.stack(STACK);
    let proxy = Proxy::of(lab.target());
    for nth in WRITES {
        for command in [&["up", "--yes"], &["down", "--yes"]] {
            let fault = fault(&proxy);
            let begun = AtomicBool::new(false);
            proxy.faults(move |seen| {
                if seen.write == nth {
                    begun.store(true, Ordering::Relaxed);
                }
                if begun.load(Ordering::Relaxed) {
                    fault(seen)
                } else {
                    Fate::Pass
                }
            });
            let what = format!("{name}: {command:?} from write {nth} on");
            let run = lab.stackctl_with(&proxy.env(), command);
            let hooks = hooks(&proxy);
            let succeeded = run.status.success();
            eprintln!("{what}: {}", run.status);
            run.clear(&what);
            assert!(succeeded || !must_succeed, "{what}: {run}");
            assert!(hooks <= 1, "{what}: {hooks} hooks: {run}");
            let before = lab.releases();
            proxy.no_faults();
            let again = lab.stackctl_with(&proxy.env(), command);
            assert!(again.status.success(), "{what}: then: {again}");
            let after = lab.releases();
            let found: Vec<_> = after.keys().map(String::as_str).collect();
            let expected: &[&str] = if command[0] == "up" {
                &["db", "web"]
            } else {
                &[]
            };
            assert_eq!(found, expected, "{what}: then: {again}");
            for (name, release) in &after {
                assert_eq!(release.status, "deployed", "{what}: {name}: {again}");
            }
            if succeeded {
                assert_eq!(before, after, "{what}: it was not done: {again}");
            }
        }
    }
}

/// How many hooks were made.
fn hooks(proxy: &Proxy) -> usize {
    let jobs = |write: &&String| write.starts_with("POST") && write.contains("/jobs");
    proxy.writes().iter().filter(jobs).count()
}

/// So many requests have this fate, then all pass.
fn burst(length: usize, fate: Fate) -> Box<dyn Fn(&Seen) -> Fate + Send + Sync> {
    let left = std::sync::Mutex::new(length);
    Box::new(move |_| {
        let mut left = left.lock().expect("nobody panics with it");
        if *left == 0 {
            return Fate::Pass;
        }
        *left -= 1;
        fate
    })
}

fn despite_faults_an_api_server_that_refuses_for_a_moment_stops_nobody_for_good() {
    at_some_writes("refused", false, |proxy| {
        let outage = proxy.outage(Duration::from_secs(3));
        let began = AtomicBool::new(false);
        Box::new(move |_| {
            if began.swap(true, Ordering::Relaxed) {
                return Fate::Pass;
            }
            outage();
            Fate::Cut
        })
    });
}

fn despite_faults_too_many_requests_are_waited_for() {
    at_some_writes("fault-429", true, |_| burst(4, Fate::Refused(429)));
}

fn despite_faults_an_api_server_in_trouble_stops_nobody_for_good() {
    at_some_writes("fault-500", false, |_| burst(6, Fate::Refused(500)));
}

fn despite_faults_an_api_server_that_hangs_for_a_moment_stops_nobody_for_good() {
    let late = Fate::Late(Duration::from_secs(5));
    at_some_writes("fault-hang", false, move |_| burst(2, late));
}

fn despite_faults_a_request_that_is_never_answered_fails_its_chart_in_time() {
    let lab = Lab::new("fault-silent");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\ntimeout = \"15s\"\n",
    );
    let proxy = Proxy::of(lab.target());
    for command in [&["up", "--yes"], &["down", "--yes"]] {
        // What is announced before Helm begins, after the run has said that it is the one who does.
        let writes = AtomicUsize::new(0);
        proxy.faults(move |seen| {
            if seen.write > 0
                && seen.path.contains("configmaps/stackctl-fault-silent")
                && writes.fetch_add(1, Ordering::Relaxed) > 0
            {
                Fate::Hang
            } else {
                Fate::Pass
            }
        });
        let run = lab.stackctl_with(&proxy.env(), command).exits(1);
        assert!(run.elapsed < Duration::from_secs(100), "{run}");
        assert_eq!(run.outcomes()["web"], "failed", "{run}");
        run.clear("silent");
        proxy.no_faults();
        lab.stackctl_with(&proxy.env(), command).exits(0);
    }
    lab.has_releases(&[]);
}

fn despite_faults_a_write_whose_answer_is_lost_is_not_done_twice() {
    at_some_writes("fault-lost", false, |_| burst(1, Fate::Lost));
}

fn despite_faults_a_slow_api_server_only_takes_longer() {
    let lab = Lab::new("fault-slow");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\ntimeout = \"150s\"\n",
    );
    let proxy = Proxy::of(lab.target());
    for command in [&["up", "--yes"], &["down", "--yes"]] {
        proxy.faults(|_| Fate::Late(Duration::from_secs(2)));
        lab.stackctl_with(&proxy.env(), command).exits(0);
    }
    lab.has_releases(&[]);
}

fn despite_faults_cut_watches_go_on() {
    let lab = Lab::new("fault-watches");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\nvalues = { readyAfter = \"4s\", deleteAfter = \"3s\" }\n",
    );
    let proxy = Proxy::of(lab.target());
    for command in [&["up", "--yes"], &["down", "--yes"]] {
        // Each of the first watches, and everything beside it, is cut by the next request.
        let cut = proxy.cutter();
        let watches = AtomicUsize::new(0);
        let open = AtomicBool::new(false);
        proxy.faults(move |seen| {
            if seen.path.contains("watch=") && watches.fetch_add(1, Ordering::Relaxed) < 3 {
                open.store(true, Ordering::Relaxed);
            } else if seen.method == Method::GET && open.swap(false, Ordering::Relaxed) {
                cut();
            }
            Fate::Pass
        });
        let run = lab.stackctl_with(&proxy.env(), command).exits(0);
        assert_eq!(run.outcomes()["web"], "succeeded", "{run}");
    }
    lab.has_releases(&[]);
}

fn despite_faults_what_cannot_be_read_is_neither_ready_nor_gone() {
    let lab = Lab::new("fault-blind");
    lab.stack("[charts.web]\nchart = \"./charts/app\"\ntimeout = \"20s\"\n");
    let proxy = Proxy::of(lab.target());
    // From Helm's write of the workload on, nothing of it can be read.
    let blind = |begins: fn(&Seen) -> bool| {
        let begun = Arc::new(AtomicBool::new(false));
        move |seen: &Seen| {
            if begins(seen) {
                begun.store(true, Ordering::Relaxed);
            }
            let workload = ["/deployments", "/replicasets", "/pods"];
            let asked = workload.iter().any(|part| seen.path.contains(part));
            if seen.method == Method::GET && asked && begun.load(Ordering::Relaxed) {
                Fate::Refused(500)
            } else {
                Fate::Pass
            }
        }
    };
    proxy.faults(blind(|seen| {
        seen.write > 0 && seen.path.contains("/deployments")
    }));
    let up = lab.stackctl_with(&proxy.env(), &["up", "--yes"]).exits(1);
    assert_eq!(up.outcomes()["web"], "failed", "{up}");
    up.clear("up");
    proxy.no_faults();
    lab.stackctl_with(&proxy.env(), &["up", "--yes"]).exits(0);
    proxy.faults(blind(|seen| seen.method == Method::DELETE));
    let down = lab.stackctl_with(&proxy.env(), &["down", "--yes"]).exits(1);
    assert_eq!(down.outcomes()["web"], "failed", "{down}");
    down.clear("down");
    proxy.no_faults();
    lab.stackctl_with(&proxy.env(), &["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
    assert_eq!(lab.objects("deployments,pods"), [""; 0]);
}
