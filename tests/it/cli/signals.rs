//! What a signal does to the program, to what it started, and to its private files.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    process::Child,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

use super::Shell;
use crate::support::fake_helm::FakeHelm;

/// A helm that is at work until its gate is opened, whoever asks it to end.
const AT_WORK: &str =
    r#"trap "" TERM; exec 3>"$home/life"; echo started >&3; read -r _ <"$home/gate"; echo "{}""#;

/// A shop whose helm says on a pipe that it is at work, and holds it until it is dead.
struct AtWork {
    fake: FakeHelm,
    shell: Shell,
}

impl AtWork {
    fn new() -> Self {
        let fake = FakeHelm::new("v4.3.1").on("template", AT_WORK);
        mkfifo(&fake.folder().join("life"), Mode::from_bits_truncate(0o600)).unwrap();
        let shell = Shell::with_shop();
        let private = shell.path().join("tmp");
        fs::create_dir(&private).unwrap();
        let shell = shell
            .var("HELM_BINARY", fake.binary())
            .var("PATH", "/usr/bin:/bin")
            .var("TMPDIR", private);
        Self { fake, shell }
    }

    /// Waits until helm is at work; its end is the end of what is returned.
    fn started(&self) -> BufReader<File> {
        let mut alive = BufReader::new(File::open(self.fake.folder().join("life")).unwrap());
        let mut line = String::new();
        alive.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        alive
    }

    fn private_files(&self) -> usize {
        fs::read_dir(self.shell.path().join("tmp")).unwrap().count()
    }
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[test]
fn a_signal_ends_the_program_with_its_children_and_its_private_files() {
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 143),
    ] {
        let work = AtWork::new();
        let _gate = work.fake.gate("gate");
        let child = work.shell.command("render db").spawn().unwrap();
        let mut life = work.started();
        assert_eq!(work.private_files(), 1, "helm's own folder");
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{signal} {said}");
        assert!(said.contains("interrupted"), "{said}");
        assert_eq!(work.private_files(), 0, "{signal}");
        assert_eq!(life.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn a_hangup_that_was_to_be_ignored_is() {
    let work = AtWork::new();
    let mut gate = work.fake.gate("gate");
    // As `nohup` starts it.
    let mut command = work.shell.program("/bin/sh");
    let line = r#"trap "" HUP; exec "$0" render db"#;
    command.args(["-c", line, env!("CARGO_BIN_EXE_stackctl")]);
    let child = command.spawn().unwrap();
    let _life = work.started();
    send(&child, Signal::SIGHUP);
    gate.open();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
}
