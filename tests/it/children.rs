//! A child never outlives the program that started it, even one that is killed.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

/// A shell in place of a program that starts children, with a guard before its child.
#[expect(
    clippy::disallowed_methods,
    reason = "the parent that is to be killed is not stackctl's child"
)]
fn parent(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", script])
        .env("STACKCTL", env!("CARGO_BIN_EXE_stackctl"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_child_dies_with_a_parent_that_is_killed() {
    // The child holds the pipe too: its end of file is the death of both.
    let mut parent = parent(
        r#""$STACKCTL" __stackctl-exec $$ drop -- sh -c 'echo "$0 started"; exec sleep 1000' child & wait"#,
    );
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "child started\n");
    kill(Pid::from_raw(parent.id().cast_signed()), Signal::SIGKILL).unwrap();
    parent.wait().unwrap();
    assert_eq!(output.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn an_orphan_gets_sigterm_and_can_finish_though_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    mkfifo(&record, Mode::from_bits_truncate(0o600)).unwrap();
    // As helm does: says so first, then closes its record. Only the record is listened to.
    let mut parent = parent(&format!(
        r#""$STACKCTL" __stackctl-exec $$ hold -- sh -c 'exec 3>"$0"; sleep 1000 3>&- & trap "kill $!; echo cancelled; echo cancelled >&2; echo closed >&3; exit" TERM; echo started >&3; wait' {} & wait"#,
        record.display()
    ));
    let mut record = BufReader::new(File::open(record).unwrap());
    let mut line = String::new();
    record.read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    drop((parent.stdout.take(), parent.stderr.take()));
    kill(Pid::from_raw(parent.id().cast_signed()), Signal::SIGKILL).unwrap();
    parent.wait().unwrap();
    let mut rest = String::new();
    record.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "closed\n");
}

#[test]
fn a_child_whose_parent_is_gone_already_is_not_started() {
    // 1 is not the parent, as after an orphan's adoption.
    let output = parent(r#""$STACKCTL" __stackctl-exec 1 drop -- echo started"#)
        .wait_with_output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(output.status.code(), Some(127));
}

#[test]
fn a_program_that_cannot_be_started_is_told_by_its_system_error() {
    let output = parent(r#""$STACKCTL" __stackctl-exec $$ drop -- /nonexistent/program & wait $!"#)
        .wait_with_output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "__stackctl-exec: 2\n"
    );
    assert_eq!(output.status.code(), Some(127));
}

#[test]
fn a_guard_leaves_its_child_arguments_environment_and_signals_as_it_got_them() {
    let output = parent(
        r#"MARK=1 "$STACKCTL" __stackctl-exec $$ drop -- sh -c 'echo "$MARK $#: $*"; grep SigIgn /proc/$$/status' sh a '' '-- b' & wait"#,
    )
    .wait_with_output()
    .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (said, ignored) = text.split_once('\n').unwrap();
    assert_eq!(said, "1 3: a  -- b");
    // The Rust runtime ignores SIGPIPE; a child must not, or pipelines never end.
    let ignored = ignored.trim().rsplit('\t').next().unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert_eq!(ignored & (1 << (Signal::SIGPIPE as u64 - 1)), 0, "{text}");
}
