//! Signals to shutdown levels.
//!
//! With a person at the terminal each Ctrl-C is one step: start nothing new, interrupt Helm, kill.
//! Without one (CI), and for SIGTERM and SIGHUP, there may be no second signal before SIGKILL (CI
//! runners kill after 10 s): the first interrupts Helm at once, and [`GRACE`] later we kill.

use std::{io, time::Duration};

use futures::{Stream, StreamExt};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::Instant,
};

use crate::shutdown::{Level, Reason, Trigger};

/// From SIGTERM to SIGKILL of our children, when nobody is there to decide.
const GRACE: Duration = Duration::from_secs(8);

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
    /// Kill after [`GRACE`].
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
fn notice(step: Step, attended: bool) -> String {
    let stopping = match step.level {
        Level::Run => return String::new(),
        Level::Drain => "stopping: nothing new is started, what runs is left to finish",
        Level::Terminate => "stopping: interrupting Helm, so that it can record where it stopped",
        Level::Kill => return "stopping: killing what still runs".to_owned(),
    };
    let next = match step.level {
        _ if step.grace => format!("in {} s what still runs is killed", GRACE.as_secs()),
        Level::Drain if attended => "press Ctrl-C again to interrupt Helm".to_owned(),
        _ => "press Ctrl-C again to kill it and leave releases pending".to_owned(),
    };
    format!("{stopping}; {next}")
}

/// Listens from now on until the process ends; `notify` gets what the user should know. Call it
/// within a runtime, and only once nothing reads from the terminal any more: Ctrl-C no longer
/// ends the process by itself.
pub(super) fn listen(
    trigger: Trigger,
    attended: bool,
    notify: impl FnMut(&str) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let of = |kind| {
        signal(kind)
            .map(|mut signal| futures::stream::poll_fn(move |context| signal.poll_recv(context)))
    };
    let interrupts = of(SignalKind::interrupt())?.map(|()| Signal::Interrupt);
    let terminates = of(SignalKind::terminate())?.map(|()| Signal::Terminate);
    let hangups = of(SignalKind::hangup())?.map(|()| Signal::Terminate);
    let signals = futures::stream::select(interrupts, futures::stream::select(terminates, hangups));
    Ok(tokio::spawn(relay(signals, trigger, attended, notify)))
}

/// Turns signals into levels until there are no more.
async fn relay(
    signals: impl Stream<Item = Signal>,
    trigger: Trigger,
    attended: bool,
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
                step(shutdown.level(), signal, attended)
            }
            () = late => Step { level: Level::Kill, grace: false },
        };
        kill_at = next.grace.then(|| Instant::now() + GRACE);
        if trigger.raise(next.level, reason) {
            notify(&notice(next, attended));
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

    /// Runs `relay` over these signals, then waits for `level`; what was said.
    async fn after(signals: &[Signal], attended: bool, level: Level) -> Vec<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        for &signal in signals {
            sender.send(signal).unwrap();
        }
        let (said, mut heard) = mpsc::unbounded_channel();
        let (trigger, shutdown) = crate::shutdown::Shutdown::new();
        let mut receiver = receiver;
        let signals = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        let relay = tokio::spawn(relay(signals, trigger, attended, move |text| {
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
        let said = after(&[Signal::Interrupt; 3], true, Level::Kill).await;
        insta::assert_snapshot!(said.join("\n"), @r"
        stopping: nothing new is started, what runs is left to finish; press Ctrl-C again to interrupt Helm
        stopping: interrupting Helm, so that it can record where it stopped; press Ctrl-C again to kill it and leave releases pending
        stopping: killing what still runs
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn alone_the_first_signal_terminates_and_the_grace_kills() {
        let begun = Instant::now();
        let said = after(&[Signal::Terminate], false, Level::Kill).await;
        assert_eq!(begun.elapsed().as_secs(), GRACE.as_secs());
        insta::assert_snapshot!(said.join("\n"), @r"
        stopping: interrupting Helm, so that it can record where it stopped; in 8 s what still runs is killed
        stopping: killing what still runs
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn alone_a_second_signal_does_not_wait_for_the_grace() {
        let begun = Instant::now();
        after(&[Signal::Interrupt; 2], false, Level::Kill).await;
        assert!(begun.elapsed() < GRACE);
    }
}
