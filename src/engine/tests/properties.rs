//! What holds for any plan, any failures, any interruption: checked on random plans.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::{
    event::ChartOutcome,
    shutdown::{Level, Reason},
};

/// A plan, what its nodes do, and what comes between.
#[derive(Debug, Clone)]
struct World {
    waits: Vec<Vec<Wait>>,
    scripts: Vec<Vec<Act>>,
    concurrency: usize,
    policy: Policy,
    waves: bool,
    trouble: Trouble,
}

/// At the nth event something happens to the run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    None,
    Refuse(u64),
    Raise(u64, Level),
}

fn wait(on: usize) -> impl Strategy<Value = Option<Wait>> {
    let until = prop::sample::select(Milestone::NAMEABLE.to_vec());
    (prop::bool::weighted(0.3), until, prop::bool::weighted(0.3)).prop_map(
        move |(there, until, soft)| {
            there.then_some(Wait {
                until,
                soft,
                ..hard(u32::try_from(on).unwrap())
            })
        },
    )
}

fn script() -> impl Strategy<Value = Vec<Act>> {
    let end = prop_oneof![
        6 => Just(Act::End(Ok(Done::Succeeded))),
        1 => Just(Act::End(Ok(Done::Unchanged))),
        2 => Just(Act::End(Err(Failure::default()))),
        1 => Just(Act::End(Err(cancelled(Cancelled)))),
    ];
    let parks = any::<bool>();
    ((0_u64..6), (0_u64..6), parks, (0_usize..5), end).prop_map(|(exec, ready, parks, cut, end)| {
        let exec = vec![
            Act::Step("exec"),
            Act::Sleep(exec),
            Act::Reach(Milestone::Deployed),
        ];
        let sleep = Act::Sleep(ready);
        let ready = if parks {
            vec![Act::Park, sleep, Act::Unpark]
        } else {
            vec![sleep]
        };
        let rest = vec![Act::Reach(Milestone::Ready), Act::Step("validate")];
        let mut acts = [exec, ready, rest].concat();
        // A failure comes anywhere on the way.
        if matches!(end, Act::End(Err(_))) {
            acts.truncate(cut + 1);
        }
        acts.push(end);
        acts
    })
}

fn world() -> impl Strategy<Value = World> {
    let trouble = prop_oneof![
        3 => Just(Trouble::None),
        1 => (1_u64..60).prop_map(Trouble::Refuse),
        1 => (1_u64..60).prop_map(|n| Trouble::Raise(n, Level::Drain)),
        1 => (1_u64..60).prop_map(|n| Trouble::Raise(n, Level::Terminate)),
    ];
    let policy = prop_oneof![Just(Policy::Stop), Just(Policy::Continue)];
    (1_usize..14)
        .prop_flat_map(|n| {
            let waits: Vec<_> = (0..n)
                .map(|node| (0..node).map(wait).collect::<Vec<_>>())
                .collect();
            (waits, prop::collection::vec(script(), n))
        })
        .prop_flat_map(move |(waits, scripts)| {
            let waits: Vec<Vec<Wait>> = waits
                .into_iter()
                .map(|waits| waits.into_iter().flatten().collect())
                .collect();
            let shape = (Just(waits), Just(scripts));
            let options = (0_usize..4, policy.clone(), any::<bool>(), trouble.clone());
            (shape, options)
        })
        .prop_map(
            |((waits, scripts), (concurrency, policy, waves, trouble))| World {
                waits,
                scripts,
                concurrency,
                policy,
                waves,
                trouble,
            },
        )
}

fn happen(world: &World) -> (Plan, Outcome, Vec<Event>, Arc<Scripted>) {
    let plan = plan(world.waits.clone());
    let exec = Scripted::new(&plan, world.scripts.clone());
    let mut options = options(world.concurrency, world.policy);
    options.waves = world.waves;
    let (trigger, shutdown) = Shutdown::new();
    let trouble = world.trouble;
    let (outcome, events) = play(&plan, exec.clone(), options, shutdown, |event: &Event| {
        match trouble {
            Trouble::Refuse(n) if event.seq == n => return Err(SinkError("full".into())),
            Trouble::Raise(n, level) if event.seq == n => {
                trigger.raise(level, Reason::Interrupt);
            }
            _ => {}
        }
        Ok(())
    });
    (plan, outcome, events, exec)
}

/// What the events say of one node, by sequence numbers.
#[derive(Debug, Default, Clone)]
struct Life {
    started: Option<u64>,
    reached: Vec<(u64, Milestone)>,
    finished: Vec<(u64, ChartOutcome, Option<NodeName>)>,
    last: u64,
}

fn lives(plan: &Plan, events: &[Event]) -> Vec<Life> {
    let keys = plan.iter().map(|(ix, node)| (node.key.clone(), ix.index()));
    let index: HashMap<NodeName, usize> = keys.collect();
    let mut lives = vec![Life::default(); plan.nodes.len()];
    for event in events {
        let Some(chart) = &event.chart else { continue };
        let life = &mut lives[index[chart]];
        life.last = event.seq;
        match &event.kind {
            EventKind::ChartStarted { .. } => {
                assert_eq!(life.started, None, "{chart} started twice");
                life.started = Some(event.seq);
            }
            EventKind::Milestone { milestone } => life.reached.push((event.seq, *milestone)),
            EventKind::ChartFinished {
                outcome, because, ..
            } => {
                life.finished.push((event.seq, *outcome, because.clone()));
            }
            _ => assert!(life.started.is_some(), "{chart} works before its start"),
        }
    }
    lives
}

impl Life {
    fn end(&self) -> (u64, ChartOutcome) {
        (self.finished[0].0, self.finished[0].1)
    }

    fn satisfies(&self, wait: Wait, by: u64) -> bool {
        let (end, outcome) = self.end();
        let reached = self.reached.iter();
        let mut in_time = reached.filter(|(at, _)| *at < by);
        in_time.any(|&(_, milestone)| milestone >= wait.until)
            || end < by && (wait.soft || outcome.is_ok())
    }
}

fn check_stream(world: &World, plan: &Plan, events: &[Event], lives: &[Life], outcome: &Outcome) {
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    let n = u64::try_from(events.len()).unwrap();
    assert_eq!(seqs, (1..=n).collect::<Vec<_>>(), "numbers without gaps");
    let last = &events.last().unwrap().kind;
    assert!(matches!(events[0].kind, EventKind::RunStarted { .. }));
    assert!(matches!(last, EventKind::RunFinished { .. }));
    for (life, result) in lives.iter().zip(&outcome.charts) {
        assert_eq!(life.finished.len(), 1, "one end for {}", result.chart);
        let (seq, ended, because) = &life.finished[0];
        assert_eq!(*seq, life.last, "the end of {} is its last", result.chart);
        assert_eq!((*ended, because), (result.outcome, &result.because));
        let refused = matches!(world.trouble, Trouble::Refuse(n) if Some(n) == life.started);
        let ran = life.started.is_some() && !refused;
        assert_eq!(ran, *ended != ChartOutcome::NotRun, "{}", result.chart);
    }
    assert_eq!(outcome.charts.len(), plan.nodes.len());
}

fn check_starts(world: &World, plan: &Plan, lives: &[Life]) {
    let failures = lives.iter().map(Life::end);
    let first_failure = failures
        .filter(|(_, outcome)| matches!(outcome, ChartOutcome::Failed | ChartOutcome::Cancelled))
        .map(|(seq, _)| seq)
        .min();
    for (ix, node) in plan.iter() {
        let Some(started) = lives[ix.index()].started else {
            continue;
        };
        for wait in &node.waits {
            let holds = lives[wait.on.index()].satisfies(*wait, started);
            assert!(holds, "{} started before {wait:?}", node.key);
        }
        if world.waves {
            let earlier = plan.iter().filter(|(_, other)| other.wave < node.wave);
            for (other, _) in earlier {
                let (end, _) = lives[other.index()].end();
                assert!(end < started, "{} started in another's wave", node.key);
            }
        }
        if let (Policy::Stop, Some(failure)) = (world.policy, first_failure) {
            assert!(started < failure, "{} started after a failure", node.key);
        }
        match world.trouble {
            Trouble::Refuse(n) => assert!(started <= n, "{} started unrecorded", node.key),
            Trouble::Raise(n, _) => assert!(started <= n, "{} started while ending", node.key),
            Trouble::None => {}
        }
    }
}

fn check_failures(world: &World, plan: &Plan, lives: &[Life]) {
    let lost = |ix: NodeIx| !lives[ix.index()].end().1.is_ok();
    for (ix, node) in plan.iter() {
        let life = &lives[ix.index()];
        for wait in node.waits.iter().filter(|wait| !wait.soft) {
            let (end, _) = lives[wait.on.index()].end();
            let started_before = life.started.is_some_and(|started| started < end);
            let not_run = life.end().1 == ChartOutcome::NotRun;
            assert!(
                !lost(wait.on) || started_before || not_run,
                "{} ran below a failed chart",
                node.key
            );
        }
        if life.end().1 != ChartOutcome::NotRun {
            continue;
        }
        match &life.finished[0].2 {
            Some(because) => {
                let (culprit, _) = plan.iter().find(|(_, n)| n.key == *because).unwrap();
                let (_, outcome) = lives[culprit.index()].end();
                let failed = matches!(outcome, ChartOutcome::Failed | ChartOutcome::Cancelled);
                assert!(failed, "{} blames {because}", node.key);
                let below = is_below(plan, ix, culprit);
                assert!(below || world.policy == Policy::Stop, "{}", node.key);
            }
            None => assert_ne!(world.trouble, Trouble::None, "{} has no reason", node.key),
        }
    }
}

fn is_below(plan: &Plan, node: NodeIx, culprit: NodeIx) -> bool {
    let waits = plan.node(node).waits.iter().filter(|wait| !wait.soft);
    let mut on = waits.map(|wait| wait.on);
    on.any(|on| on == culprit || is_below(plan, on, culprit))
}

/// Events without what the wall clock says.
fn timeless(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    for event in &mut events {
        event.time = jiff::Timestamp::UNIX_EPOCH;
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_run_keeps_its_promises(world in world()) {
        let (plan, outcome, events, exec) = happen(&world);
        let lives = lives(&plan, &events);
        check_stream(&world, &plan, &events, &lives, &outcome);
        check_starts(&world, &plan, &lives);
        check_failures(&world, &plan, &lives);

        let most = exec.most_working.load(Ordering::SeqCst);
        prop_assert!(world.concurrency == 0 || most <= world.concurrency, "{most} at once");
        let n_ran = lives.iter().filter(|life| life.end().1 != ChartOutcome::NotRun).count();
        prop_assert_eq!(exec.n_executed.load(Ordering::SeqCst), n_ran);
        let refused = matches!(world.trouble, Trouble::Refuse(n) if n <= events.len() as u64);
        prop_assert_eq!(outcome.sink_error.is_some(), refused);
    }

    #[test]
    fn the_same_world_tells_the_same_story(world in world()) {
        let (_, _, one, _) = happen(&world);
        let (_, _, two, _) = happen(&world);
        prop_assert_eq!(timeless(&one), timeless(&two));
    }
}
