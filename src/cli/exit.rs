//! What the process tells the shell.

use crate::shutdown::Reason;

/// Exit code of every command. The numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: all is well.
    Success,
    /// 1: a chart, the cluster, Helm or the machine failed.
    Failure,
    /// 2: changes are pending (only with `--detailed-exitcode`).
    ChangesPending,
    /// 64: the command line (or a `STACKCTL_…` variable) is wrong. `EX_USAGE` of sysexits.h.
    Usage,
    /// 65: the stack file is wrong. `EX_DATAERR` of sysexits.h.
    BadStack,
    /// 130: ended by Ctrl-C (128 + SIGINT).
    Interrupted,
    /// 143: ended by SIGTERM or SIGHUP (128 + SIGTERM).
    Terminated,
}

impl ExitCode {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::ChangesPending => 2,
            Self::Usage => 64,
            Self::BadStack => 65,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// For a run that ended because it was asked to.
    pub fn interrupted(reason: Option<Reason>) -> Self {
        match reason {
            Some(Reason::Interrupt) => Self::Interrupted,
            Some(Reason::Terminate) => Self::Terminated,
            Some(Reason::LeaseLost | Reason::Journal) | None => Self::Failure,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_run_ends_as_shells_expect() {
        for (reason, code) in [
            (Some(Reason::Interrupt), 130),
            (Some(Reason::Terminate), 143),
            (Some(Reason::LeaseLost), 1),
            (Some(Reason::Journal), 1),
            (None, 1),
        ] {
            assert_eq!(ExitCode::interrupted(reason).code(), code, "{reason:?}");
        }
    }
}
