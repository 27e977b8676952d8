//! What `up` and `down` share: plan, consent, run, summary.

use std::{collections::BTreeSet, future::Future, io};

use super::{common, fetch, plan::changes_pending};
use crate::{
    cli::{
        confirm::confirm,
        console::{self, Console},
        exit::ExitCode,
        output,
        settings::{FailurePolicy, LogFormat, RunSettings, Schedule, Verbosity},
        signals,
    },
    event::{Event, EventKind, RunOutcome},
    name::Direction,
    plan::{self, Plan, Removal},
    report::{Closing, Detail, JsonLines, Lines, Look, Reporter, Summary, Terminal, Watcher},
    run::{Finished, Implementations, Notice, PlanRequest, Session},
    shutdown::{Level, Reason, Shutdown},
    stack::Overrides,
};

pub(super) async fn run(
    settings: RunSettings,
    direction: Direction,
    removal: Removal,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let overrides = Overrides {
        concurrency: settings.concurrency,
        failure_policy: settings.failure_policy.map(|policy| match policy {
            FailurePolicy::Stop => "stop".into(),
            FailurePolicy::Continue => "continue".into(),
            FailurePolicy::Rollback => "rollback".into(),
        }),
        schedule: settings.schedule.map(|schedule| match schedule {
            Schedule::Eager => "eager".into(),
            Schedule::Waves => "waves".into(),
        }),
    };
    let stack = common::load(&settings.stack, overrides, console)?;
    let session = common::open_for_run(stack, &settings, console).await?;
    let request = PlanRequest {
        take_over: settings.take_over,
        no_skip: settings.no_skip,
        ..common::request(&settings.selection, direction, removal)
    };
    let mut watch = |progress| fetch::show(&progress, console);
    if settings.dry_run {
        let plan = session.plan(&request, &mut watch).await?;
        output::print(&plan::text(&plan))?;
        return Ok(changes_pending(&plan, settings.detailed_exitcode));
    }
    let finishes_first = direction == Direction::Up && !settings.no_rollback;
    let unfinished = if finishes_first {
        session.unfinished_rollback().await?
    } else {
        None
    };
    let planned = Box::pin(agreed_plan(&session, &request, &settings, console));
    let plan = match unfinished {
        None => planned.await?,
        Some(unfinished) => {
            console.say(
                "an earlier run failed, and what it has changed is not all taken back yet: that \
                 comes first (--no-rollback leaves it as it is)",
            );
            if !is_agreed_to(&unfinished, &settings, console).await? {
                return Ok(nothing_changed(console));
            }
            let code = Box::pin(execute(&session, &unfinished, &settings, console)).await?;
            if code != ExitCode::Success {
                return Ok(code);
            }
            match unless_told_to_stop(&settings, console, planned).await? {
                Ok(plan) => plan?,
                Err(code) => return Ok(code),
            }
        }
    };
    match plan {
        Some(plan) => Box::pin(execute(&session, &plan, &settings, console)).await,
        None => Ok(nothing_changed(console)),
    }
}

fn nothing_changed(console: &Console) -> ExitCode {
    console.say("nothing was changed");
    ExitCode::Failure
}

/// The plan of the run; `None` if a person does not want it.
async fn agreed_plan(
    session: &Session,
    request: &PlanRequest,
    settings: &RunSettings,
    console: &Console,
) -> anyhow::Result<Option<Plan>> {
    let nobody_stops_it = Shutdown::never();
    let mut watch = |progress| fetch::show(&progress, console);
    let mut notice = |text: &str| console.say(text);
    let looking = (&nobody_stops_it, &mut notice as Notice<'_>);
    let plan = session.plan_for_run(request, &mut watch, looking);
    let (plan, usable) = Box::pin(plan).await?;
    if console.interactive {
        // Nobody is asked to agree to a run that Helm is missing for.
        usable?;
    }
    let is_agreed = is_agreed_to(&plan, settings, console).await?;
    Ok(is_agreed.then_some(plan))
}

/// Shows a plan to whoever is asked about it, and asks.
async fn is_agreed_to(
    plan: &Plan,
    settings: &RunSettings,
    console: &Console,
) -> anyhow::Result<bool> {
    if console.interactive && !settings.yes {
        console.say(&plan::text(plan));
    } else if console.verbosity != Verbosity::Quiet {
        for warning in &plan.warnings {
            console.say(&format!("warning: {warning}"));
        }
    }
    confirm(plan, settings.yes, console).await
}

/// Does something between two runs: the one before has taken the signals away from the system, and
/// the one after does not listen yet. The exit code if one comes: nothing is under way.
async fn unless_told_to_stop<T>(
    settings: &RunSettings,
    console: &Console,
    work: impl Future<Output = T>,
) -> io::Result<Result<T, ExitCode>> {
    let (trigger, shutdown) = Shutdown::new();
    let listening = signals::listen(trigger, manner(settings, console), |_| ())?;
    let result = tokio::select! {
        result = work => Ok(result),
        () = shutdown.reached(Level::Drain) => Err(ExitCode::interrupted(shutdown.reason())),
    };
    listening.abort();
    Ok(result)
}

fn manner(settings: &RunSettings, console: &Console) -> signals::Manner {
    signals::Manner {
        attended: console.attended,
        grace: settings.grace,
    }
}

async fn execute(
    session: &Session,
    plan: &Plan,
    settings: &RunSettings,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let (trigger, shutdown) = Shutdown::new();
    let watcher = Watcher::start(vec![reporter(settings, console)])?;
    let notices = watcher.notices();
    let manner = manner(settings, console);
    let listening = signals::listen(trigger.clone(), manner, move |text| {
        notices.say(text);
    })?;
    // One for each run: that of the plan, and the one that takes it back.
    let mut summaries: Vec<Summary> = Vec::new();
    let mut watch = |event: &Event| {
        if matches!(event.kind, EventKind::RunStarted { .. }) {
            summaries.push(Summary::default());
        }
        if let Some(summary) = summaries.last_mut() {
            summary.event(event);
        }
        watcher.event(event);
    };
    let mut notice = |text: &str| console.say(text);
    let result = session
        .execute(
            plan,
            Implementations::new(),
            &trigger,
            &mut watch,
            &mut notice,
        )
        .await;
    // Waits until all was shown: the summary comes after it.
    drop(watcher);
    listening.abort();
    let finished = match result {
        Ok(finished) => finished,
        // Whatever else went wrong on the way: it ended because it was told to.
        Err(error) if shutdown.reason().is_some() => {
            let (text, _) = console::explain(&error.into(), console.color_stderr);
            console.say(&text);
            return Ok(ExitCode::interrupted(shutdown.reason()));
        }
        Err(error) => return Err(error.into()),
    };
    if shutdown.reason() == Some(Reason::LeaseLost) {
        console.say(
            "error: the run was ended, since it no longer holds the stack's lock: see `stackctl lock show`",
        );
    }
    let rolled_back = finished.rollback.as_ref();
    let runs = std::iter::once(&finished);
    let runs = runs.chain(rolled_back.and_then(|rollback| rollback.as_deref().ok()));
    for (run, summary) in runs.zip(&summaries) {
        tell(run, summary, console);
    }
    if let Some(Err(error)) = rolled_back {
        console.say(&format!(
            "error: what the run has changed could not be taken back: {error}"
        ));
    }
    let ended_well = |run: &Finished| run.outcome.outcome == RunOutcome::Succeeded;
    let is_back = match rolled_back {
        Some(rollback) => rollback.as_deref().is_ok_and(ended_well),
        None => plan.direction != Direction::Rollback || ended_well(&finished),
    };
    if !is_back {
        console.say(
            "what is not taken back yet the next `up` takes back first; `up --no-rollback` leaves it as it is",
        );
    }
    if plan.direction == Direction::Down && console.verbosity != Verbosity::Quiet {
        console.say(&kept(plan));
    }
    Ok(match finished.outcome.outcome {
        RunOutcome::Succeeded => ExitCode::Success,
        RunOutcome::Failed => ExitCode::Failure,
        RunOutcome::Cancelled => ExitCode::interrupted(shutdown.reason()),
    })
}

/// Tells what became of a run.
fn tell(run: &Finished, summary: &Summary, console: &Console) {
    if let Some(error) = &run.outcome.sink_error {
        console.say(&format!("error: the run was stopped: {error}"));
    }
    let again = console.command_line.as_str();
    let closing = Closing {
        run_folder: Some(&run.folder),
        go_on: (run.outcome.outcome != RunOutcome::Succeeded).then_some(again),
        quiet: console.verbosity == Verbosity::Quiet,
        color: console.color_stderr,
        ..Closing::default()
    };
    let summary = summary.render(&closing);
    if console.verbosity != Verbosity::Quiet {
        console.say("");
    }
    console.say(summary.trim_end());
}

fn reporter(settings: &RunSettings, console: &Console) -> Box<dyn Reporter> {
    let look = Look {
        detail: match console.verbosity {
            Verbosity::Quiet => Detail::Notices,
            Verbosity::Normal => Detail::Progress,
            Verbosity::Verbose => Detail::Everything,
        },
        color: console.color_stderr,
    };
    match settings.log_format {
        LogFormat::Json => Box::new(JsonLines::new(io::stdout(), io::stderr())),
        LogFormat::Text if console.live && console.verbosity != Verbosity::Quiet => {
            Box::new(Terminal::stderr(look))
        }
        LogFormat::Text => Box::new(Lines::new(io::stderr(), look)),
    }
}

/// What `down` leaves on purpose: others may live in the namespaces, and deleting CRDs or claims
/// deletes data.
fn kept(plan: &Plan) -> String {
    let namespaces: BTreeSet<&str> = plan
        .nodes
        .iter()
        .map(|node| node.release.namespace.as_str())
        .collect();
    let namespaces: Vec<&str> = namespaces.into_iter().collect();
    let mut kept = vec![format!("the namespaces {}", namespaces.join(", "))];
    if plan.purge {
        kept[0] += " that are not empty or were there before";
    }
    kept.extend(plan.kept_crds_in_words());
    kept.push("claims of StatefulSets".to_owned());
    format!("kept, if there: {}", kept.join("; "))
}
