//! Runs reporters on a thread of their own: a terminal that is held (Ctrl-S), a slow pipe or a
//! slow disk behind it never holds up the run.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::time::Instant;

use super::Reporter;
use crate::event::{Event, EventKind};

/// How often reporters may redraw while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Messages taken between two shows: what is drawn never lags far behind.
const BURST: usize = 1000;

/// Reporters at work. Dropping it waits until all was shown.
#[derive(Debug)]
pub struct Watcher {
    sender: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Passes on messages that are no events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices(Sender<Message>);

#[derive(Debug)]
enum Message {
    Event(Box<Event>),
    Notice(String),
    End,
}

impl Watcher {
    /// Starts reporters. Fails if there can be no thread for them.
    pub fn start(reporters: Vec<Box<dyn Reporter>>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("reporter".to_owned())
            .spawn(move || watch(&receiver, reporters))?;
        Ok(Self {
            sender,
            thread: Some(thread),
        })
    }

    /// Hands over one event; returns at once.
    pub fn event(&self, event: &Event) {
        // The thread ends when it has nobody left to tell: nothing is lost then.
        let _ = self.sender.send(Message::Event(Box::new(event.clone())));
    }

    /// A way to say things that are no events.
    pub fn notices(&self) -> Notices {
        Notices(self.sender.clone())
    }
}

impl Notices {
    /// Shows a message; returns at once.
    pub fn say(&self, text: &str) {
        let _ = self.0.send(Message::Notice(text.to_owned()));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.sender.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // A reporter that panicked has said so; the run is not to blame.
            let _ = thread.join();
        }
    }
}

/// The run's clock, as seen from here: set by each event, running on between them.
#[derive(Debug, Clone, Copy)]
struct Clock {
    elapsed_ms: u64,
    at: Instant,
}

impl Clock {
    /// Never goes back for an event that was long under way, except to a run's beginning: what
    /// was before it (preflight) is not part of its time.
    fn hear(&mut self, event: &Event) {
        let begins = matches!(event.kind, EventKind::RunStarted { .. });
        if begins || event.elapsed_ms > self.elapsed_ms() {
            *self = Self {
                elapsed_ms: event.elapsed_ms,
                at: Instant::now(),
            };
        }
    }

    fn elapsed_ms(self) -> u64 {
        let since = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.elapsed_ms.saturating_add(since)
    }
}

fn watch(receiver: &Receiver<Message>, mut reporters: Vec<Box<dyn Reporter>>) {
    let mut clock = Clock {
        elapsed_ms: 0,
        at: Instant::now(),
    };
    let mut ended = false;
    while !ended && !reporters.is_empty() {
        let first = match receiver.recv_timeout(TICK) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Message::End),
        };
        for message in first.into_iter().chain(receiver.try_iter()).take(BURST) {
            match message {
                Message::Event(event) => {
                    clock.hear(&event);
                    reporters.retain_mut(|reporter| reporter.event(&event).is_ok());
                }
                Message::Notice(text) => {
                    reporters.retain_mut(|reporter| reporter.notice(&text).is_ok());
                }
                Message::End => {
                    ended = true;
                    break;
                }
            }
        }
        reporters.retain_mut(|reporter| reporter.show(clock.elapsed_ms()).is_ok());
    }
    for mut reporter in reporters {
        // It is over: nobody is left to tell.
        let _ = reporter.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::{JsonLines, samples};

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A reader that went away.
    struct Closed;

    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_is_shown_by_the_end_and_a_closed_pipe_stops_only_its_own_reporter() {
        let kept = Kept::default();
        let notices = Kept::default();
        let watcher = Watcher::start(vec![
            Box::new(JsonLines::new(Closed, io::sink())),
            Box::new(JsonLines::new(kept.clone(), notices.clone())),
        ])
        .unwrap();
        let events = samples::failed_run();
        for event in &events {
            watcher.event(event);
        }
        let said = watcher.notices();
        said.say("stopping");
        drop(watcher);
        said.say("too late");

        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), events.len());
        assert_eq!(*notices.0.lock().unwrap(), b"stopping\n");
    }

    #[test]
    fn a_run_has_the_time_its_events_say_not_that_since_the_command_was_given() {
        let mut clock = Clock {
            elapsed_ms: 0,
            at: Instant::now().checked_sub(Duration::from_hours(1)).unwrap(),
        };
        let mut events = samples::failed_run();
        clock.hear(&events.remove(0));
        assert!(clock.elapsed_ms() < 60_000);
        clock = Clock {
            elapsed_ms: 3_600_000,
            at: Instant::now(),
        };
        clock.hear(&events.remove(0));
        assert!(clock.elapsed_ms() >= 3_600_000);
    }

    #[test]
    fn a_run_goes_on_when_nobody_listens_any_more() {
        let watcher = Watcher::start(vec![Box::new(JsonLines::new(Closed, io::sink()))]).unwrap();
        for event in samples::failed_run() {
            watcher.event(&event);
        }
    }
}
