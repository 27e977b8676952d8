//! `stackctl plan`.

use super::{common, fetch};
use crate::{
    cli::{
        console::Console,
        exit::ExitCode,
        output,
        settings::{OutputFormat, PlanSettings},
    },
    name::{Action, Direction},
    plan::{self, Node, Plan},
    run::{self, PlanRequest, Settings},
    stack::Overrides,
};

/// Runs the command.
pub(super) async fn run(settings: PlanSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let direction = if settings.down {
        Direction::Down
    } else {
        Direction::Up
    };
    let request = PlanRequest {
        take_over: settings.take_over,
        no_skip: settings.no_skip,
        ..common::request(&settings.selection, direction, settings.removal)
    };
    let session = Settings {
        frozen: settings.frozen,
        state_dir: settings.state_dir,
        ..common::session_settings(&settings.stack, &settings.cluster, console)?
    };
    let plan = if settings.offline {
        run::offline_plan(&stack, &session, &request).await?
    } else {
        let session = common::open(stack, session, console).await?;
        let mut watch = |progress| fetch::show(&progress, console);
        session.plan(&request, &mut watch).await?
    };
    match settings.output {
        OutputFormat::Table => output::print(&plan::text(&plan))?,
        OutputFormat::Json => output::print(&plan::json(&plan))?,
    }
    Ok(changes_pending(&plan, settings.detailed_exitcode))
}

/// Exit code of a command that only planned.
pub(super) fn changes_pending(plan: &Plan, detailed: bool) -> ExitCode {
    let is_idle = |node: &Node| {
        matches!(node.action, Action::Unchanged | Action::Skip) || node.only_cleans_up()
    };
    if detailed && !plan.nodes.iter().all(is_idle) {
        ExitCode::ChangesPending
    } else {
        ExitCode::Success
    }
}
