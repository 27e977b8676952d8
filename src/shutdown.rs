//! How a run is asked to end: an ordered level that only rises, with the reason it rose.
//!
//! A leaf. `cli` turns signals into levels; the engine starts nothing new from [`Level::Drain`]
//! on; `process` ends children at [`Level::Terminate`] and [`Level::Kill`].

use tokio::sync::watch;

/// How urgently the run should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Go on.
    Run,
    /// Start nothing new, let what runs finish.
    Drain,
    /// Ask running operations to end: one SIGTERM to each child's group.
    Terminate,
    /// End them now: SIGKILL.
    Kill,
}

impl Level {
    /// The next level up; `Kill` stays.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Run => Self::Drain,
            Self::Drain => Self::Terminate,
            Self::Terminate | Self::Kill => Self::Kill,
        }
    }
}

/// Why a run should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// SIGINT (Ctrl-C).
    Interrupt,
    /// SIGTERM, or SIGHUP, which is treated the same.
    Terminate,
    /// The lease of the stack was lost to another run.
    LeaseLost,
    /// The event journal could not be written.
    Journal,
}

/// Level and the reason of the first rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    level: Level,
    reason: Option<Reason>,
}

/// Raises the level. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trigger(watch::Sender<State>);

impl Trigger {
    /// Raises the level to at least `level`. The first reason is kept. True if it rose.
    pub fn raise(&self, level: Level, reason: Reason) -> bool {
        self.0.send_if_modified(|state| {
            let rises = level > state.level;
            if rises {
                state.level = level;
                state.reason.get_or_insert(reason);
            }
            rises
        })
    }

    /// A view of this trigger's level.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.0.subscribe())
    }
}

/// A view of the level. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<State>);

impl Shutdown {
    /// A trigger at [`Level::Run`] and a view of it.
    pub fn new() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(State {
            level: Level::Run,
            reason: None,
        });
        (Trigger(sender), Self(receiver))
    }

    /// A view that never rises, for callers that have nothing to stop them.
    pub fn never() -> Self {
        Self::new().1
    }

    /// The level now.
    pub fn level(&self) -> Level {
        self.0.borrow().level
    }

    /// Why the level first rose.
    pub fn reason(&self) -> Option<Reason> {
        self.0.borrow().reason
    }

    /// Waits until the level is at least `level`; for ever if nothing can raise it any more.
    pub async fn reached(&self, level: Level) {
        let mut receiver = self.0.clone();
        if receiver
            .wait_for(|state| state.level >= level)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_only_rises_and_keeps_its_first_reason() {
        let (trigger, shutdown) = Shutdown::new();
        let levels = [Level::Run, Level::Drain, Level::Terminate, Level::Kill];
        for from in levels {
            for to in levels {
                let (trigger, shutdown) = Shutdown::new();
                trigger.raise(from, Reason::Interrupt);
                assert_eq!(trigger.raise(to, Reason::Terminate), to > from);
                assert_eq!(shutdown.level(), from.max(to));
            }
        }
        assert!(trigger.raise(Level::Drain, Reason::Interrupt));
        assert!(trigger.raise(Level::Terminate, Reason::LeaseLost));
        assert_eq!(shutdown.reason(), Some(Reason::Interrupt));
    }

    #[tokio::test]
    async fn waiting_for_a_level_ends_when_a_higher_one_is_set() {
        let (trigger, shutdown) = Shutdown::new();
        let waiting = tokio::spawn(async move { shutdown.reached(Level::Terminate).await });
        trigger.raise(Level::Kill, Reason::Interrupt);
        waiting.await.unwrap();
    }
}
