//! Where events are made: numbered, timed, and offered to the sink.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Sink, SinkError};
use crate::{
    event::{Event, EventKind},
    name::{NodeName, RunId},
};

/// The event stream of one run.
pub(super) struct Log<'a> {
    run: RunId,
    sink: &'a mut (dyn Sink + Send),
    started: Instant,
    seq: u64,
    refusal: Option<SinkError>,
}

impl<'a> Log<'a> {
    pub(super) fn new(run: RunId, sink: &'a mut (dyn Sink + Send)) -> Self {
        Self {
            run,
            sink,
            started: Instant::now(),
            seq: 0,
            refusal: None,
        }
    }

    /// An event about a chart.
    pub(super) fn chart(&mut self, chart: &NodeName, kind: EventKind) {
        self.offer(Some(chart.clone()), kind);
    }

    /// An event about the run as a whole.
    pub(super) fn run(&mut self, kind: EventKind) {
        self.offer(None, kind);
    }

    fn offer(&mut self, chart: Option<NodeName>, kind: EventKind) {
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            time: Timestamp::now(),
            elapsed_ms: millis(self.elapsed()),
            run: self.run.clone(),
            chart,
            kind,
        };
        if let Err(refusal) = self.sink.event(&event) {
            self.refusal.get_or_insert(refusal);
        }
    }

    /// Whether the sink has refused an event.
    pub(super) fn refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// The first refusal.
    pub(super) fn into_refusal(self) -> Option<SinkError> {
        self.refusal
    }

    /// Since the run started.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A duration as events carry it.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
