//! What several commands do alike: load the stack, open a session, and say what went wrong.

use std::{collections::BTreeMap, io::Read as _, path::PathBuf};

use anyhow::Context as _;

use crate::{
    cli::{
        console::{Console, UsageError},
        exit::ExitCode,
        settings::{
            ClusterSettings, RunSettings, SelectionSettings, StackFile, StackSettings, Validate,
            Verbosity,
        },
        signals,
    },
    diagnostic::{self, Problems},
    name::Direction,
    plan::Removal,
    run::{PlanRequest, Rehearsal, RunError, Session, Settings, Validation},
    shutdown::Shutdown,
    stack::{self, FileSource, LoadOptions, Loaded, Overrides, Stack},
};

/// More warnings than these are `check`'s to print: they would hide what was asked for.
const MOST_WARNINGS: usize = 3;

/// Reads and validates the stack; prints its warnings, unless told to be quiet.
pub(super) fn load(
    settings: &StackSettings,
    overrides: Overrides,
    console: &Console,
) -> anyhow::Result<Stack> {
    let Loaded {
        stack, warnings, ..
    } = stack::load(load_options(settings, overrides, console)?)?;
    match warnings.len() {
        _ if console.verbosity == Verbosity::Quiet => {}
        0 => {}
        1..=MOST_WARNINGS => console.say(&diagnostic::render(&warnings, console.color_stderr)),
        many => {
            let file = match &settings.file {
                StackFile::Path(path) => format!(" -f {}", path.display()),
                StackFile::Stdin => " -f -".to_owned(),
            };
            console.say(&format!(
                "warning: the stack file has {many} warnings; `stackctl check{file}` shows them"
            ));
        }
    }
    Ok(stack)
}

/// What the stack library is to load.
pub(super) fn load_options(
    settings: &StackSettings,
    overrides: Overrides,
    console: &Console,
) -> anyhow::Result<LoadOptions> {
    let file = match &settings.file {
        StackFile::Path(path) => FileSource::Path(path.clone()),
        StackFile::Stdin => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("could not read the stack from standard input")?;
            let name = "standard input".to_owned();
            let text = stack::utf8(&name, bytes).map_err(|problem| Problems(vec![problem]))?;
            FileSource::Text {
                name,
                text,
                root: PathBuf::from("."),
            }
        }
    };
    Ok(LoadOptions {
        file,
        environment: settings.environment.clone(),
        env: text_env(console),
        inputs: inputs(settings),
        set: settings
            .set
            .iter()
            .map(|set| format!("{}:{}={}", set.chart, set.path, set.value))
            .collect(),
        values: settings
            .values
            .iter()
            .map(|values| (values.chart.to_string(), values.file.clone()))
            .collect(),
        overrides,
    })
}

fn text_env(console: &Console) -> BTreeMap<String, String> {
    console
        .environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
        .collect()
}

/// Connects to the cluster, for commands that only look.
pub(super) async fn open(
    stack: Stack,
    settings: Settings,
    console: &Console,
) -> anyhow::Result<Session> {
    Ok(Session::open(stack, settings, console.redactor.clone()).await?)
}

/// Connects to the cluster, for a run.
pub(super) async fn open_for_run(
    stack: Stack,
    run: &RunSettings,
    console: &Console,
) -> anyhow::Result<Session> {
    let settings = Settings {
        helm: run.helm_binary.clone(),
        state_dir: run.state_dir.clone(),
        lock_timeout: run.lock_timeout,
        was_asked: console.interactive && !run.yes,
        no_lock: run.no_lock,
        no_rollback: run.no_rollback,
        frozen: run.frozen,
        validation: match run.validate {
            Validate::Changed => Validation::Changed,
            Validate::All => Validation::All,
            Validate::None => Validation::None,
        },
        ..session_settings(&run.stack, &run.cluster, console)?
    };
    Ok(Session::open(stack, settings, console.redactor.clone()).await?)
}

/// What a session is told, with no cluster's and no run's settings but these.
pub(super) fn session_settings(
    stack: &StackSettings,
    cluster: &ClusterSettings,
    console: &Console,
) -> Result<Settings, UsageError> {
    Ok(Settings {
        env: console.environment.clone(),
        kubeconfig: cluster.kubeconfig.clone(),
        context: cluster.context.clone(),
        inputs: inputs(stack),
        sandbox: rehearsal(cluster)?,
        ..Settings::default()
    })
}

/// The sandbox, if it is to be used.
fn rehearsal(cluster: &ClusterSettings) -> Result<Option<Rehearsal>, UsageError> {
    let Some(dir) = &cluster.sandbox else {
        if cluster.ready_after.is_some() || !cluster.failures.is_empty() || cluster.no_download {
            let message =
                "--rehearse-ready-after, --rehearse-fail and --no-download need --sandbox";
            return Err(UsageError(message.to_owned()));
        }
        return Ok(None);
    };
    let failures = cluster.failures.iter();
    Ok(Some(Rehearsal {
        dir: dir.clone(),
        ready_after: cluster.ready_after.unwrap_or_default(),
        download: !cluster.no_download,
        failures: failures
            .map(|failure| (failure.chart.to_string(), failure.kind))
            .collect(),
    }))
}

fn inputs(settings: &StackSettings) -> Vec<(String, String)> {
    settings
        .inputs
        .iter()
        .map(|input| (input.name.clone(), input.value.clone()))
        .collect()
}

/// Which charts, which way.
pub(super) fn request(
    selection: &SelectionSettings,
    direction: Direction,
    removal: Removal,
) -> PlanRequest {
    PlanRequest {
        charts: selection.charts.iter().map(ToString::to_string).collect(),
        selectors: selection.selectors.clone(),
        with_needs: selection.with_needs,
        with_dependents: selection.with_dependents,
        include_protected: removal.include_protected,
        purge: removal.purge,
        ..PlanRequest::all(direction)
    }
}

/// What ends children of a command that changes nothing when the user interrupts it.
pub(super) fn interruptible(console: &Console) -> anyhow::Result<Shutdown> {
    let (trigger, shutdown) = Shutdown::new();
    // Nothing is under way that would have to be told of.
    let manner = signals::Manner {
        attended: console.attended,
        grace: signals::GRACE,
    };
    signals::listen(trigger, manner, |_| ())?;
    Ok(shutdown)
}

/// How such a command ends.
pub(super) fn interrupted(error: &RunError, shutdown: &Shutdown, console: &Console) -> ExitCode {
    console.say(&format!("error: {error}"));
    ExitCode::interrupted(shutdown.reason())
}
