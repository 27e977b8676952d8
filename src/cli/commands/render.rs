//! `stackctl render`.

use super::{common, fetch};
use crate::{
    cli::{
        console::Console,
        exit::ExitCode,
        output,
        settings::{ClusterSettings, RenderSettings, Verbosity},
    },
    name::{ChartName, Direction},
    plan::Removal,
    run::{self, Manifests, RenderRequest, RunError, Settings},
    stack::Overrides,
};

/// Runs the command.
pub(super) async fn run(settings: RenderSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let session = Settings {
        frozen: settings.frozen,
        helm: settings.helm_binary,
        ..common::session_settings(&settings.stack, &ClusterSettings::default(), console)?
    };
    let request = RenderRequest {
        selection: common::request(&settings.selection, Direction::Up, Removal::default()),
        include_crds: settings.include_crds,
        kube_version: settings.kube_version,
    };
    let shutdown = common::interruptible(console)?;
    let mut watch = |progress| fetch::show(&progress, console);
    let with = (&console.redactor, &shutdown);
    let rendered = run::render(&stack, &session, &request, with, &mut watch).await;
    if let Err(interrupted @ RunError::Interrupted) = &rendered {
        return Ok(common::interrupted(interrupted, &shutdown, console));
    }
    let Manifests {
        charts,
        left_out,
        late,
    } = rendered?;
    for (names, why) in [
        (left_out, "`up` does not install them"),
        (
            late,
            "they are fetched late; those that are named are fetched now",
        ),
    ] {
        if names.is_empty() || console.verbosity == Verbosity::Quiet {
            continue;
        }
        let names: Vec<&str> = names.iter().map(ChartName::as_str).collect();
        console.say(&format!("not rendered, since {why}: {}", names.join(", ")));
    }
    match settings.output_dir {
        None => {
            let texts = charts.iter().map(|(_, text)| text.as_str());
            output::print(&texts.collect::<String>())?;
        }
        Some(folder) => {
            let written = run::write_manifests(&folder, &charts)?;
            if console.verbosity != Verbosity::Quiet {
                for path in written {
                    console.say(&format!("wrote {}", path.display()));
                }
            }
        }
    }
    Ok(ExitCode::Success)
}
