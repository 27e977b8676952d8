//! The engine with scripted nodes on a paused clock.

mod cases;
mod properties;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use super::*;
use crate::{
    event::{Event, EventKind, Failure},
    name::{ChartName, Direction, Milestone, NodeName, RunId, StackName},
    plan::{Node, NodeIx, Plan, Wait},
    secret::Redactor,
    shutdown::Shutdown,
};

/// A wait for the node's end, well.
pub(super) fn hard(on: u32) -> Wait {
    Wait {
        on: NodeIx(on),
        until: Milestone::Validated,
        soft: false,
    }
}

/// A wait for the node's end, of any kind.
pub(super) fn soft(on: u32) -> Wait {
    Wait {
        soft: true,
        ..hard(on)
    }
}

/// A plan of nodes `n0`, `n1`, …, given by what they wait for.
pub(super) fn plan(waits: Vec<Vec<Wait>>) -> Plan {
    let nodes = waits.into_iter().enumerate().map(|(index, waits)| Node {
        waits,
        ..Node::install(ChartName::new(&format!("n{index}")).unwrap())
    });
    Plan::from_nodes(
        StackName::new("shop").unwrap(),
        Direction::Up,
        nodes.collect(),
    )
    .unwrap()
}

fn options(concurrency: usize, policy: Policy) -> Options {
    Options {
        run: RunId::new("r1").unwrap(),
        concurrency,
        policy,
        waves: false,
        redactor: Redactor::default(),
    }
}

/// What a scripted node does, one after the other.
#[derive(Debug, Clone)]
enum Act {
    Sleep(u64),
    Step(&'static str),
    Reach(Milestone),
    Park,
    Unpark,
    Panic(&'static str),
    End(Result<Done, Failure>),
}

/// Nodes by script; without one they succeed at once. Counts who works, as seen from the nodes.
#[derive(Default)]
struct Scripted {
    /// By name's number (`n7` = 7).
    scripts: Vec<Vec<Act>>,
    keys: Vec<usize>,
    n_working: AtomicUsize,
    most_working: AtomicUsize,
    n_executed: AtomicUsize,
}

impl Scripted {
    fn new(plan: &Plan, scripts: Vec<Vec<Act>>) -> Arc<Self> {
        let keys = plan
            .nodes
            .iter()
            .map(|node| node.key.chart.as_str()[1..].parse());
        Arc::new(Self {
            scripts,
            keys: keys.collect::<Result<_, _>>().unwrap(),
            ..Self::default()
        })
    }

    fn work(&self) {
        let n_working = self.n_working.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_working.fetch_max(n_working, Ordering::SeqCst);
    }

    fn rest(&self) {
        self.n_working.fetch_sub(1, Ordering::SeqCst);
    }
}

fn cancelled(_: Cancelled) -> Failure {
    Failure {
        cancelled: true,
        ..Failure::default()
    }
}

/// Counts a node as working, whatever way it ends.
struct Working<'a>(&'a Scripted, bool);

impl Working<'_> {
    fn set(&mut self, works: bool) {
        match (self.1, works) {
            (false, true) => self.0.work(),
            (true, false) => self.0.rest(),
            _ => {}
        }
        self.1 = works;
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.set(false);
    }
}

impl Execute for Scripted {
    async fn execute(&self, node: NodeIx, progress: Progress) -> Result<Done, Failure> {
        self.n_executed.fetch_add(1, Ordering::SeqCst);
        let mut working = Working(self, false);
        working.set(true);
        let script = self.scripts.get(self.keys[node.index()]);
        for act in script.into_iter().flatten() {
            match act {
                Act::Sleep(millis) => sleep(Duration::from_millis(*millis)).await,
                Act::Step(name) => progress.step(name).await.map_err(cancelled)?.finish(true),
                Act::Reach(milestone) => progress.reached(*milestone),
                Act::Park => {
                    working.set(false);
                    progress.park();
                }
                Act::Unpark => {
                    progress.unpark().await.map_err(cancelled)?;
                    working.set(true);
                }
                Act::Panic(text) => {
                    let _open = progress.step("exec").await.map_err(cancelled)?;
                    panic!("{text}");
                }
                Act::End(end) => return end.clone(),
            }
        }
        Ok(Done::Succeeded)
    }
}

/// Keeps every event, and does something at each.
struct Recorder<F> {
    events: Vec<Event>,
    at: F,
}

impl<F: FnMut(&Event) -> Result<(), SinkError>> Sink for Recorder<F> {
    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        self.events.push(event.clone());
        (self.at)(event)
    }
}

/// Runs to the end on a paused clock, and returns what happened.
fn play(
    plan: &Plan,
    exec: Arc<Scripted>,
    options: Options,
    shutdown: Shutdown,
    at: impl FnMut(&Event) -> Result<(), SinkError> + Send,
) -> (Outcome, Vec<Event>) {
    let events = Vec::new();
    let mut recorder = Recorder { events, at };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let outcome = runtime.block_on(run(plan, exec, options, shutdown, &mut recorder));
    (outcome, recorder.events)
}

/// One line per event: `n1 started`, `n1 exec`, `n1 exec ok`, `n1 failed`, …
fn story(events: &[Event]) -> Vec<String> {
    let events = events.iter().map(|event| {
        let what = match &event.kind {
            EventKind::RunStarted { .. } => "run started".to_owned(),
            EventKind::ChartStarted { .. } => "started".to_owned(),
            EventKind::StepStarted { step } => step.clone(),
            EventKind::StepOutput { line, .. } => line.clone(),
            EventKind::StepFinished { step, ok, .. } => {
                format!("{step} {}", if *ok { "ok" } else { "failed" })
            }
            EventKind::Milestone { milestone } => format!("is {milestone}"),
            EventKind::ChartFinished {
                outcome, because, ..
            } => match because {
                Some(because) => format!("{} because of {because}", outcome.as_str()),
                None => outcome.as_str().to_owned(),
            },
            EventKind::RunFinished { outcome, .. } => format!("run {outcome:?}").to_lowercase(),
        };
        match &event.chart {
            Some(chart) => format!("{chart} {what}"),
            None => what,
        }
    });
    events.collect()
}
