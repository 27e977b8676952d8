//! Single situations, told as stories.

use super::*;
use crate::{
    event::{ChartOutcome, RunOutcome, Stream},
    secret::Secret,
    shutdown::{Level, Reason},
};

fn fail() -> Act {
    Act::End(Err(Failure {
        step: "exec".into(),
        error: "it broke".into(),
        ..Failure::default()
    }))
}

fn told(
    plan: &Plan,
    scripts: Vec<Vec<Act>>,
    options: Options,
) -> (Outcome, Vec<String>, Arc<Scripted>) {
    let exec = Scripted::new(plan, scripts);
    let (outcome, events) = play(plan, exec.clone(), options, Shutdown::never(), |_| Ok(()));
    (outcome, story(&events), exec)
}

#[test]
fn an_empty_plan_begins_and_ends() {
    let (outcome, story, _) = told(&plan(vec![]), vec![], options(1, Policy::Stop));
    assert_eq!(outcome.outcome, RunOutcome::Succeeded);
    assert_eq!(story, ["run started", "run succeeded"]);
}

#[test]
fn a_dependent_starts_at_the_milestone_and_goes_on_when_the_chart_fails_later() {
    let early = Wait {
        until: Milestone::Deployed,
        ..hard(0)
    };
    let plan = plan(vec![vec![], vec![early], vec![hard(0)], vec![hard(1)]]);
    let db = vec![Act::Reach(Milestone::Deployed), Act::Sleep(5), fail()];
    let web = vec![Act::Step("exec"), Act::Sleep(10)];
    let (outcome, story, _) = told(&plan, vec![db, web], options(0, Policy::Continue));
    assert_eq!(
        story,
        [
            "run started",
            "n0 started",
            "n0 is deployed",
            "n1 started",
            "n1 exec",
            "n1 exec ok",
            "n0 failed",
            "n2 not run because of n0",
            "n1 succeeded",
            "n3 started",
            "n3 succeeded",
            "run failed",
        ]
    );
    assert_eq!(outcome.outcome, RunOutcome::Failed);
    let order: Vec<_> = outcome.charts.iter().map(|c| c.chart.to_string()).collect();
    assert_eq!(order, ["n0", "n1", "n2", "n3"], "plan order");
}

#[test]
fn stop_starts_nothing_more_and_lets_what_runs_finish() {
    let plan = plan(vec![vec![], vec![], vec![], vec![hard(1)], vec![hard(0)]]);
    let slow = vec![Act::Sleep(10), Act::Step("validate")];
    let (_, story, _) = told(
        &plan,
        vec![vec![Act::Sleep(1), fail()], slow],
        options(2, Policy::Stop),
    );
    assert_eq!(
        story,
        [
            "run started",
            "n0 started",
            "n1 started",
            "n0 failed",
            "n4 not run because of n0",
            "n2 not run because of n0",
            "n3 not run because of n0",
            "n1 validate",
            "n1 validate ok",
            "n1 succeeded",
            "run failed",
        ]
    );
}

#[test]
fn a_milestone_is_told_once_and_implies_those_before() {
    let acts = [
        Milestone::Ready,
        Milestone::Deployed,
        Milestone::Ready,
        Milestone::Validated,
    ];
    let script = acts.map(Act::Reach).to_vec();
    let (_, story, _) = told(&plan(vec![vec![]]), vec![script], options(1, Policy::Stop));
    assert_eq!(
        story[2..4],
        ["n0 is ready".to_owned(), "n0 is validated".to_owned()]
    );
    assert_eq!(story[4], "n0 succeeded");
}

#[test]
fn a_panic_is_the_failure_of_its_chart_and_ends_its_steps() {
    let plan = plan(vec![vec![], vec![hard(0)], vec![]]);
    let mut options = options(1, Policy::Continue);
    options.redactor.add(&Secret::new("hunter2"));
    options.concurrency = 1;
    let (outcome, story, _) = told(&plan, vec![vec![Act::Panic("no hunter2")]], options);
    assert_eq!(
        story,
        [
            "run started",
            "n0 started",
            "n0 exec",
            "n0 exec failed",
            "n0 failed",
            "n1 not run because of n0",
            "n2 started",
            "n2 succeeded",
            "run failed",
        ]
    );
    let failure = outcome.charts[0].failure.as_ref().unwrap();
    assert_eq!(failure.step, "exec");
    assert_eq!(failure.error, "the code of this chart panicked: no ***");
}

#[test]
fn a_parked_chart_gives_its_slot_away_and_gets_the_next_free_one() {
    let plan = plan(vec![vec![], vec![], vec![]]);
    let wait = |millis| {
        let validate = Act::Step("validate");
        vec![Act::Park, Act::Sleep(millis), Act::Unpark, validate]
    };
    let long = vec![Act::Sleep(10)];
    // n1 works from 0 to 10; n0 asks at 3; the free slot goes to n0 before n2 may start.
    let (_, story, exec) = told(
        &plan,
        vec![wait(3), long.clone(), long],
        options(1, Policy::Stop),
    );
    assert_eq!(
        story,
        [
            "run started",
            "n0 started",
            "n1 started",
            "n1 succeeded",
            "n0 validate",
            "n0 validate ok",
            "n0 succeeded",
            "n2 started",
            "n2 succeeded",
            "run succeeded",
        ]
    );
    assert_eq!(exec.most_working.load(Ordering::SeqCst), 1);
}

#[test]
fn terminate_cancels_what_asks_for_a_step_or_a_slot_and_waits_for_all() {
    let plan = plan(vec![vec![], vec![], vec![], vec![hard(2)]]);
    let (trigger, shutdown) = Shutdown::new();
    let steps = vec![Act::Sleep(5), Act::Step("post")];
    let parked = vec![Act::Park, Act::Sleep(5), Act::Unpark];
    let exec = Scripted::new(&plan, vec![steps, parked, vec![Act::Sleep(50)]]);
    let (outcome, events) = play(
        &plan,
        exec,
        options(0, Policy::Stop),
        shutdown,
        |event: &Event| {
            if event.seq == 4 {
                trigger.raise(Level::Terminate, Reason::Interrupt);
            }
            Ok(())
        },
    );
    assert_eq!(
        story(&events),
        [
            "run started",
            // The longest path first.
            "n2 started",
            "n0 started",
            "n1 started",
            "n3 not run",
            "n0 cancelled",
            "n1 cancelled",
            "n2 succeeded",
            "run cancelled",
        ]
    );
    assert_eq!(outcome.outcome, RunOutcome::Cancelled);
}

#[test]
fn a_journal_that_refuses_the_first_event_keeps_everything_from_starting() {
    let plan = plan(vec![vec![], vec![hard(0)]]);
    let exec = Scripted::new(&plan, vec![]);
    let (outcome, events) = play(
        &plan,
        exec.clone(),
        options(0, Policy::Continue),
        Shutdown::never(),
        |_| Err(SinkError("disk full".into())),
    );
    assert_eq!(exec.n_executed.load(Ordering::SeqCst), 0);
    assert_eq!(
        story(&events),
        ["run started", "n0 not run", "n1 not run", "run cancelled"]
    );
    assert_eq!(outcome.sink_error.unwrap().to_string(), "disk full");
}

#[test]
fn a_step_that_the_journal_refuses_is_not_begun() {
    let plan = plan(vec![vec![]]);
    let script = vec![
        Act::Step("pre"),
        Act::Step("exec"),
        Act::Reach(Milestone::Deployed),
    ];
    let exec = Scripted::new(&plan, vec![script]);
    let full = |event: &Event| match &event.kind {
        EventKind::StepStarted { step } if step == "exec" => Err(SinkError("disk full".into())),
        _ => Ok(()),
    };
    let (outcome, events) = play(
        &plan,
        exec,
        options(0, Policy::Stop),
        Shutdown::never(),
        full,
    );
    assert_eq!(
        story(&events),
        [
            "run started",
            "n0 started",
            "n0 pre",
            "n0 pre ok",
            "n0 exec",
            "n0 exec failed",
            "n0 cancelled",
            "run cancelled",
        ]
    );
    assert_eq!(outcome.sink_error.unwrap().to_string(), "disk full");
}

#[test]
fn words_of_a_task_that_outlives_its_node_are_not_heard() {
    struct Leaky;
    impl Execute for Leaky {
        async fn execute(&self, node: NodeIx, progress: Progress) -> Result<Done, Failure> {
            if node.index() == 1 {
                // The run goes on, and hears.
                sleep(Duration::from_millis(15)).await;
                return Ok(Done::Succeeded);
            }
            tokio::spawn(async move {
                let guard = progress.step("late").await.unwrap();
                sleep(Duration::from_millis(5)).await;
                progress.reached(Milestone::Ready);
                let line = Redactor::default().redact("x");
                progress.output("late", Stream::Stdout, line);
                guard.finish(true);
                assert!(progress.step("later").await.is_err());
            });
            sleep(Duration::from_millis(1)).await;
            Ok(Done::Unchanged)
        }
    }
    let plan = plan(vec![vec![], vec![]]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut recorder = Recorder {
        events: Vec::new(),
        at: |_: &Event| Ok(()),
    };
    let options = options(0, Policy::Stop);
    runtime.block_on(async {
        run(
            &plan,
            Arc::new(Leaky),
            options,
            Shutdown::never(),
            &mut recorder,
        )
        .await;
        sleep(Duration::from_millis(20)).await;
    });
    assert_eq!(
        story(&recorder.events),
        [
            "run started",
            "n0 started",
            "n1 started",
            "n0 late",
            "n0 unchanged",
            "n1 succeeded",
            "run succeeded"
        ]
    );
}

#[test]
fn durations_come_from_the_runs_own_clock() {
    let script = vec![Act::Sleep(7), Act::Step("exec"), Act::Sleep(3)];
    let (outcome, _, _) = told(
        &plan(vec![vec![], vec![hard(0)]]),
        vec![script],
        options(1, Policy::Stop),
    );
    let millis: Vec<u128> = outcome
        .charts
        .iter()
        .map(|chart| chart.duration.as_millis())
        .collect();
    assert_eq!(millis, [10, 0]);
    assert_eq!(outcome.duration.as_millis(), 10);
    assert_eq!(outcome.charts[1].outcome, ChartOutcome::Succeeded);
}
