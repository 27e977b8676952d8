//! The command line as clap sees it: flags, their groups and their help.
//!
//! Only names, texts and value parsers; what the values mean is settled in [`super::settings`],
//! where environment variables come in is [`super::environment`].

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{
    settings::{
        ChartValue, ChartValuesFile, Failure, FailurePolicy, GraphFormat, InputValue, LogFormat,
        OutputFormat, SandboxDir, Schedule, SchemaFormat, Validate, ValuesFormat,
    },
    values,
};
use crate::{
    name::{ChartName, RunId},
    run::Rehearsal,
};

const EXAMPLES: &str = "\
Examples:
  stackctl check                      find every problem of ./stack.toml, without a cluster
  stackctl plan                       what `up` would do, and in which order
  stackctl up                         bring the whole stack up
  stackctl up web --with-needs        one chart, and what it needs
  stackctl fetch                      download the charts, lock their versions
  stackctl values web --explain       what Helm gets as values, and who said it
  stackctl down --yes                 take the stack down, dependents first
  stackctl runs show last             what became of each chart, and how long it took

Environment:
  Every flag can be set by a variable: STACKCTL_ and the flag's name in capitals
  (STACKCTL_KUBE_CONTEXT=prod); switches take true, false, 1 or 0; flags that may be repeated take
  one value a line. The command line wins. KUBECONFIG, HELM_BINARY, NO_COLOR, CLICOLOR_FORCE and
  Helm's own HELM_… are honoured. STACKCTL_LOG=debug shows what stackctl does inside.

Exit codes:
  0 done · 1 failed · 2 changes pending (--detailed-exitcode) · 64 wrong usage
  65 wrong stack file · 130 interrupted by Ctrl-C · 143 terminated";

/// Brings up, changes and tears down whole stacks of Helm releases as a dependency graph
#[derive(Debug, Parser)]
#[command(
    name = "stackctl",
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct GlobalArgs {
    /// The stack file; `-` reads it from standard input
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        default_value = "stack.toml"
    )]
    pub(super) file: PathBuf,
    /// Print failures and the last line only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Also print what Helm and the steps write
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorWhen,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Up(UpArgs),
    Down(DownArgs),
    Plan(PlanArgs),
    Fetch(FetchArgs),
    Status(StatusArgs),
    Check(CheckArgs),
    Graph(GraphArgs),
    /// Show who is at work on the stack, or take the lock away from a run that is not
    Lock {
        #[command(subcommand)]
        what: LockCommand,
    },
    Values(ValuesArgs),
    Render(RenderArgs),
    Doctor(DoctorArgs),
    Sandbox(SandboxCommand),
    Runs(RunsArgs),
    Schema(SchemaArgs),
    /// Print a completion script
    #[command(after_help = "\
Examples:
  stackctl completions bash > /etc/bash_completion.d/stackctl
  stackctl completions zsh > ~/.zfunc/_stackctl
  stackctl completions fish > ~/.config/fish/completions/stackctl.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Install or upgrade the charts of the stack, each as soon as what it needs is there
#[derive(Debug, Args)]
#[command(
    visible_alias = "apply",
    after_help = "\
Examples:
  stackctl up                           the whole stack
  stackctl up api web                   these charts only; what they need must be installed
  stackctl up -e staging                one environment of it
  stackctl up web --with-needs          a chart, and all it needs
  stackctl up -l tier=base,team!=data   charts by label
  stackctl up --set web:replicas=3      with a value changed
  stackctl up --dry-run --detailed-exitcode
                                        only say whether anything would change
  stackctl up --validate all            also look whether what is unchanged still works
  stackctl up --failure-policy rollback as it was before, if a chart fails
  stackctl up --yes --log-format json   in CI: no question, every event on standard output

Without a terminal, --yes is needed only if a release would be removed or reinstalled."
)]
pub(super) struct UpArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Use only charts that the lock file holds
    #[arg(long, help_heading = "Run options")]
    pub(super) frozen: bool,
    /// Deploy charts of which nothing has changed, too
    #[arg(long, help_heading = "Run options")]
    pub(super) no_skip: bool,
    /// Leave what an interrupted rollback has not taken back as it is, instead of finishing it first
    #[arg(long, help_heading = "Run options")]
    pub(super) no_rollback: bool,
    /// Whose `validate` steps are run: of the charts that change, of all, or of none
    #[arg(
        long,
        value_name = "CHARTS",
        default_value = "changed",
        help_heading = "Run options"
    )]
    pub(super) validate: Validate,
}

/// Uninstall the charts of the stack, dependents first
#[derive(Debug, Args)]
#[command(visible_aliases = ["destroy", "delete"], after_help = "\
Examples:
  stackctl down                       the whole stack; asks first
  stackctl down web                   one chart; refused while installed charts need it
  stackctl down db --with-dependents  a chart, and all that need it
  stackctl down --dry-run             only say what would be removed
  stackctl down --purge               also the CRDs and namespaces that stackctl made

Without --purge, namespaces and CRDs stay. With it, CRDs go when all charts are gone, unless objects
of their kinds remain (they are named), and namespaces go if they are empty. What was there before
stackctl came stays. Without a terminal, --yes is needed.")]
pub(super) struct DownArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Also remove charts marked `protected`
    #[arg(long, help_heading = "Run options")]
    pub(super) include_protected: bool,
    /// Also remove the CRDs, and the namespaces if empty, that stackctl made
    #[arg(long, help_heading = "Run options")]
    pub(super) purge: bool,
}

/// Show what `up` (or `down`) would do, in which order, and why
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl plan
  stackctl plan --down
  stackctl plan --offline -o json     no cluster: order and critical path only")]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag")]
pub(super) struct PlanArgs {
    /// Plan the way down
    #[arg(long)]
    pub(super) down: bool,
    /// With --down: also charts marked `protected`
    #[arg(long, requires = "down")]
    pub(super) include_protected: bool,
    /// Take over releases that belong to another stack, or another environment of this one
    #[arg(long)]
    pub(super) take_over: bool,
    /// With --down: also the CRDs, and the namespaces if empty, that stackctl made
    #[arg(long, requires = "down")]
    pub(super) purge: bool,
    /// Take charts of which nothing has changed as if something had
    #[arg(long, conflicts_with = "down")]
    pub(super) no_skip: bool,
    /// Do not look at a cluster: every action is taken to be an install
    #[arg(long, conflicts_with_all = ["kube_context", "kubeconfig", "sandbox"])]
    pub(super) offline: bool,
    /// Use only charts that the lock file holds
    #[arg(long)]
    pub(super) frozen: bool,
    /// Where the records of runs are kept, which tell how long charts take
    #[arg(long, value_name = "FOLDER", default_value = ".stackctl")]
    pub(super) state_dir: PathBuf,
    /// Form of the plan
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: OutputFormat,
    /// Exit with 2 if the plan would change something
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) stack: StackArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// Resolve the stack's charts, download them and lock their versions and digests
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl fetch                  lock what is not locked yet; what is locked stays
  stackctl fetch --update         the newest versions the stack accepts
  stackctl fetch --update db      of one chart only
  stackctl fetch --frozen         in CI: fill the cache, change nothing
  stackctl fetch --late           also what the stack itself serves, once it is up

The lock file lies beside the stack file (stack.lock) and belongs into version control. Charts are
kept in $STACKCTL_CACHE_DIR, $XDG_CACHE_HOME/stackctl or ~/.cache/stackctl; `up` and `plan` fetch
what is missing there themselves.")]
pub(super) struct FetchArgs {
    /// Resolve anew what is locked: the charts named, or all
    #[arg(long)]
    pub(super) update: bool,
    /// Charts to update
    #[arg(value_name = "CHART", value_parser = values::chart_name, requires = "update")]
    pub(super) charts: Vec<ChartName>,
    /// Use only charts that the lock file holds, and do not write it
    #[arg(long, conflicts_with = "update")]
    pub(super) frozen: bool,
    /// Also charts with `fetch = "late"`, which come from something that the stack installs
    #[arg(long)]
    pub(super) late: bool,
    #[command(flatten)]
    pub(super) stack: StackArgs,
}

/// Show what is installed of the stack
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl status
  stackctl status -o json | jq '.[] | select(.state != \"deployed\")'")]
pub(super) struct StatusArgs {
    /// Form of the list
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: OutputFormat,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) stack: StackArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// Look at Helm, the cluster, your rights there, and all that would stop `up`; changes nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl doctor
  stackctl doctor -e staging --kube-context staging
  stackctl doctor --sandbox              can a rehearsal begin?

Exit codes: 0 nothing would stop a run, 1 something would.")]
pub(super) struct DoctorArgs {
    /// The Helm to use, a path or a name; default `helm` in PATH
    #[arg(long, value_name = "HELM")]
    pub(super) helm_binary: Option<PathBuf>,
    #[command(flatten)]
    pub(super) stack: StackArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// Find every problem of the stack file, without a cluster and without Helm
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl check
  stackctl check -f platform.toml -o json
  stackctl check -e staging              one environment; without -e, every one
  stackctl check --strict                also keys of values that no chart knows")]
pub(super) struct CheckArgs {
    /// A value that its chart does not know is an error: neither its values.yaml nor its schema has
    /// such a key. Values files are judged, too; of several charts that read one, one must know it
    #[arg(long)]
    pub(super) strict: bool,
    /// Form of the findings
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: OutputFormat,
    #[command(flatten)]
    pub(super) stack: StackArgs,
}

/// Print the dependency graph
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl graph
  stackctl graph -o dot | dot -Tsvg > stack.svg
  stackctl graph web --with-needs -o mermaid")]
pub(super) struct GraphArgs {
    /// Form of the graph
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: GraphFormat,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) stack: StackArgs,
}

/// Print the shape of a stack file, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl schema > stack.schema.json
  stackctl schema -o markdown          every table and key, for people

With `#:schema ./stack.schema.json` as its first line, editors with a TOML language server (taplo,
Even Better TOML) complete a stack file and say what each key means.")]
pub(super) struct SchemaArgs {
    /// A JSON Schema, or a reference page
    #[arg(short, long, value_name = "FORMAT", default_value = "json")]
    pub(super) output: SchemaFormat,
}

#[derive(Debug, Subcommand)]
pub(super) enum LockCommand {
    Show(LockShowArgs),
    Release(LockReleaseArgs),
}

/// Show which run holds the stack's lock, since when, and what it does
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl lock show
  stackctl lock show -e staging -o json | jq .held.run")]
pub(super) struct LockShowArgs {
    /// Form of the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: OutputFormat,
    #[command(flatten)]
    pub(super) stack: StackArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// Take the stack's lock away from a run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl lock release --run 20260101t101500-ab12cd

A lock that is not renewed ends by itself after a minute, and at once on the machine of a run that
was killed: this is for those who know better. A run that lives ends itself when it loses the lock.")]
pub(super) struct LockReleaseArgs {
    /// The run that holds it, as `lock show` says
    #[arg(long, value_name = "ID", value_parser = values::run_id)]
    pub(super) run: RunId,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) stack: StackArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// Print the values that Helm gets for a chart, all layers merged
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl values web                  what Helm gets from the stack
  stackctl values web --explain        and which file and line says it
  stackctl values web --all            over the chart's own values, as templates see them
  stackctl values web -e prod -o json

Secrets are masked. Inputs are resolved and commands run, as for `up`; neither a cluster nor Helm
is needed. With --all a chart from elsewhere is fetched.")]
pub(super) struct ValuesArgs {
    /// The chart
    #[arg(value_name = "CHART", value_parser = values::chart_name)]
    pub(super) chart: ChartName,
    /// Merge over the values of the chart itself and of its subcharts
    #[arg(long)]
    pub(super) all: bool,
    /// Say of each value who set it, and of the chart's values which were removed
    #[arg(long)]
    pub(super) explain: bool,
    /// Form of the values
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    pub(super) output: ValuesFormat,
    /// With --all: use only a chart that the lock file holds
    #[arg(long)]
    pub(super) frozen: bool,
    #[command(flatten)]
    pub(super) stack: StackArgs,
}

/// Print the manifests of the stack's charts, as `helm template` would
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl render                      all charts, in the order of the graph
  stackctl render web --with-needs     a chart, and what it needs
  stackctl render --output-dir out     one file a chart: out/web.yaml
  stackctl render -e prod --kube-version 1.33 --include-crds

Charts are fetched, inputs resolved and commands run, as for `up`; no cluster is asked. The
manifests hold whatever secrets the values do: files are for you alone (0600), and standard output
is not masked. If one chart fails nothing is printed or written. A chart that is fetched late is
rendered only if it is named.")]
pub(super) struct RenderArgs {
    /// Write one file a chart to this folder instead of printing
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: Option<PathBuf>,
    /// Also render the CRDs in the charts' `crds/`
    #[arg(long)]
    pub(super) include_crds: bool,
    /// Render as if for this Kubernetes version; default is Helm's own
    #[arg(long, value_name = "VERSION", value_parser = values::kube_version)]
    pub(super) kube_version: Option<String>,
    /// Use only charts that the lock file holds
    #[arg(long)]
    pub(super) frozen: bool,
    /// The Helm to use, a path or a name; default `helm` in PATH
    #[arg(long, value_name = "HELM")]
    pub(super) helm_binary: Option<PathBuf>,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) stack: StackArgs,
}

/// Show the runs there were, newest first, or one of them in full
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stackctl runs                         what was run, when, and how it ended
  stackctl runs show last               the newest run: its charts, their steps, what failed
  stackctl runs show 20261122t1635      one whose name begins like this
  stackctl runs -o json | jq '.[] | select(.outcome == \"cut_off\")'

`cut off` is a run that was killed: the same command goes on from there. The newest 100 runs of a
folder are kept. No cluster is asked, and no stack file read.")]
pub(super) struct RunsArgs {
    /// Form of what is shown
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "table"
    )]
    pub(super) output: OutputFormat,
    /// Where the records of runs are kept
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        default_value = ".stackctl"
    )]
    pub(super) state_dir: PathBuf,
    #[command(subcommand)]
    pub(super) one: Option<RunsCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// Show what became of each chart of a run: its steps, how long they took, why they failed
    Show {
        /// The run: its name, how it begins, or `last`
        run: String,
    },
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectionArgs {
    /// Charts to act on; all if none is named or selected
    #[arg(value_name = "CHART", value_parser = values::chart_name, help_heading = None::<&str>)]
    pub(super) charts: Vec<ChartName>,
    /// Select by labels (`tier=base,team!=data`): comma is and, repeating the flag is or
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub(super) selector: Vec<String>,
    /// Add everything the selected charts need
    #[arg(long)]
    pub(super) with_needs: bool,
    /// Add every chart that needs a selected one
    #[arg(long)]
    pub(super) with_dependents: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Stack options")]
pub(super) struct StackArgs {
    /// The environment of the stack (`[environments.NAME]`)
    #[arg(short, long, value_name = "NAME")]
    pub(super) environment: Option<String>,
    /// Give an input of the stack a value
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::input)]
    pub(super) input: Vec<InputValue>,
    /// Set a value of a chart; the path is Helm's
    #[arg(long, value_name = "CHART:PATH=VALUE", value_parser = values::chart_value)]
    pub(super) set: Vec<ChartValue>,
    /// Add a values file to a chart
    #[arg(long, value_name = "CHART=FILE", value_parser = values::chart_values_file)]
    pub(super) values: Vec<ChartValuesFile>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster options")]
pub(super) struct ClusterArgs {
    /// Context of the kubeconfig to use
    #[arg(long, value_name = "CONTEXT")]
    pub(super) kube_context: Option<String>,
    /// The kubeconfig; default as kubectl's
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    pub(super) sandbox: SandboxArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Sandbox options")]
pub(super) struct SandboxArgs {
    /// Rehearse in a Kubernetes-compatible server inside stackctl, which keeps its state in DIR;
    /// no cluster is touched (`stackctl help sandbox`)
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = Rehearsal::DIR,
        conflicts_with_all = ["kube_context", "kubeconfig"],
        value_parser = values::sandbox
    )]
    pub(super) sandbox: Option<SandboxDir>,
    /// In the sandbox: how long pods take to become ready
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(super) rehearse_ready_after: Option<Duration>,
    /// In the sandbox: what goes wrong with a chart
    /// (crashloop, image-pull, hook, never-ready, api-500)
    #[arg(long, value_name = "CHART=KIND", value_parser = values::failure)]
    pub(super) rehearse_fail: Vec<Failure>,
    /// For the sandbox: where no usable helm is found, do not download one
    #[arg(long)]
    pub(super) no_download: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Run options")]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag")]
pub(super) struct RunArgs {
    /// Show the plan and stop there
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run: exit with 2 if the plan would change something
    #[arg(long, requires = "dry_run")]
    pub(super) detailed_exitcode: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Helm processes at once; 0 is no limit
    #[arg(
        short = 'j',
        long,
        visible_alias = "parallelism",
        value_name = "N",
        value_parser = values::concurrency,
        allow_negative_numbers = true
    )]
    pub(super) concurrency: Option<usize>,
    /// What happens to charts that do not need a failed one: `stop` starts nothing new, `continue`
    /// lets them go on, `rollback` stops and takes back what the run has changed (`down`: as `stop`)
    #[arg(long, value_name = "POLICY", value_parser = values::failure_policy)]
    pub(super) failure_policy: Option<FailurePolicy>,
    /// When a chart may start
    #[arg(long, value_name = "SCHEDULE")]
    pub(super) schedule: Option<Schedule>,
    /// How long to wait for another run of the stack (`5m`); 0 is not at all
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = values::duration)]
    pub(super) lock_timeout: Duration,
    /// Run without the stack's lock, where leases or ConfigMaps may not be written: nothing keeps
    /// another run away
    #[arg(long, conflicts_with = "lock_timeout")]
    pub(super) no_lock: bool,
    /// Take over releases that belong to another stack, or another environment of this one
    #[arg(long)]
    pub(super) take_over: bool,
    /// How long Helm and steps have to end in order when stackctl is told to stop and nobody is there
    /// to say it again; then they are killed
    #[arg(long, value_name = "DURATION", default_value = "8s", value_parser = values::duration)]
    pub(super) grace: Duration,
    /// The Helm to use, a path or a name; default `helm` in PATH
    #[arg(long, value_name = "HELM")]
    pub(super) helm_binary: Option<PathBuf>,
    /// Where the records of runs are kept
    #[arg(long, value_name = "FOLDER", default_value = ".stackctl")]
    pub(super) state_dir: PathBuf,
    /// How the run is reported while it goes on
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) stack: StackArgs,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
}

/// Serve the sandbox until interrupted, for helm and kubectl; prints the path of its kubeconfig
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  stackctl up --sandbox               rehearse a stack; nothing else is needed but helm
  stackctl up --sandbox --rehearse-ready-after 2s --rehearse-fail api=crashloop
  stackctl status --sandbox           what the last rehearsal left
  stackctl sandbox                    serve it, then in another terminal:
  KUBECONFIG=.stackctl/sandbox/kubeconfig kubectl get pods -A
  stackctl sandbox reset              forget everything in it

One process at a time: what serves a folder has to end before another command uses it.

The sandbox does what helm, kubectl and stackctl ask of a cluster, with controllers that make
workloads ready, or fail as told; a pod template's annotations stackctl.test/ready-after and
stackctl.test/fail say it chart by chart. No container runs. Not modelled: roles, admission
webhooks, quotas, networking, scheduling, most defaults. What it does not know it refuses, with a
line in DIR/log."
)]
pub(super) struct SandboxCommand {
    #[command(subcommand)]
    pub(super) action: Option<SandboxAction>,
    /// Where its state is kept
    #[arg(long, value_name = "DIR", default_value = Rehearsal::DIR)]
    pub(super) dir: PathBuf,
    /// How long pods take to become ready
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "0")]
    pub(super) rehearse_ready_after: Duration,
}

/// What to do with the sandbox, instead of serving it.
#[derive(Debug, Subcommand)]
pub(super) enum SandboxAction {
    /// Forget everything in it
    Reset {
        /// Where its state is kept
        #[arg(long, value_name = "DIR", default_value = Rehearsal::DIR)]
        dir: PathBuf,
    },
}
