//! Which process is it, precisely enough to see its death from the same machine.
//!
//! `BOOT-ID/PID-NAMESPACE/PID/START-TIME`: a process id alone means nothing in another container,
//! after a reboot, or once it is used again. Linux only; elsewhere there is no mark, and a dead
//! holder is waited for until its lease expires.

use std::fs;

/// The mark of this process.
pub(super) fn own() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{}/{pid}/{}", surroundings()?, start_time(pid)?))
}

/// Whether the mark is of a process that ran where this one runs, and does not any more. False
/// whenever that cannot be told.
pub(super) fn is_dead(mark: &str) -> bool {
    let Some((rest, started)) = mark.rsplit_once('/') else {
        return false;
    };
    let Some((place, pid)) = rest.rsplit_once('/') else {
        return false;
    };
    let Ok(pid) = pid.parse() else { return false };
    surroundings().as_deref() == Some(place) && start_time(pid).as_deref() != Some(started)
}

/// Name of this machine, for people.
pub(super) fn host() -> String {
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
    Some(format!("{}/{inode}", boot.trim()))
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
    fn marks_from_elsewhere_tell_nothing() {
        for mark in ["", "x", "other-boot/1/2/3", "a/b/c/d"] {
            assert!(!is_dead(mark), "{mark}");
        }
    }
}
