//! Keeps a terminal from printing `^C` into the live view.
//!
//! The view leaves the cursor at the right edge: two more characters there begin a new row, and
//! the next frame would be drawn one row too low.

use std::io::Stderr;

use nix::{
    sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr},
    unistd::{getpgrp, tcgetpgrp},
};

/// Control characters are not echoed until this is dropped.
pub(super) struct Silenced {
    terminal: Stderr,
    before: Termios,
}

impl Silenced {
    /// `None` if it is no terminal, or not ours: one who changes a terminal from the background is
    /// stopped.
    pub(super) fn new(terminal: Stderr) -> Option<Self> {
        let before = tcgetattr(&terminal).ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHOCTL);
        tcsetattr(&terminal, SetArg::TCSANOW, &silent).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Silenced {
    fn drop(&mut self) {
        if tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp()) {
            // A terminal that is gone needs nothing back.
            let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
        }
    }
}

impl std::fmt::Debug for Silenced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Silenced").finish_non_exhaustive()
    }
}
