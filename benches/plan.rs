//! From the text of a stack file to a plan: how long it takes, and how that grows.
//!
//! Prints, for stacks of 1,000, 10,000 and 100,000 charts, the median of several rounds of loading
//! (which validates), building the graph and planning, then what each tenfold growth costs.
//!
//! `cargo bench --bench plan`

#![expect(clippy::print_stdout, reason = "a benchmark prints its numbers")]

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use stackctl::{
    graph::{Graph, Request},
    name::Direction,
    plan::{Known, Observed, Plan},
    stack::{FileSource, LoadOptions, load},
};
use tokio::time::Instant;

/// Charts, and rounds of which the median counts.
const SIZES: [(usize, usize); 3] = [(1_000, 31), (10_000, 11), (100_000, 3)];

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let chart = folder.path().join("chart");
    fs::create_dir(&chart).expect("a folder for the chart");
    let contents = "apiVersion: v2\nname: chart\nversion: 1.2.3\n";
    fs::write(chart.join("Chart.yaml"), contents).expect("a chart");

    println!("median milliseconds");
    println!(
        "{:>8}{:>10}{:>10}{:>10}{:>10}",
        "charts", "load", "graph", "plan", "all"
    );
    let mut totals: Vec<Duration> = Vec::new();
    for (n_charts, n_rounds) in SIZES {
        let text = stack_file(n_charts);
        let rounds: Vec<[Duration; 3]> =
            (0..n_rounds).map(|_| round(&text, folder.path())).collect();
        let [load, graph, plan] = [0, 1, 2].map(|phase| median(&rounds, |round| round[phase]));
        let all = median(&rounds, |round| round.iter().sum());
        let columns = [load, graph, plan, all].map(|time| format!("{:>10.1}", millis(time)));
        println!("{n_charts:>8}{}", columns.concat());
        if let Some(before) = totals.last() {
            println!(
                "{:>8}{:>40.1}",
                "x",
                all.as_secs_f64() / before.as_secs_f64()
            );
        }
        totals.push(all);
    }
}

/// A stack in which each chart needs up to three earlier ones, has a label and some values.
fn stack_file(n_charts: usize) -> String {
    let mut rng = StdRng::seed_from_u64(7);
    let mut text = String::from("[stack]\nname = \"bench\"\n\n[defaults]\nnamespace = \"bench\"\n");
    for chart in 0..n_charts {
        let n_needs = rng.random_range(0..=3_usize.min(chart));
        let needs: Vec<String> = (0..n_needs)
            .map(|_| format!("\"c{}\"", rng.random_range(0..chart)))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let needs = needs.join(", ");
        let tier = chart % 7;
        write!(
            text,
            "\n[charts.c{chart}]\nchart = \"./chart\"\nneeds = [{needs}]\n\
             labels = {{ tier = \"t{tier}\" }}\nvalues = {{ replicas = {tier}, name = \"c{chart}\" }}\n"
        )
        .expect("texts take everything");
    }
    text
}

/// Times of loading, graph and plan.
fn round(text: &str, root: &Path) -> [Duration; 3] {
    let options = LoadOptions::new(FileSource::Text {
        name: "stack.toml".into(),
        text: text.to_owned(),
        root: root.to_owned(),
    });
    let start = Instant::now();
    let stack = load(options).expect("a sound stack").stack;
    let loaded = Instant::now();
    let graph = Graph::new(&stack);
    let selection = graph.select(&Request::default()).expect("everything");
    let selected = Instant::now();
    let observed = Observed::default();
    let plan = Plan::up(&graph, &selection, &observed, &Known::default()).expect("a plan");
    let planned = Instant::now();
    assert_eq!(plan.nodes.len(), stack.charts.len());
    assert_eq!(plan.direction, Direction::Up);
    [loaded - start, selected - loaded, planned - selected]
}

fn median<T>(rounds: &[T], time: impl Fn(&T) -> Duration) -> Duration {
    let mut times: Vec<Duration> = rounds.iter().map(time).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
