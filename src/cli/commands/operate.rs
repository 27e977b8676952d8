//! What `up` and `down` share: plan, consent, run, summary.

use std::{collections::BTreeSet, io};

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
    event::{Event, RunOutcome},
    name::Direction,
    plan::{self, Plan, Removal},
    report::{Closing, Detail, JsonLines, Lines, Look, Reporter, Summary, Terminal, Watcher},
    run::{Finished, Implementations, PlanRequest, Session},
    shutdown::{Reason, Shutdown},
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
    let nobody_stops_it = Shutdown::never();
    let mut notice = |text: &str| console.say(text);
    let (plan, helm) = tokio::join!(
        Box::pin(session.plan(&request, &mut watch)),
        session.helm(&nobody_stops_it, &mut notice)
    );
    let plan = plan?;
    if console.interactive {
        // Nobody is asked to agree to a run that Helm is missing for.
        helm?;
    }
    if console.interactive && !settings.yes {
        console.say(&plan::text(&plan));
    } else if console.verbosity != Verbosity::Quiet {
        for warning in &plan.warnings {
            console.say(&format!("warning: {warning}"));
        }
    }
    if !confirm(&plan, settings.yes, console)? {
        console.say("nothing was changed");
        return Ok(ExitCode::Failure);
    }
    execute(&session, &plan, &settings, console).await
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
    let manner = signals::Manner {
        attended: console.attended,
        grace: settings.grace,
    };
    signals::listen(trigger.clone(), manner, move |text| {
        notices.say(text);
    })?;
    let mut summary = Summary::default();
    let mut watch = |event: &Event| {
        summary.event(event);
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
    let Finished {
        folder, outcome, ..
    } = match result {
        Ok(finished) => finished,
        // Whatever else went wrong on the way: it ended because it was told to.
        Err(error) if shutdown.reason().is_some() => {
            let (text, _) = console::explain(&error.into(), console.color_stderr);
            console.say(&text);
            return Ok(ExitCode::interrupted(shutdown.reason()));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(error) = &outcome.sink_error {
        console.say(&format!("error: the run was stopped: {error}"));
    }
    if shutdown.reason() == Some(Reason::LeaseLost) {
        console.say(
            "error: the run was ended, since it no longer holds the stack's lock: see `stackctl lock show`",
        );
    }
    let again = console.command_line.as_str();
    let closing = Closing {
        run_folder: Some(&folder),
        go_on: (outcome.outcome != RunOutcome::Succeeded).then_some(again),
        quiet: console.verbosity == Verbosity::Quiet,
        color: console.color_stderr,
        ..Closing::default()
    };
    let summary = summary.render(&closing);
    if console.verbosity != Verbosity::Quiet {
        console.say("");
    }
    console.say(summary.trim_end());
    if plan.direction == Direction::Down && console.verbosity != Verbosity::Quiet {
        console.say(&kept(plan));
    }
    Ok(match outcome.outcome {
        RunOutcome::Succeeded => ExitCode::Success,
        RunOutcome::Failed => ExitCode::Failure,
        RunOutcome::Cancelled => ExitCode::interrupted(shutdown.reason()),
    })
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
