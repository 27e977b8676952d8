//! Help, colours, and readers that go away.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use insta::assert_snapshot;

use super::Shell;

#[test]
fn no_command_is_wrong_usage_and_prints_the_help() {
    let said = Shell::new().run("");
    assert!(said.contains("Usage: stackctl"), "{said}");
    assert!(said.starts_with("stderr:"), "{said}");
    assert!(said.ends_with("exit 64"), "{said}");
}

#[test]
fn the_version() {
    assert_snapshot!(Shell::new().run("--version"), @r"
    stackctl [version]
    exit 0
    ");
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    let shell = Shell::new();
    let commands = [
        "up",
        "down",
        "plan",
        "status",
        "check",
        "graph",
        "completions",
    ];
    for command in commands {
        let asked = shell.run(&format!("{command} --help"));
        assert_eq!(asked, shell.run(&format!("help {command}")));
        assert!(asked.contains("Examples:"), "{asked}");
        assert!(asked.ends_with("exit 0"), "{asked}");
    }
}

#[test]
fn colour_only_where_it_was_asked_for() {
    let colored = |shell: Shell, line: &str| shell.run(line).contains('\u{1b}');
    let wrong = || Shell::new().var("TERM", "xterm");
    assert!(!colored(wrong(), "check"));
    assert!(colored(wrong(), "check --color always"));
    assert!(colored(wrong().var("STACKCTL_COLOR", "always"), "check"));
    assert!(colored(wrong().var("CLICOLOR_FORCE", "1"), "check"));
    assert!(!colored(
        wrong().var("CLICOLOR_FORCE", "1").var("NO_COLOR", "1"),
        "check"
    ));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let shell = Shell::new();
    shell.file("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    // More than a pipe holds.
    let charts: Vec<String> = (0..2000)
        .map(|index| format!("[charts.a-chart-with-a-long-name-{index}]\nchart = \"./c\"\n"))
        .collect();
    shell.file(
        "stack.toml",
        format!("[stack]\nname = \"many\"\n{}", charts.concat()),
    );
    for line in ["plan --offline", "graph -o dot", "plan --offline -o json"] {
        let mut child = shell.command(line).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((stderr.as_str(), output.status.code()), ("", Some(0)));
    }
}

#[test]
fn nobody_listening_changes_no_exit_code() {
    let shell = Shell::new();
    let mut command = shell.command("check");
    command.stderr(Stdio::null()).stdout(Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(65));
}
