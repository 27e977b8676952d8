//! When a child gets which signal.

use std::{future::pending, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep_until};

use super::{Command, End, OnTerminate};
use crate::shutdown::{Level, Shutdown};

/// Decides how a child is ended: SIGTERM once at most, for whatever reason, and SIGKILL once.
#[derive(Debug)]
pub(super) struct Ending {
    /// When the deadline passes; absent once it has.
    deadline: Option<Instant>,
    /// When a child that got SIGTERM at its deadline is killed.
    kill_at: Option<Instant>,
    grace: Duration,
    on_terminate: OnTerminate,
    asked: bool,
    killed: bool,
    end: End,
}

impl Ending {
    /// For a child that starts now.
    pub(super) fn new(command: &Command) -> Self {
        Self {
            // One too far away to be told is none.
            deadline: command
                .deadline
                .and_then(|deadline| Instant::now().checked_add(deadline)),
            kill_at: None,
            grace: command.grace,
            on_terminate: command.on_terminate,
            asked: false,
            killed: false,
            end: End::Exited,
        }
    }

    /// Waits until the child's group is to be signalled. May be dropped and called again.
    pub(super) async fn next(&mut self, shutdown: &Shutdown) -> Signal {
        let heeds_terminate = self.on_terminate == OnTerminate::Signal;
        while !self.killed {
            tokio::select! {
                biased;
                () = shutdown.reached(Level::Kill) => {
                    self.because(End::Cancelled);
                    self.killed = true;
                    return Signal::SIGKILL;
                }
                () = passed(self.kill_at) => {
                    self.killed = true;
                    return Signal::SIGKILL;
                }
                () = shutdown.reached(Level::Terminate), if heeds_terminate && !self.asked => {
                    self.because(End::Cancelled);
                    self.asked = true;
                    return Signal::SIGTERM;
                }
                () = passed(self.deadline) => {
                    self.because(End::TimedOut);
                    self.deadline = None;
                    self.kill_at = Instant::now().checked_add(self.grace);
                    if !self.asked {
                        self.asked = true;
                        return Signal::SIGTERM;
                    }
                }
            }
        }
        pending().await
    }

    /// What ended it, now that it has ended.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// The first reason is kept.
    fn because(&mut self, end: End) {
        if self.end == End::Exited {
            self.end = end;
        }
    }
}

/// Waits for a moment; for ever if there is none.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::Reason;

    const SECOND: Duration = Duration::from_secs(1);

    fn ending(on_terminate: OnTerminate) -> Ending {
        Ending::new(&Command {
            deadline: Some(60 * SECOND),
            grace: 10 * SECOND,
            on_terminate,
            ..Command::default()
        })
    }

    /// Signals and the seconds they come at, with the level raised at the given seconds.
    async fn signals(mut ending: Ending, rises: &[(u64, Level)]) -> (Vec<(u64, Signal)>, Ending) {
        let (trigger, shutdown) = Shutdown::new();
        let start = Instant::now();
        let raise = async {
            for &(second, level) in rises {
                sleep_until(start + Duration::from_secs(second)).await;
                trigger.raise(level, Reason::Interrupt);
            }
            sleep_until(start + 1000 * SECOND).await;
        };
        let mut signals = Vec::new();
        let listen = async {
            loop {
                let signal = ending.next(&shutdown).await;
                signals.push((start.elapsed().as_secs(), signal));
            }
        };
        tokio::select! {
            () = raise => {}
            () = listen => {}
        }
        (signals, ending)
    }

    #[tokio::test(start_paused = true)]
    async fn each_signal_comes_once_and_the_first_reason_stays() {
        use Level::{Drain, Kill, Terminate};
        use OnTerminate::{Finish, Signal as Heed};
        use Signal::{SIGKILL, SIGTERM};
        type Case<'a> = (OnTerminate, &'a [(u64, Level)], &'a [(u64, Signal)], End);
        let cases: [Case<'_>; 8] = [
            (Heed, &[], &[(60, SIGTERM), (70, SIGKILL)], End::TimedOut),
            (
                Heed,
                &[(1, Drain)],
                &[(60, SIGTERM), (70, SIGKILL)],
                End::TimedOut,
            ),
            (
                Heed,
                &[(5, Terminate)],
                &[(5, SIGTERM), (70, SIGKILL)],
                End::Cancelled,
            ),
            (
                Heed,
                &[(5, Terminate), (9, Kill)],
                &[(5, SIGTERM), (9, SIGKILL)],
                End::Cancelled,
            ),
            (Heed, &[(5, Kill)], &[(5, SIGKILL)], End::Cancelled),
            (
                Finish,
                &[(5, Terminate)],
                &[(60, SIGTERM), (70, SIGKILL)],
                End::TimedOut,
            ),
            (
                Finish,
                &[(5, Terminate), (9, Kill)],
                &[(9, SIGKILL)],
                End::Cancelled,
            ),
            (
                Heed,
                &[(65, Terminate)],
                &[(60, SIGTERM), (70, SIGKILL)],
                End::TimedOut,
            ),
        ];
        for (on_terminate, rises, expected, end) in cases {
            let (seen, ending) = signals(ending(on_terminate), rises).await;
            assert_eq!(seen, expected, "{on_terminate:?} {rises:?}");
            assert_eq!(ending.end(), end, "{on_terminate:?} {rises:?}");
        }
    }
}
