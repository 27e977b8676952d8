//! A child's process group: signalled as long as it is ours, and emptied when the child ends.

use std::{
    io,
    process::{Child, ExitStatus},
    sync::{Mutex, PoisonError},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// The process group that a child leads.
///
/// The number of a group is free for others once its leader is reaped and its members are gone.
/// So nobody signals it after that: the reaping and every signal are under one lock.
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    ours: Mutex<bool>,
}

impl Group {
    /// The group of a child that was started as the leader of one.
    pub(super) fn led_by(child: &Child) -> Self {
        Self {
            // A pid is positive and fits: std only widens what the system gave it.
            id: Pid::from_raw(child.id().cast_signed()),
            ours: Mutex::new(true),
        }
    }

    /// Signals every member. Nobody left to signal is not an error.
    pub(super) fn signal(&self, signal: Signal) {
        let ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        if *ours {
            let _ = killpg(self.id, signal);
        }
    }

    /// Waits for the leader's end, kills what it left behind, then reaps it. Blocks.
    pub(super) fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let ended = self.await_leader(child);
        let mut ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = killpg(self.id, Signal::SIGKILL);
        *ours = false;
        ended.and_then(|()| child.wait())
    }

    /// Waits without reaping, so that the number stays taken.
    #[cfg(target_os = "linux")]
    fn await_leader(&self, _: &mut Child) -> io::Result<()> {
        use nix::{
            errno::Errno,
            sys::wait::{Id, WaitPidFlag, waitid},
        };
        loop {
            match waitid(
                Id::Pid(self.id),
                WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT,
            ) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// nix has no `waitid` for every Unix: reaps, which leaves the number to chance for the moment
    /// until the lock is taken. `Child` remembers the status.
    #[cfg(not(target_os = "linux"))]
    fn await_leader(&self, child: &mut Child) -> io::Result<()> {
        child.wait().map(drop)
    }
}
