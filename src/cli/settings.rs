//! What a command is told to do, as plain data: the command line and the environment, resolved.
//!
//! Arguments become settings here, and commands see settings only: neither clap nor the process's
//! environment is known below this module. What the stack file says is not merged in here; an
//! absent (`None`) setting means "as the file says".

use std::{path::PathBuf, time::Duration};

use super::args;
use crate::{
    name::{ChartName, RunId},
    plan::Removal,
    run::FaultKind,
};

/// One command with its settings.
#[derive(Debug)]
pub(super) enum Settings {
    Up(RunSettings),
    Down(DownSettings),
    Plan(PlanSettings),
    Fetch(FetchSettings),
    Status(StatusSettings),
    Check(CheckSettings),
    Graph(GraphSettings),
    Lock(LockSettings),
    Values(ValuesSettings),
    Render(RenderSettings),
    Doctor(DoctorSettings),
    Sandbox(SandboxSettings),
    Runs(RunsSettings),
    Schema(SchemaFormat),
    Completions(clap_complete::Shell),
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verbosity {
    /// Failures and the last line of the summary.
    Quiet,
    /// What a person wants to follow.
    Normal,
    /// Also every line Helm and the steps write.
    Verbose,
}

/// Which stack, with what given from outside.
#[derive(Debug, Clone)]
pub(super) struct StackSettings {
    pub(super) file: StackFile,
    pub(super) environment: Option<String>,
    pub(super) inputs: Vec<InputValue>,
    pub(super) set: Vec<ChartValue>,
    pub(super) values: Vec<ChartValuesFile>,
}

/// Where the stack file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StackFile {
    /// `-f -`.
    Stdin,
    /// A path.
    Path(PathBuf),
}

/// `--input NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputValue {
    pub(super) name: String,
    pub(super) value: String,
}

/// `--set CHART:PATH=VALUE`; path and value are not parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChartValue {
    pub(super) chart: ChartName,
    pub(super) path: String,
    pub(super) value: String,
}

/// `--values CHART=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChartValuesFile {
    pub(super) chart: ChartName,
    pub(super) file: PathBuf,
}

/// Which charts. Nothing given = all.
#[derive(Debug, Clone, Default)]
pub(super) struct SelectionSettings {
    pub(super) charts: Vec<ChartName>,
    /// `-l` texts, not parsed yet: comma = and, several = or.
    pub(super) selectors: Vec<String>,
    pub(super) with_needs: bool,
    pub(super) with_dependents: bool,
}

/// Which cluster.
#[derive(Debug, Clone, Default)]
pub(super) struct ClusterSettings {
    pub(super) context: Option<String>,
    pub(super) kubeconfig: Option<PathBuf>,
    /// Instead of any cluster.
    pub(super) sandbox: Option<PathBuf>,
    /// `--no-download`.
    pub(super) no_download: bool,
    pub(super) ready_after: Option<Duration>,
    pub(super) failures: Vec<Failure>,
}

/// `--sandbox`; `None` is a switch turned off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SandboxDir(pub(super) Option<PathBuf>);

/// `--rehearse-fail CHART=KIND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) chart: ChartName,
    pub(super) kind: FaultKind,
}

/// `sandbox`.
#[derive(Debug, Clone)]
pub(super) struct SandboxSettings {
    pub(super) dir: PathBuf,
    /// Forget what is in it, instead of serving it.
    pub(super) reset: bool,
    pub(super) ready_after: Duration,
}

/// How charts are run (`up`, `down`).
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub(super) struct RunSettings {
    pub(super) stack: StackSettings,
    pub(super) selection: SelectionSettings,
    pub(super) cluster: ClusterSettings,
    /// Helm processes at once; 0 = no limit.
    pub(super) concurrency: Option<usize>,
    pub(super) failure_policy: Option<FailurePolicy>,
    pub(super) schedule: Option<Schedule>,
    /// How long to wait for another run of the stack to end; zero = not at all.
    pub(super) lock_timeout: Duration,
    pub(super) no_lock: bool,
    /// What an interrupted rollback has left is not taken back.
    pub(super) no_rollback: bool,
    /// Releases of other stacks become this one's.
    pub(super) take_over: bool,
    /// From SIGTERM to SIGKILL of children when nobody is there to decide.
    pub(super) grace: Duration,
    pub(super) helm_binary: Option<PathBuf>,
    /// Holds `runs/`.
    pub(super) state_dir: PathBuf,
    /// What is not locked is an error.
    pub(super) frozen: bool,
    /// What is unchanged is deployed, too.
    pub(super) no_skip: bool,
    pub(super) validate: Validate,
    pub(super) yes: bool,
    pub(super) dry_run: bool,
    pub(super) detailed_exitcode: bool,
    pub(super) log_format: LogFormat,
}

/// What a failure does to charts that do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailurePolicy {
    Stop,
    Continue,
    /// What was done to them is taken back.
    Rollback,
}

/// When a chart may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Schedule {
    /// The moment what it needs is there
    Eager,
    /// When the whole wave before it has ended
    Waves,
}

/// Whose `validate` steps are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Validate {
    /// Of the charts that something is done to
    Changed,
    /// Of unchanged ones, too
    All,
    /// Of none: the next run does it
    None,
}

/// How a run is reported while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people, on standard error
    Text,
    /// Every event as one line of JSON, on standard output
    Json,
}

/// `down`.
#[derive(Debug, Clone)]
pub(super) struct DownSettings {
    pub(super) run: RunSettings,
    pub(super) removal: Removal,
}

/// `plan`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag")]
pub(super) struct PlanSettings {
    pub(super) stack: StackSettings,
    pub(super) selection: SelectionSettings,
    pub(super) cluster: ClusterSettings,
    pub(super) down: bool,
    pub(super) removal: Removal,
    pub(super) take_over: bool,
    pub(super) no_skip: bool,
    pub(super) offline: bool,
    pub(super) frozen: bool,
    /// Holds `runs/`.
    pub(super) state_dir: PathBuf,
    pub(super) output: OutputFormat,
    pub(super) detailed_exitcode: bool,
}

/// `fetch`.
#[derive(Debug, Clone)]
pub(super) struct FetchSettings {
    pub(super) stack: StackSettings,
    /// What is locked moves, too: these charts, or all if none is named.
    pub(super) update: bool,
    pub(super) charts: Vec<ChartName>,
    /// Only what the lock file holds.
    pub(super) frozen: bool,
    /// Also what a run fetches late.
    pub(super) late: bool,
}

/// `status`.
#[derive(Debug, Clone)]
pub(super) struct StatusSettings {
    pub(super) stack: StackSettings,
    pub(super) selection: SelectionSettings,
    pub(super) cluster: ClusterSettings,
    pub(super) output: OutputFormat,
}

/// `doctor`.
#[derive(Debug, Clone)]
pub(super) struct DoctorSettings {
    pub(super) helm_binary: Option<PathBuf>,
    pub(super) stack: StackSettings,
    pub(super) cluster: ClusterSettings,
}

/// `check`.
#[derive(Debug, Clone)]
pub(super) struct CheckSettings {
    pub(super) stack: StackSettings,
    pub(super) strict: bool,
    pub(super) output: OutputFormat,
}

/// `graph`.
#[derive(Debug, Clone)]
pub(super) struct GraphSettings {
    pub(super) stack: StackSettings,
    pub(super) selection: SelectionSettings,
    pub(super) output: GraphFormat,
}

/// `lock`.
#[derive(Debug, Clone)]
pub(super) struct LockSettings {
    pub(super) stack: StackSettings,
    pub(super) cluster: ClusterSettings,
    pub(super) what: LockCommand,
}

/// What is done to the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LockCommand {
    /// `lock show`.
    Show(OutputFormat),
    /// `lock release`.
    Release { run: RunId, yes: bool },
}

/// `values`.
#[derive(Debug, Clone)]
pub(super) struct ValuesSettings {
    pub(super) stack: StackSettings,
    pub(super) chart: ChartName,
    /// Over the chart's own.
    pub(super) all: bool,
    pub(super) explain: bool,
    pub(super) frozen: bool,
    pub(super) output: ValuesFormat,
}

/// `render`.
#[derive(Debug, Clone)]
pub(super) struct RenderSettings {
    pub(super) stack: StackSettings,
    pub(super) selection: SelectionSettings,
    /// Where files are written instead of standard output.
    pub(super) output_dir: Option<PathBuf>,
    pub(super) include_crds: bool,
    pub(super) kube_version: Option<String>,
    pub(super) frozen: bool,
    pub(super) helm_binary: Option<PathBuf>,
}

/// `runs`.
#[derive(Debug, Clone)]
pub(super) struct RunsSettings {
    /// The run to be shown, as given; `None` lists all.
    pub(super) one: Option<String>,
    /// Holds `runs/`.
    pub(super) state_dir: PathBuf,
    pub(super) output: OutputFormat,
}

/// Form of what goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Form of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum GraphFormat {
    /// Waves and edges, for people
    Text,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// For programs
    Json,
}

/// Form of the stack file's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SchemaFormat {
    /// A JSON Schema, draft 7
    Json,
    /// A reference page
    Markdown,
}

/// Form of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ValuesFormat {
    /// For people, and for Helm's `-f`
    Yaml,
    /// For programs
    Json,
}

impl Settings {
    /// What the parsed command line asks for.
    pub(super) fn resolve(cli: args::Cli) -> Self {
        let file = stack_file(cli.global.file);
        match cli.command {
            args::Command::Up(up) => Self::Up(RunSettings {
                frozen: up.frozen,
                no_skip: up.no_skip,
                no_rollback: up.no_rollback,
                validate: up.validate,
                ..run(up.run, file)
            }),
            args::Command::Down(down) => Self::Down(DownSettings {
                run: run(down.run, file),
                removal: Removal {
                    include_protected: down.include_protected,
                    purge: down.purge,
                },
            }),
            args::Command::Plan(plan) => Self::Plan(PlanSettings {
                stack: stack(plan.stack, file),
                selection: selection(plan.selection),
                cluster: cluster(plan.cluster),
                down: plan.down,
                removal: Removal {
                    include_protected: plan.include_protected,
                    purge: plan.purge,
                },
                take_over: plan.take_over,
                no_skip: plan.no_skip,
                offline: plan.offline,
                frozen: plan.frozen,
                state_dir: plan.state_dir,
                output: plan.output,
                detailed_exitcode: plan.detailed_exitcode,
            }),
            args::Command::Fetch(fetch) => Self::Fetch(FetchSettings {
                stack: stack(fetch.stack, file),
                update: fetch.update,
                charts: fetch.charts,
                frozen: fetch.frozen,
                late: fetch.late,
            }),
            args::Command::Status(status) => Self::Status(StatusSettings {
                stack: stack(status.stack, file),
                selection: selection(status.selection),
                cluster: cluster(status.cluster),
                output: status.output,
            }),
            args::Command::Check(check) => Self::Check(CheckSettings {
                stack: stack(check.stack, file),
                strict: check.strict,
                output: check.output,
            }),
            args::Command::Graph(graph) => Self::Graph(GraphSettings {
                stack: stack(graph.stack, file),
                selection: selection(graph.selection),
                output: graph.output,
            }),
            args::Command::Lock { what } => Self::Lock(match what {
                args::LockCommand::Show(show) => LockSettings {
                    stack: stack(show.stack, file),
                    cluster: cluster(show.cluster),
                    what: LockCommand::Show(show.output),
                },
                args::LockCommand::Release(release) => LockSettings {
                    stack: stack(release.stack, file),
                    cluster: cluster(release.cluster),
                    what: LockCommand::Release {
                        run: release.run,
                        yes: release.yes,
                    },
                },
            }),
            args::Command::Values(values) => Self::Values(ValuesSettings {
                stack: stack(values.stack, file),
                chart: values.chart,
                all: values.all,
                explain: values.explain,
                frozen: values.frozen,
                output: values.output,
            }),
            args::Command::Render(render) => Self::Render(RenderSettings {
                stack: stack(render.stack, file),
                selection: selection(render.selection),
                output_dir: render.output_dir,
                include_crds: render.include_crds,
                kube_version: render.kube_version,
                frozen: render.frozen,
                helm_binary: render.helm_binary,
            }),
            args::Command::Doctor(doctor) => Self::Doctor(DoctorSettings {
                helm_binary: doctor.helm_binary,
                stack: stack(doctor.stack, file),
                cluster: cluster(doctor.cluster),
            }),
            args::Command::Sandbox(sandbox) => Self::Sandbox(match sandbox.action {
                Some(args::SandboxAction::Reset { dir }) => SandboxSettings {
                    dir,
                    reset: true,
                    ready_after: Duration::ZERO,
                },
                None => SandboxSettings {
                    dir: sandbox.dir,
                    reset: false,
                    ready_after: sandbox.rehearse_ready_after,
                },
            }),
            args::Command::Runs(runs) => Self::Runs(RunsSettings {
                one: runs.one.map(|args::RunsCommand::Show { run }| run),
                state_dir: runs.state_dir,
                output: runs.output,
            }),
            args::Command::Schema(schema) => Self::Schema(schema.output),
            args::Command::Completions { shell } => Self::Completions(shell),
        }
    }
}

/// `-q` and `-v`; on the command line they exclude each other, so both can only be set when the
/// environment says one and the command line the other: the one that says more wins.
pub(super) fn verbosity(global: &args::GlobalArgs) -> Verbosity {
    match (global.verbose, global.quiet) {
        (true, _) => Verbosity::Verbose,
        (false, true) => Verbosity::Quiet,
        (false, false) => Verbosity::Normal,
    }
}

fn stack_file(path: PathBuf) -> StackFile {
    if path.as_os_str() == "-" {
        StackFile::Stdin
    } else {
        StackFile::Path(path)
    }
}

fn stack(args: args::StackArgs, file: StackFile) -> StackSettings {
    StackSettings {
        file,
        environment: args.environment,
        inputs: args.input,
        set: args.set,
        values: args.values,
    }
}

fn selection(args: args::SelectionArgs) -> SelectionSettings {
    SelectionSettings {
        charts: args.charts,
        selectors: args.selector,
        with_needs: args.with_needs,
        with_dependents: args.with_dependents,
    }
}

fn cluster(args: args::ClusterArgs) -> ClusterSettings {
    ClusterSettings {
        context: args.kube_context,
        kubeconfig: args.kubeconfig,
        sandbox: args.sandbox.sandbox.and_then(|sandbox| sandbox.0),
        ready_after: args.sandbox.rehearse_ready_after,
        failures: args.sandbox.rehearse_fail,
        no_download: args.sandbox.no_download,
    }
}

fn run(args: args::RunArgs, file: StackFile) -> RunSettings {
    RunSettings {
        stack: stack(args.stack, file),
        selection: selection(args.selection),
        cluster: cluster(args.cluster),
        concurrency: args.concurrency,
        failure_policy: args.failure_policy,
        schedule: args.schedule,
        lock_timeout: args.lock_timeout,
        no_lock: args.no_lock,
        no_rollback: false,
        take_over: args.take_over,
        grace: args.grace,
        helm_binary: args.helm_binary,
        state_dir: args.state_dir,
        frozen: false,
        no_skip: false,
        validate: Validate::Changed,
        yes: args.yes,
        dry_run: args.dry_run,
        detailed_exitcode: args.detailed_exitcode,
        log_format: args.log_format,
    }
}
