//! What a running node may say and ask.

use tokio::{
    sync::{
        mpsc::{UnboundedSender, error::SendError},
        oneshot,
    },
    time::{Duration, Instant},
};

use crate::{
    event::{Failure, Stream},
    name::Milestone,
    plan::NodeIx,
    secret::Redacted,
    shutdown::{Level, Shutdown},
};

use super::Done;

/// A running node's line to the engine. Cheap to clone.
///
/// One unbounded channel carries everything, from all nodes: nothing a node says can block it, and
/// what it says arrives in the order it was said, its end last. Words that arrive after a node's
/// end (from a task it left behind) are not heard.
#[derive(Debug, Clone)]
pub struct Progress {
    node: NodeIx,
    engine: UnboundedSender<Message>,
    shutdown: Shutdown,
}

/// The run is ending: the node should stop what it does and return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run was interrupted")]
pub struct Cancelled;

/// A step that is under way; `finish` says how it ended, dropping it says it failed.
#[derive(Debug)]
#[must_use]
pub struct StepGuard {
    progress: Progress,
    name: String,
    started: Instant,
    ok: bool,
}

/// What a node says, and who says it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) node: NodeIx,
    pub(super) word: Word,
}

/// What a node can say.
#[derive(Debug)]
pub(super) enum Word {
    StepStarted {
        step: String,
        recorded: oneshot::Sender<()>,
    },
    StepOutput {
        step: String,
        stream: Stream,
        line: Redacted,
    },
    StepFinished {
        step: String,
        ok: bool,
        duration: Duration,
    },
    Reached(Milestone),
    Park,
    Unpark(oneshot::Sender<()>),
    Ended(Result<Done, Box<Failure>>),
}

impl Progress {
    pub(super) fn new(node: NodeIx, engine: UnboundedSender<Message>, shutdown: Shutdown) -> Self {
        Self {
            node,
            engine,
            shutdown,
        }
    }

    /// Begins a step, once its event is recorded: the journal knows of everything that is done,
    /// before it is done. `Err` once the run was asked to terminate (`Level::Terminate`).
    pub async fn step(&self, name: &str) -> Result<StepGuard, Cancelled> {
        if self.shutdown.level() >= Level::Terminate {
            return Err(Cancelled);
        }
        let (recorded, done) = oneshot::channel();
        let step = name.to_owned();
        self.say(Word::StepStarted { step, recorded })?;
        // Held while waiting: a step whose node gives up here ends as well.
        let mut guard = StepGuard {
            progress: self.clone(),
            name: name.to_owned(),
            started: Instant::now(),
            ok: false,
        };
        done.await.map_err(|_| Cancelled)?;
        guard.started = Instant::now();
        Ok(guard)
    }

    /// The node reached a milestone. Implied ones before it are reached too.
    pub fn reached(&self, milestone: Milestone) {
        self.tell(Word::Reached(milestone));
    }

    /// A line of output of the step.
    pub fn output(&self, step: &str, stream: Stream, line: Redacted) {
        let step = step.to_owned();
        self.tell(Word::StepOutput { step, stream, line });
    }

    /// Gives the slot back while the node only waits. Does nothing if it holds none.
    pub fn park(&self) {
        self.tell(Word::Park);
    }

    /// Gets a slot again (served before new starts). Does nothing if it holds one. `Err` once the
    /// run was asked to terminate.
    pub async fn unpark(&self) -> Result<(), Cancelled> {
        let (granted, grant) = oneshot::channel();
        self.say(Word::Unpark(granted))?;
        grant.await.map_err(|_| Cancelled)
    }

    /// Ends the node: its last word.
    pub(super) fn end(&self, end: Result<Done, Box<Failure>>) {
        self.tell(Word::Ended(end));
    }

    fn say(&self, word: Word) -> Result<(), Cancelled> {
        let message = Message {
            node: self.node,
            word,
        };
        self.engine.send(message).map_err(|SendError(_)| Cancelled)
    }

    /// For words that need no answer: if the run is gone, nobody misses them.
    fn tell(&self, word: Word) {
        let _ = self.say(word);
    }
}

impl StepGuard {
    /// Ends the step.
    pub fn finish(mut self, ok: bool) {
        self.ok = ok;
    }
}

impl Drop for StepGuard {
    fn drop(&mut self) {
        self.progress.tell(Word::StepFinished {
            step: std::mem::take(&mut self.name),
            ok: self.ok,
            duration: self.started.elapsed(),
        });
    }
}
