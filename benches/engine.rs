//! How far from ideal the engine's order is: 1,000 random plans on a paused clock.
//!
//! Prints, over all plans, the makespan divided by its lower bound max(critical path, work ÷ slots),
//! as median, 95th percentile and maximum: with the durations known beforehand, with nothing known
//! (each chart counts 1), and with waves as barriers.
//!
//! `cargo bench --bench engine`

#![expect(clippy::print_stdout, reason = "a benchmark prints its numbers")]

use std::{sync::Arc, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use stackctl::{
    engine::{self, Done, Execute, Options, Policy, Progress, Sink, SinkError},
    event::{Event, Failure, RunOutcome},
    name::{ChartName, Direction, Milestone, RunId, StackName},
    plan::{Node, NodeIx, Plan, Wait},
    secret::Redactor,
    shutdown::Shutdown,
};

const N_PLANS: u64 = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let worlds: Vec<World> = (0..N_PLANS).map(World::random).collect();
    println!("makespan over max(critical path, work / slots), {N_PLANS} random plans");
    println!("{:24}{:>8}{:>8}{:>8}", "", "p50", "p95", "max");
    for (name, known, waves) in [
        ("known durations", true, false),
        ("counts", false, false),
        ("waves as barriers", false, true),
    ] {
        let ratio = |world: &World| runtime.block_on(world.ratio(known, waves));
        let mut ratios: Vec<f64> = worlds.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |percent: usize| ratios[(ratios.len() - 1) * percent / 100];
        println!("{name:24}{:>8.3}{:>8.3}{:>8.3}", at(50), at(95), at(100));
    }
}

/// A stack: 10 to 100 charts, each of which needs up to three earlier ones. In half of the stacks
/// each takes 1 to 60 seconds, in the other half 1 to 20 and one in ten up to five minutes. There
/// are 2 to 8 slots.
struct World {
    millis: Vec<u64>,
    needs: Vec<Vec<usize>>,
    slots: usize,
}

impl World {
    fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let n = rng.random_range(10..=100);
        let is_even = rng.random_bool(0.5);
        let millis = (0..n).map(|_| {
            let most = match (is_even, rng.random_bool(0.1)) {
                (true, _) => 60_000,
                (false, true) => 300_000,
                (false, false) => 20_000,
            };
            rng.random_range(1_000..=most)
        });
        let millis = millis.collect();
        let needs = (0..n).map(|chart| {
            let n_needs = rng.random_range(0..=3_usize.min(chart));
            (0..n_needs).map(|_| rng.random_range(0..chart)).collect()
        });
        let needs = needs.collect();
        let slots = rng.random_range(2..=8);
        Self {
            millis,
            needs,
            slots,
        }
    }

    fn plan(&self, known: bool) -> Plan {
        let nodes = self.millis.iter().zip(&self.needs).enumerate();
        let nodes = nodes.map(|(index, (&millis, needs))| Node {
            weight: if known { millis } else { 1 },
            waits: needs.iter().map(|&on| wait(on)).collect(),
            ..Node::install(ChartName::new(&format!("c{index}")).expect("a name"))
        });
        let stack = StackName::new("bench").expect("a name");
        Plan::from_nodes(stack, Direction::Up, nodes.collect()).expect("no cycles")
    }

    /// No schedule can be shorter.
    fn bound(&self) -> u64 {
        let path = self.plan(true).nodes.iter().map(|node| node.priority).max();
        let work: u64 = self.millis.iter().sum();
        let spread = work.div_ceil(u64::try_from(self.slots).expect("few slots"));
        path.unwrap_or(0).max(spread)
    }

    async fn ratio(&self, known: bool, waves: bool) -> f64 {
        let plan = self.plan(known);
        let of_node = |node: &Node| {
            let index: usize = node.key.chart.as_str()[1..]
                .parse()
                .expect("`c` and a number");
            Duration::from_millis(self.millis[index])
        };
        let sleeps = Arc::new(Sleeps(plan.nodes.iter().map(of_node).collect()));
        let options = Options {
            run: RunId::new("bench").expect("a name"),
            concurrency: self.slots,
            policy: Policy::Stop,
            waves,
            redactor: Redactor::default(),
        };
        let outcome = engine::run(&plan, sleeps, options, Shutdown::never(), &mut Deaf).await;
        assert_eq!(outcome.outcome, RunOutcome::Succeeded);
        let bound = Duration::from_millis(self.bound());
        outcome.duration.as_secs_f64() / bound.as_secs_f64()
    }
}

fn wait(on: usize) -> Wait {
    Wait {
        on: NodeIx(u32::try_from(on).expect("few nodes")),
        until: Milestone::Validated,
        soft: false,
    }
}

/// Charts that take their time and do nothing.
struct Sleeps(Vec<Duration>);

impl Execute for Sleeps {
    async fn execute(&self, node: NodeIx, _: Progress) -> Result<Done, Failure> {
        tokio::time::sleep(self.0[node.index()]).await;
        Ok(Done::Succeeded)
    }
}

struct Deaf;

impl Sink for Deaf {
    fn event(&mut self, _: &Event) -> Result<(), SinkError> {
        Ok(())
    }
}
