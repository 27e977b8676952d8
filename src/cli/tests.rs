//! The command line and the environment, from texts to settings and exit codes.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Command, CommandFactory, error::ErrorKind};

use super::{
    args::{Cli, ColorWhen},
    environment::Environment,
    parse,
    settings::{
        FailurePolicy, GraphFormat, LogFormat, OutputFormat, Schedule, SchemaFormat, Settings,
        StackFile, ValuesFormat, Verbosity, verbosity,
    },
    usage_code,
};
use crate::name::ChartName;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn parse_in(variables: &[(&str, &str)], line: &str) -> Result<Cli, clap::Error> {
    let words = std::iter::once("stackctl").chain(line.split_whitespace());
    let words: Vec<OsString> = words.map(OsString::from).collect();
    parse(&words, &environment(variables))
}

fn settings_in(variables: &[(&str, &str)], line: &str) -> Settings {
    Settings::resolve(parse_in(variables, line).unwrap_or_else(|error| panic!("{line}: {error}")))
}

fn settings(line: &str) -> Settings {
    settings_in(&[], line)
}

fn up_in(variables: &[(&str, &str)], line: &str) -> super::settings::RunSettings {
    match settings_in(variables, line) {
        Settings::Up(settings) => settings,
        other => panic!("{other:?}"),
    }
}

/// How `line` is refused.
fn refusal(variables: &[(&str, &str)], line: &str) -> (u8, String) {
    let environment = environment(variables);
    let error = parse_in(variables, line).unwrap_err();
    let blame = super::environment::blame(&error, &environment).unwrap_or_default();
    (usage_code(&error).code(), format!("{error}{blame}"))
}

#[test]
fn the_flags_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn up_without_flags_leaves_everything_to_the_file() {
    let up = up_in(&[], "up");
    assert_eq!(up.stack.file, StackFile::Path("stack.toml".into()));
    assert!(up.stack.inputs.is_empty() && up.stack.set.is_empty() && up.stack.values.is_empty());
    assert!(up.selection.charts.is_empty() && up.selection.selectors.is_empty());
    assert!(!up.selection.with_needs && !up.selection.with_dependents);
    assert_eq!((up.cluster.context, up.cluster.kubeconfig), (None, None));
    assert_eq!(
        (up.concurrency, up.failure_policy, up.schedule),
        (None, None, None)
    );
    assert_eq!(up.lock_timeout, Duration::ZERO);
    assert_eq!(up.helm_binary, None);
    assert_eq!(up.state_dir, PathBuf::from(".stackctl"));
    assert!(!up.yes && !up.dry_run && !up.detailed_exitcode);
    assert_eq!(up.log_format, LogFormat::Text);
}

#[test]
fn every_flag_of_up_arrives() {
    let up = up_in(
        &[],
        "up web api -f other.toml -l tier=base,team!=x -l name=db --with-needs --with-dependents \
         --kube-context prod --kubeconfig kc -j 3 --failure-policy continue --schedule waves \
         --input a=1 --input b=x=y --set web:a.b=c --values web=v.yaml --dry-run \
         --detailed-exitcode --lock-timeout 1m30s -y --log-format json --helm-binary /opt/helm \
         --state-dir s",
    );
    let charts: Vec<_> = up.selection.charts.iter().map(ChartName::as_str).collect();
    assert_eq!(charts, ["web", "api"]);
    assert_eq!(up.stack.file, StackFile::Path("other.toml".into()));
    assert_eq!(up.selection.selectors, ["tier=base,team!=x", "name=db"]);
    assert!(up.selection.with_needs && up.selection.with_dependents);
    assert_eq!(up.cluster.context.as_deref(), Some("prod"));
    assert_eq!(up.cluster.kubeconfig, Some("kc".into()));
    assert_eq!(up.concurrency, Some(3));
    assert_eq!(up.failure_policy, Some(FailurePolicy::Continue));
    assert_eq!(up.schedule, Some(Schedule::Waves));
    assert_eq!(up.stack.inputs.len(), 2);
    assert_eq!(up.stack.inputs[1].value, "x=y");
    assert_eq!(up.stack.set[0].path, "a.b");
    assert_eq!(up.stack.values[0].file, PathBuf::from("v.yaml"));
    assert_eq!(up.lock_timeout, Duration::from_secs(90));
    assert!(up.yes && up.dry_run && up.detailed_exitcode);
    assert_eq!(up.log_format, LogFormat::Json);
    assert_eq!(up.helm_binary, Some("/opt/helm".into()));
    assert_eq!(up.state_dir, PathBuf::from("s"));
}

#[test]
fn each_command_has_its_own_names_and_flags() {
    for alias in ["up", "apply"] {
        assert!(matches!(settings(alias), Settings::Up(_)), "{alias}");
    }
    for alias in ["down", "destroy", "delete"] {
        let line = format!("{alias} web --include-protected");
        assert!(matches!(settings(&line), Settings::Down(down) if down.removal.include_protected));
    }
    assert!(matches!(
        settings("plan --down --offline -o json --detailed-exitcode"),
        Settings::Plan(plan) if plan.down && plan.offline && plan.detailed_exitcode
            && plan.output == OutputFormat::Json
    ));
    assert!(matches!(
        settings("status -o json --kube-context c web"),
        Settings::Status(status) if status.output == OutputFormat::Json
            && status.cluster.context.as_deref() == Some("c")
    ));
    assert!(matches!(
        settings("check -f -"),
        Settings::Check(check) if check.stack.file == StackFile::Stdin
    ));
    assert!(matches!(
        settings("graph -o mermaid web --with-needs"),
        Settings::Graph(graph) if graph.output == GraphFormat::Mermaid && graph.selection.with_needs
    ));
    assert!(matches!(
        settings("values web --all --explain -o json --frozen -e prod"),
        Settings::Values(values) if values.chart.as_str() == "web" && values.all && values.explain
            && values.frozen && values.output == ValuesFormat::Json
    ));
    assert!(matches!(
        settings("render web -l a=b --output-dir out --include-crds --kube-version 1.33"),
        Settings::Render(render) if render.output_dir == Some("out".into()) && render.include_crds
            && render.kube_version.as_deref() == Some("1.33") && render.selection.selectors == ["a=b"]
    ));
    assert!(matches!(
        settings("schema -o markdown"),
        Settings::Schema(SchemaFormat::Markdown)
    ));
    assert!(matches!(
        settings("completions fish"),
        Settings::Completions(_)
    ));
    assert_eq!(up_in(&[], "up --parallelism 0").concurrency, Some(0));
    assert_eq!(up_in(&[], "up").grace, super::signals::GRACE);
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    for line in [
        "-f x.toml -v up --color never",
        "up -f x.toml -v --color never",
    ] {
        let cli = parse_in(&[], line).unwrap();
        assert_eq!(verbosity(&cli.global), Verbosity::Verbose);
        assert_eq!(cli.global.color, ColorWhen::Never);
        assert_eq!(cli.global.file, PathBuf::from("x.toml"));
    }
}

#[test]
fn every_flag_can_come_from_the_environment() {
    let up = up_in(
        &[
            ("STACKCTL_FILE", "env.toml"),
            ("STACKCTL_KUBE_CONTEXT", "staging"),
            ("STACKCTL_CONCURRENCY", "5"),
            ("STACKCTL_FAILURE_POLICY", "continue"),
            ("STACKCTL_YES", "1"),
            ("STACKCTL_DRY_RUN", "false"),
            ("STACKCTL_WITH_NEEDS", "true"),
            ("STACKCTL_WITH_DEPENDENTS", "0"),
            ("STACKCTL_INPUT", "a=1\nb=two words, and a comma\n"),
            ("STACKCTL_LOCK_TIMEOUT", "2m"),
            ("STACKCTL_GRACE", "30s"),
            ("STACKCTL_SCHEDULE", ""),
        ],
        "up",
    );
    assert_eq!(up.stack.file, StackFile::Path("env.toml".into()));
    assert_eq!(up.cluster.context.as_deref(), Some("staging"));
    assert_eq!(up.concurrency, Some(5));
    assert_eq!(up.failure_policy, Some(FailurePolicy::Continue));
    assert!(up.yes && !up.dry_run);
    assert!(up.selection.with_needs && !up.selection.with_dependents);
    assert_eq!(up.stack.inputs.len(), 2);
    assert_eq!(up.stack.inputs[1].value, "two words, and a comma");
    assert_eq!(up.lock_timeout, Duration::from_mins(2));
    assert_eq!(up.grace, Duration::from_secs(30));
    assert_eq!(up.schedule, None, "an empty variable is not set");
}

/// By name, not by effect: a flag added later is covered too.
#[test]
fn no_flag_lacks_its_variable() {
    let command = Cli::command();
    for (path, subcommand) in leaves(&command, "") {
        // What is required beside flags, and what may come in their stead.
        let required = match path.as_str() {
            "completions" => "bash",
            "values" => "web",
            "lock release" => "--run r1",
            "runs show" => "last",
            _ => "",
        };
        for arg in command.get_arguments().chain(subcommand.get_arguments()) {
            let Some(flag) = arg.get_long() else { continue };
            let variable = format!("STACKCTL_{}", flag.to_uppercase().replace('-', "_"));
            let required = if flag == "run" { "" } else { required };
            let words = format!("stackctl {path} {required}");
            // No flag but one that takes any text accepts this value.
            let result = parse(
                &words
                    .split_whitespace()
                    .map(OsString::from)
                    .collect::<Vec<_>>(),
                &environment(&[(&variable, "\u{1}")]),
            );
            let free = [
                "file",
                "environment",
                "kube-context",
                "kubeconfig",
                "helm-binary",
                "state-dir",
                "output-dir",
                "selector",
                "sandbox",
                "dir",
            ];
            assert_eq!(result.is_ok(), free.contains(&flag), "{path} --{flag}");
        }
    }
}

/// The commands that do something, with their words: `runs` and `lock show` do, `lock` does not.
fn leaves<'a>(command: &'a Command, path: &str) -> Vec<(String, &'a Command)> {
    let each = |one: &'a Command| {
        let path = format!("{path} {}", one.get_name());
        let path = path.trim_start().to_owned();
        let mut found = leaves(one, &path);
        if !one.is_subcommand_required_set() {
            found.push((path, one));
        }
        found
    };
    let commands = command.get_subcommands();
    let commands = commands.filter(|one| one.get_name() != "help");
    commands.flat_map(each).collect()
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let variables = [
        ("STACKCTL_FILE", "env.toml"),
        ("STACKCTL_CONCURRENCY", "5"),
        ("STACKCTL_INPUT", "a=1\nb=2"),
        ("HELM_BINARY", "/usr/bin/helm3"),
    ];
    let up = up_in(&variables, "up -f line.toml -j 2 --input c=3");
    assert_eq!(up.stack.file, StackFile::Path("line.toml".into()));
    assert_eq!(up.concurrency, Some(2));
    assert_eq!(up.stack.inputs.len(), 1);
    assert_eq!(up.helm_binary, Some("/usr/bin/helm3".into()));

    let ours = [variables[3], ("STACKCTL_HELM_BINARY", "helm4")];
    assert_eq!(up_in(&ours, "up").helm_binary, Some("helm4".into()));
    assert_eq!(
        up_in(&ours, "up --helm-binary h").helm_binary,
        Some("h".into())
    );

    let quiet = [("STACKCTL_QUIET", "true")];
    let of = |line| verbosity(&parse_in(&quiet, line).unwrap().global);
    assert_eq!(of("up"), Verbosity::Quiet);
    assert_eq!(of("up -v"), Verbosity::Verbose);
}

#[test]
fn a_wrong_command_line_exits_64_and_says_what_is_wrong() {
    for (line, says) in [
        ("", "Usage"),
        ("upp", "'up'"),
        ("up --kube-contxt x", "--kube-context"),
        ("up Web", "chart name `Web` is not valid"),
        ("up -j many", "many"),
        (
            "up --failure-policy never",
            "expected `stop`, `continue` or `rollback`",
        ),
        ("down --no-rollback", "unexpected argument"),
        ("up --set web=1", "expected CHART:PATH=VALUE"),
        ("up --input a", "expected NAME=VALUE"),
        ("up --lock-timeout soon", "such as `90s`"),
        ("up -q -v", "cannot be used with"),
        ("up --detailed-exitcode", "--dry-run"),
        ("plan --include-protected", "--down"),
        ("plan --offline --kube-context x", "cannot be used with"),
        ("check web", "unexpected argument"),
        ("check --kube-context x", "unexpected argument"),
        ("graph -o table", "mermaid"),
        ("completions tcsh", "zsh"),
    ] {
        let (code, text) = refusal(&[], line);
        assert_eq!(code, 64, "{line}");
        assert!(text.contains(says), "{line}: {text}");
    }
}

#[test]
fn a_wrong_variable_is_named() {
    for (variable, value) in [
        ("STACKCTL_CONCURRENCY", "many"),
        ("STACKCTL_YES", "perhaps"),
        ("STACKCTL_FAILURE_POLICY", "never"),
        ("STACKCTL_COLOR", "red"),
        ("STACKCTL_INPUT", "a=1\nb"),
    ] {
        let (code, text) = refusal(&[(variable, value)], "up");
        assert_eq!(code, 64, "{variable}");
        assert!(text.contains(variable), "{variable}: {text}");
    }
    let both = [("STACKCTL_CONCURRENCY", "5")];
    assert!(!refusal(&both, "up -j many").1.contains("STACKCTL"));
}

#[test]
fn help_and_version_are_no_errors() {
    for (line, kind) in [
        ("--help", ErrorKind::DisplayHelp),
        ("up --help", ErrorKind::DisplayHelp),
        ("--version", ErrorKind::DisplayVersion),
    ] {
        let error = parse_in(&[], line).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.use_stderr());
        assert_eq!(usage_code(&error).code(), 0);
    }
}

#[test]
fn help_does_not_show_what_the_environment_holds() {
    let error = parse_in(&[("STACKCTL_INPUT", "token=hunter2")], "up --help").unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

/// The help of every command, as printed on a terminal of 100 columns.
#[test]
fn help_texts() {
    let mut command = Cli::command().term_width(100);
    command.build();
    insta::assert_snapshot!("help", command.render_long_help());
    let paths: Vec<String> = leaves(&command, "")
        .into_iter()
        .map(|leaf| leaf.0)
        .collect();
    for path in paths.iter().map(String::as_str).chain(["lock", "help"]) {
        let subcommand = path.split(' ').fold(&mut command, |command, name| {
            command.find_subcommand_mut(name).unwrap()
        });
        let help = subcommand.render_long_help();
        insta::assert_snapshot!(format!("help_{}", path.replace(' ', "_")), help);
    }
}
