//! Which process is it, precisely enough to see its death from the same machine, and that of the
//! children it started.
//!
//! `BOOT-ID/PID-NAMESPACE/USER-ID/PID/START-TIME`: a process id alone means nothing in another
//! container, after a reboot, or once it is used again; and of another user's processes neither
//! their environment can be seen nor, on some machines, that they are there. Linux only; elsewhere
//! there is no mark, and what a dead process held is waited for until it expires.

use std::fs;

/// Variable with the mark of the stackctl that started a process: every child has it. One gets
/// SIGTERM when we die, but it does not die at once: this is how it is found until then.
pub const PARENT: &str = "STACKCTL_PARENT";

/// The mark of this process.
pub fn own() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{}/{pid}/{}", surroundings()?, start_time(pid)?))
}

/// Whether the mark is of a process that ran where this one runs, and is gone, with all its children
/// that carry the mark ([`PARENT`]). False whenever that cannot be told.
pub fn is_gone(mark: &str) -> bool {
    is_dead(mark) && !has_children(mark)
}

/// Whether the mark is of a process that ran where this one runs, and is gone, though perhaps not the
/// children it left behind. False whenever that cannot be told.
pub fn is_dead(mark: &str) -> bool {
    let Some((rest, started)) = mark.rsplit_once('/') else {
        return false;
    };
    let Some((place, pid)) = rest.rsplit_once('/') else {
        return false;
    };
    let Ok(pid) = pid.parse() else { return false };
    surroundings().as_deref() == Some(place) && start_time(pid).as_deref() != Some(started)
}

/// Whether a process has the mark in its environment. The environment of other users' processes
/// cannot be read; a run's children are its own user's.
fn has_children(mark: &str) -> bool {
    let wanted = format!("{PARENT}={mark}");
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    processes.filter_map(Result::ok).any(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        let mut variables = environment.split(|&byte| byte == 0);
        variables.any(|variable| variable == wanted.as_bytes())
    })
}

/// Name of this machine, for people.
pub fn host() -> String {
    let name = nix::unistd::gethostname().ok();
    name.and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "unknown".into())
}

fn surroundings() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let inode: String = namespace
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let user = nix::unistd::geteuid();
    Some(format!("{}/{inode}/{user}", boot.trim()))
}

/// Field 22 of `/proc/PID/stat`; the fields are counted from after the command's `)`. A zombie is
/// dead, too.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z")
        .then(|| fields.nth(18).map(str::to_owned))
        .flatten()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_others_can_be_told_dead() {
        let mark = own().unwrap();
        assert!(!is_dead(&mark));
        let (rest, started) = mark.rsplit_once('/').unwrap();
        let (place, _) = rest.rsplit_once('/').unwrap();
        // Used again by a process that started at another time.
        assert!(is_dead(&format!("{rest}/{started}1")));
        assert!(is_dead(&format!("{place}/4194999/5")), "no such process");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a child without us around it, as one that we left behind"
    )]
    fn a_process_is_gone_when_its_children_are() {
        let (rest, started) = own()
            .map(|own| {
                own.rsplit_once('/')
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
            })
            .unwrap()
            .unwrap();
        let dead = format!("{rest}/{started}2");
        assert!(is_gone(&dead));
        let mut child = std::process::Command::new("cat")
            .env(PARENT, &dead)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        assert!(!is_gone(&dead), "its child is at work");
        assert!(is_gone(&format!("{dead}2")), "which is nobody else's");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(is_gone(&dead));
        assert!(!is_gone(&own().unwrap()));
    }

    #[test]
    fn marks_from_elsewhere_tell_nothing() {
        for mark in ["", "x", "other-boot/1/0/2/3", "a/b/c/d/e"] {
            assert!(!is_dead(mark), "{mark}");
        }
        // Nor do another user's.
        let own = own().unwrap();
        let mut parts: Vec<_> = own.split('/').collect();
        let other = format!("{}1", parts[2]);
        (parts[2], parts[3]) = (&other, "4194999");
        assert!(!is_dead(&parts.join("/")));
    }
}
