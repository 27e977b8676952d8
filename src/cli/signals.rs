//! Signals to shutdown levels.
//!
//! With a person at the terminal each Ctrl-C is one step: start nothing new, interrupt Helm, kill.
//! Without one (CI), and for SIGTERM and SIGHUP, there may be no second signal before SIGKILL (CI
//! runners kill after 10 s): the first interrupts Helm at once, and we kill after the time of grace
//! ([`GRACE`], `--grace`).

use std::{fs, io, time::Duration};

use futures::{Stream, StreamExt, stream};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::Instant,
};

use crate::shutdown::{Level, Reason, Trigger};

/// From SIGTERM to SIGKILL of our children when nobody is there to decide, unless told otherwise.
pub(super) const GRACE: Duration = Duration::from_secs(8);

/// Who sends signals, and how long there is after the one that nobody may repeat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// A person sits there and may press Ctrl-C again.
    pub(super) attended: bool,
    /// From SIGTERM to SIGKILL of our children when nobody decides.
    pub(super) grace: Duration,
}

/// A signal we listen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM, or SIGHUP: the terminal is gone.
    Terminate,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    level: Level,
    /// Kill after the time of grace.
    grace: bool,
}

/// What a signal means at this level.
fn step(level: Level, signal: Signal, attended: bool) -> Step {
    match (level, signal) {
        (_, Signal::Interrupt) if attended => Step {
            level: level.next(),
            grace: false,
        },
        (Level::Run | Level::Drain, _) => Step {
            level: Level::Terminate,
            grace: true,
        },
        (Level::Terminate | Level::Kill, _) => Step {
            level: Level::Kill,
            grace: false,
        },
    }
}

/// What to tell the user about a new level.
fn notice(step: Step, manner: Manner) -> String {
    let stopping = match step.level {
        Level::Run => return String::new(),
        Level::Drain => "stopping: nothing new is started, what runs is left to finish",
        Level::Terminate => "stopping: interrupting Helm, so that it can record where it stopped",
        Level::Kill => return "stopping: killing what still runs".to_owned(),
    };
    let next = match step.level {
        _ if step.grace => format!(
            "in {} s what still runs is killed",
            manner.grace.as_secs_f64()
        ),
        Level::Drain if manner.attended => "press Ctrl-C again to interrupt Helm".to_owned(),
        _ => "press Ctrl-C again to kill it and leave releases pending".to_owned(),
    };
    format!("{stopping}; {next}")
}

/// Listens from now on until the process ends; `notify` gets what the user should know. Call it
/// within a runtime, and only once nothing reads from the terminal any more: Ctrl-C no longer
/// ends the process by itself. What is ignored (`nohup`) stays so.
pub(super) fn listen(
    trigger: Trigger,
    manner: Manner,
    notify: impl FnMut(&str) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut signals = stream::SelectAll::new();
    for (kind, meaning) in [
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::terminate(), Signal::Terminate),
        (SignalKind::hangup(), Signal::Terminate),
    ] {
        if !is_ignored(&status, kind) {
            let mut signal = signal(kind)?;
            let one = stream::poll_fn(move |context| signal.poll_recv(context));
            signals.push(one.map(move |()| meaning));
        }
    }
    Ok(tokio::spawn(relay(signals, trigger, manner, notify)))
}

/// Whether whoever started us wants a signal to be ignored: `nohup` does for SIGHUP, a shell
/// without job control for SIGINT of what it runs in the background. `status` is that of Linux's
/// `/proc`; elsewhere nobody can tell.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

/// Turns signals into levels until there are no more.
async fn relay(
    signals: impl Stream<Item = Signal>,
    trigger: Trigger,
    manner: Manner,
    mut notify: impl FnMut(&str),
) {
    let shutdown = trigger.shutdown();
    let mut reason = Reason::Interrupt;
    let mut kill_at: Option<Instant> = None;
    let mut signals = std::pin::pin!(signals);
    loop {
        let late = async {
            match kill_at {
                Some(instant) => tokio::time::sleep_until(instant).await,
                None => std::future::pending().await,
            }
        };
        let next = tokio::select! {
            signal = signals.next() => {
                let Some(signal) = signal else { return };
                reason = match signal {
                    Signal::Interrupt => Reason::Interrupt,
                    Signal::Terminate => Reason::Terminate,
                };
                step(shutdown.level(), signal, manner.attended)
            }
            () = late => Step { level: Level::Kill, grace: false },
        };
        // A grace too long to be told is for ever.
        let killing = || Instant::now().checked_add(manner.grace);
        kill_at = next.grace.then(killing).flatten();
        if trigger.raise(next.level, reason) {
            notify(&notice(next, manner));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn each_signal_is_one_step_further() {
        use Level::{Drain, Kill, Run, Terminate};
        let attended = true;
        let alone = false;
        for (level, signal, attended, to, grace) in [
            (Run, Signal::Interrupt, attended, Drain, false),
            (Drain, Signal::Interrupt, attended, Terminate, false),
            (Terminate, Signal::Interrupt, attended, Kill, false),
            (Kill, Signal::Interrupt, attended, Kill, false),
            (Run, Signal::Terminate, attended, Terminate, true),
            (Drain, Signal::Terminate, attended, Terminate, true),
            (Terminate, Signal::Terminate, attended, Kill, false),
            (Run, Signal::Interrupt, alone, Terminate, true),
            (Drain, Signal::Interrupt, alone, Terminate, true),
            (Terminate, Signal::Interrupt, alone, Kill, false),
            (Run, Signal::Terminate, alone, Terminate, true),
            (Kill, Signal::Terminate, alone, Kill, false),
        ] {
            assert_eq!(
                step(level, signal, attended),
                Step { level: to, grace },
                "{level:?} {signal:?} attended={attended}"
            );
        }
    }

    const PERSON: Manner = Manner {
        attended: true,
        grace: GRACE,
    };
    const NOBODY: Manner = Manner {
        attended: false,
        grace: GRACE,
    };

    /// Runs `relay` over these signals, then waits for `level`; what was said.
    async fn after(signals: &[Signal], manner: Manner, level: Level) -> Vec<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        for &signal in signals {
            sender.send(signal).unwrap();
        }
        let (said, mut heard) = mpsc::unbounded_channel();
        let (trigger, shutdown) = crate::shutdown::Shutdown::new();
        let mut receiver = receiver;
        let signals = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        let relay = tokio::spawn(relay(signals, trigger, manner, move |text| {
            said.send(text.to_owned()).unwrap();
        }));
        // The clock is paused: this passes at once, or never.
        tokio::time::timeout(2 * GRACE, shutdown.reached(level))
            .await
            .expect("the level is reached");
        drop(sender);
        relay.await.unwrap();
        let mut texts = Vec::new();
        while let Ok(text) = heard.try_recv() {
            texts.push(text);
        }
        texts
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_goes_step_by_step_and_is_told_the_next() {
        let said = after(&[Signal::Interrupt; 3], PERSON, Level::Kill).await;
        insta::assert_snapshot!(said.join("\n"), @r"
        stopping: nothing new is started, what runs is left to finish; press Ctrl-C again to interrupt Helm
        stopping: interrupting Helm, so that it can record where it stopped; press Ctrl-C again to kill it and leave releases pending
        stopping: killing what still runs
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn alone_the_first_signal_terminates_and_the_grace_kills() {
        let begun = Instant::now();
        let said = after(&[Signal::Terminate], NOBODY, Level::Kill).await;
        assert_eq!(begun.elapsed().as_secs(), GRACE.as_secs());
        insta::assert_snapshot!(said.join("\n"), @r"
        stopping: interrupting Helm, so that it can record where it stopped; in 8 s what still runs is killed
        stopping: killing what still runs
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn alone_a_second_signal_does_not_wait_for_the_grace() {
        let begun = Instant::now();
        after(&[Signal::Interrupt; 2], NOBODY, Level::Kill).await;
        assert!(begun.elapsed() < GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_grace_is_what_was_asked_for() {
        for grace in [Duration::ZERO, Duration::from_millis(1_500)] {
            let begun = Instant::now();
            let manner = Manner { grace, ..NOBODY };
            let said = after(&[Signal::Terminate], manner, Level::Kill).await;
            assert!(begun.elapsed().abs_diff(grace) < Duration::from_millis(10));
            let told = format!("in {} s what still runs", grace.as_secs_f64());
            assert!(said[0].contains(&told), "{said:?}");
        }
        let manner = Manner {
            grace: Duration::MAX,
            ..NOBODY
        };
        after(&[Signal::Terminate; 2], manner, Level::Kill).await;
    }

    #[test]
    fn what_is_ignored_is_seen_in_the_systems_mask() {
        let nohup = "Name:\tstackctl\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(nohup, SignalKind::hangup()));
        assert!(!is_ignored(nohup, SignalKind::interrupt()));
        assert!(!is_ignored("", SignalKind::hangup()));
    }
}
