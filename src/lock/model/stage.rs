//! A model of two runs on one release: what keeps two helms from working on it at once, whatever
//! happens to the runs, their machines and their connections.
//!
//! Each run, while it holds the lease, looks at the release, judges what it finds, waits or
//! recovers, announces and starts a helm. The server behaves as Helm's storage does: creating a
//! revision is exclusive, everything later is written unconditionally; a helm that uninstalls or
//! rolls back checks nothing. Runs are killed (their helm gets SIGTERM and lives on for a while),
//! their machines stand still, requests take their time or get lost; what a run had sent when it
//! ended arrives some time later, when the lease is another run's.
//!
//! Taken for granted: a run that wakes after the deadline of its helm ends that before it does
//! anything more. Losing the lease ends it, too, but only a while later.

use jiff::{SignedDuration, Timestamp};

use super::{Lock, Millis, Partition, REQUEST_DEADLINE, Run, World, cut};
use crate::{
    lock::{Intent, Newest, Operation, Verdict, is_unfinished, judge},
    name::{ReleaseStatus, RunId},
};

/// How long a helm may take before its run ends it.
const HELM_DEADLINE: Millis = 120_000;

/// From the loss of the lease to SIGKILL.
const KILL_AFTER: Millis = 10_000;

/// How many times as long as others the last request of a run takes.
const LATE: Millis = 20;

/// How often a run looks again.
const POLL: Millis = 2_000;

/// The release at the server.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    newest: Option<Newest>,
    /// Changes with every write to the newest revision.
    version: u64,
}

/// The intents at the server.
#[derive(Debug, Clone, Default)]
struct Announced {
    /// None until there are any.
    writer: Option<RunId>,
    intent: Option<Intent>,
}

/// A helm process.
#[derive(Debug, Clone)]
pub(super) struct Process {
    machine: usize,
    run: RunId,
    operation: Operation,
    from: Option<u32>,
    /// When its record is written; none once it is.
    writes_at: Option<Millis>,
    /// When it is done.
    ends_at: Millis,
    /// When it dies before.
    dies_at: Option<Millis>,
    deadline: Millis,
}

/// What a run does next.
#[derive(Debug, Clone)]
enum Task {
    Claim,
    Look,
    /// This is what it saw.
    Judge(Record),
    /// This is on its way to the server.
    Send(Write),
    /// Its announcement got there.
    Start(Intent),
    /// Helm is at work.
    Follow,
}

/// What a run writes. Sent while it holds the lease, and sent again until it is answered.
#[derive(Debug, Clone)]
enum Write {
    Claim,
    Announce(Intent),
    Clear,
    /// The record is as it was seen, or this is a conflict.
    Recover(Record),
}

/// A time in which a machine stands still.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freeze {
    pub(super) machine: usize,
    pub(super) from: Millis,
    pub(super) to: Millis,
}

/// What happens, whatever the runs do.
#[derive(Debug, Clone)]
pub(super) struct Fate {
    pub(super) partitions: Vec<Partition>,
    pub(super) freezes: Vec<Freeze>,
    /// Which machine's run is killed, and when.
    pub(super) kills: Vec<(usize, Millis)>,
    /// Each machine's wall clock against true time.
    pub(super) skew: [i64; 2],
    /// Whether both runs are on one machine: they see each other's processes.
    pub(super) together: bool,
}

pub(super) struct Stage {
    world: World,
    fate: Fate,
    record: Record,
    announced: Announced,
    /// What each run takes for announced.
    known: [Option<Intent>; 2],
    tasks: [(Millis, Task); 2],
    /// How many runs each machine has had.
    runs: [u32; 2],
    processes: Vec<Process>,
    /// What runs had sent when they ended, and when it arrives.
    late: Vec<(Millis, RunId, Write)>,
    pub(super) recovered: usize,
}

fn is_uninstalling(newest: Option<&Newest>) -> bool {
    newest.is_some_and(|newest| newest.status == ReleaseStatus::Uninstalling)
}

impl Stage {
    pub(super) fn new(fate: Fate, origins: (u16, u16), speeds: (u32, u32)) -> Self {
        let runs = [
            Run::new("a", origins.0, speeds.0),
            Run::new("b", origins.1, speeds.1),
        ];
        Self {
            world: World {
                lease: None,
                version: 0,
                runs,
                takeovers: 0,
            },
            fate,
            record: Record {
                newest: None,
                version: 0,
            },
            announced: Announced::default(),
            known: [None, None],
            tasks: [(0, Task::Claim), (0, Task::Claim)],
            runs: [0, 0],
            processes: Vec::new(),
            late: Vec::new(),
            recovered: 0,
        }
    }

    fn run_id(&self, machine: usize) -> RunId {
        let name = ["a", "b"][machine];
        RunId::new(&format!("{name}{}", self.runs[machine])).unwrap()
    }

    fn wall(&self, machine: usize, at: Millis) -> Timestamp {
        let skew = SignedDuration::from_millis(self.fate.skew[machine]);
        Timestamp::from_millisecond(i64::try_from(at).unwrap() + 1_000_000).unwrap() + skew
    }

    pub(super) fn holds(&self, machine: usize, at: Millis) -> bool {
        let run = &self.world.runs[machine];
        run.lock.holds(run.clock(at))
    }

    /// When a machine goes on that stands still at that moment.
    fn thaw(&self, machine: usize, at: Millis) -> Option<Millis> {
        let frozen = |freeze: &&Freeze| {
            (freeze.machine == machine || self.fate.together)
                && (freeze.from..freeze.to).contains(&at)
        };
        self.fate
            .freezes
            .iter()
            .find(frozen)
            .map(|freeze| freeze.to)
    }

    /// Lets the next thing happen. The moment it did.
    pub(super) fn step(&mut self, delay: Millis, linger: Millis, choice: u32) -> Millis {
        let lock = |machine: usize| self.world.runs[machine].next.0;
        let task = |machine: usize| self.tasks[machine].0;
        let process = |process: &Process| {
            let next = process.writes_at.unwrap_or(process.ends_at);
            process.dies_at.map_or(next, |dies| dies.min(next))
        };
        let mut events: Vec<(Millis, usize)> =
            vec![(lock(0), 0), (lock(1), 1), (task(0), 2), (task(1), 3)];
        events.extend(self.fate.kills.first().map(|&(_, at)| (at, 4)));
        events.extend(self.processes.iter().map(process).zip(5..));
        let &(at, what) = events.iter().min().unwrap();
        if let Some(late) = self.late.iter().position(|late| late.0 <= at) {
            let (arrives, run, write) = self.late.swap_remove(late);
            self.arrive(&run, &write);
            return arrives;
        }
        let machine = match what {
            0..=3 => what % 2,
            4 => self.fate.kills[0].0,
            _ => self.processes[what - 5].machine,
        };
        if let Some(thaw) = self.thaw(machine, at) {
            self.postpone(what, machine, thaw);
            return at;
        }
        match what {
            0 | 1 => {
                let partitions = self.fate.partitions.clone();
                if self.world.turn(machine, &partitions, delay) {
                    self.end_run(machine, at, KILL_AFTER, delay);
                }
            }
            2 | 3 => self.work(machine, at, delay, choice),
            4 => {
                self.fate.kills.remove(0);
                self.end_run(machine, at, linger, delay);
            }
            _ => self.process(what - 5, at),
        }
        at
    }

    /// Nothing happens on a machine that stands still. A helm that is beyond its deadline when it
    /// goes on is ended.
    fn postpone(&mut self, what: usize, machine: usize, thaw: Millis) {
        match what {
            0 | 1 => self.world.runs[machine].next.0 = thaw,
            2 | 3 => self.tasks[machine].0 = thaw,
            4 => {
                self.fate.kills[0].1 = thaw;
                self.fate.kills.sort_by_key(|&(_, at)| at);
            }
            _ => {
                let process = &mut self.processes[what - 5];
                if thaw >= process.deadline {
                    self.processes.remove(what - 5);
                    return;
                }
                process.ends_at = process.ends_at.max(thaw);
                process.writes_at = process.writes_at.map(|writes| writes.max(thaw));
                process.dies_at = process.dies_at.map(|dies| dies.max(thaw));
            }
        }
    }

    /// The run is over; its helm has so long. Another run of the machine begins when it is gone.
    fn end_run(&mut self, machine: usize, at: Millis, grace: Millis, delay: Millis) {
        let run = self.run_id(machine);
        if let (_, Task::Send(write)) = &self.tasks[machine] {
            let arrives = at + delay * LATE;
            self.late.push((arrives, run.clone(), write.clone()));
        }
        let mut over = at + 1_000;
        for process in &mut self.processes {
            if process.run == run {
                let dies = process
                    .dies_at
                    .map_or(at + grace, |dies| dies.min(at + grace));
                process.dies_at = Some(dies);
                over = over.max(dies + 1);
            }
        }
        let lock = &mut self.world.runs[machine];
        lock.lock = Lock::new(lock.name.to_owned());
        lock.next = (over, super::Pending::Tell(super::Input::Tick));
        self.tasks[machine] = (over, Task::Claim);
        self.runs[machine] += 1;
    }

    /// Whether a run of this machine can tell that the process behind an intent is gone, with all
    /// its helms.
    fn is_gone(&self, machine: usize, intent: &Intent) -> bool {
        let theirs = usize::from(intent.run.as_str().starts_with('b'));
        let seen = theirs == machine || self.fate.together;
        let alive = self.run_id(theirs) == intent.run && theirs != machine;
        let at_work = self
            .processes
            .iter()
            .any(|process| process.run == intent.run);
        seen && !alive && !at_work
    }

    fn work(&mut self, machine: usize, at: Millis, delay: Millis, choice: u32) {
        let task = self.tasks[machine].1.clone();
        let cut = cut(&self.fate.partitions, machine, at).map(|cut| cut.one_way);
        let again = (at + POLL, task.clone());
        self.tasks[machine] = match task {
            Task::Send(write) if cut == Some(false) => (at + REQUEST_DEADLINE, Task::Send(write)),
            Task::Send(write) => {
                let accepted = self.arrive(&self.run_id(machine), &write);
                match cut {
                    Some(_) => (at + REQUEST_DEADLINE, Task::Send(write)),
                    None => (at + delay, self.answered(machine, write, accepted)),
                }
            }
            Task::Follow => {
                let run = self.run_id(machine);
                if self.processes.iter().any(|process| process.run == run) || cut.is_some() {
                    again
                } else if self.is_unfinished() {
                    // It stays announced until it is recovered.
                    (at, Task::Look)
                } else if self.holds(machine, at) {
                    (at + delay, Task::Send(Write::Clear))
                } else {
                    again
                }
            }
            _ if !self.holds(machine, at) => again,
            Task::Claim => (at + delay, Task::Send(Write::Claim)),
            Task::Look if cut.is_some() => (at + REQUEST_DEADLINE, Task::Look),
            Task::Look => (at + delay, Task::Judge(self.record.clone())),
            Task::Judge(seen) => {
                let (newest, intent) = (seen.newest.as_ref(), self.known[machine].as_ref());
                let gone = |intent: &Intent| self.is_gone(machine, intent);
                let write = match judge(newest, intent, self.wall(machine, at), gone) {
                    Verdict::Free => Write::Announce(self.intent(machine, at, newest, choice)),
                    // Brought to its end as it is.
                    Verdict::Dead(_) if is_uninstalling(newest) => Write::Announce(Intent {
                        operation: Operation::Uninstall,
                        began: newest.and_then(|newest| newest.began).unwrap(),
                        ..self.intent(machine, at, newest, choice)
                    }),
                    Verdict::Dead(_) => Write::Recover(seen),
                    Verdict::Live(..) => {
                        self.tasks[machine] = (at + POLL, Task::Look);
                        return;
                    }
                    Verdict::Foreign => panic!("all are ours: {seen:?}, {intent:?}"),
                };
                (at + delay, Task::Send(write))
            }
            Task::Start(intent) => {
                self.start(machine, at, intent, choice);
                (at, Task::Follow)
            }
        };
    }

    fn is_unfinished(&self) -> bool {
        let newest = self.record.newest.as_ref();
        newest.is_some_and(|newest| is_unfinished(newest.status))
    }

    /// A run's write is at the server. Whether it is accepted.
    fn arrive(&mut self, run: &RunId, write: &Write) -> bool {
        let Announced { writer, intent } = &mut self.announced;
        let is_writer = writer.as_ref().is_none_or(|writer| writer == run);
        match write {
            Write::Claim if writer.is_some() => *writer = Some(run.clone()),
            Write::Claim => {}
            Write::Announce(_) | Write::Clear if !is_writer => return false,
            Write::Announce(announced) => {
                *writer = Some(run.clone());
                *intent = Some(announced.clone());
            }
            Write::Clear => *intent = None,
            Write::Recover(seen) => self.recover(seen),
        }
        true
    }

    /// What a run does when it has the answer to its write.
    fn answered(&mut self, machine: usize, write: Write, accepted: bool) -> Task {
        match write {
            _ if !accepted => return Task::Claim,
            Write::Claim => self.known[machine].clone_from(&self.announced.intent),
            Write::Announce(intent) => {
                self.known[machine] = Some(intent.clone());
                return Task::Start(intent);
            }
            Write::Clear => self.known[machine] = None,
            Write::Recover(_) => {}
        }
        Task::Look
    }

    fn intent(&self, machine: usize, at: Millis, newest: Option<&Newest>, choice: u32) -> Intent {
        let began = self.wall(machine, at);
        let operation = match (newest, choice % 3) {
            (None, _) | (_, 0) => Operation::Upgrade,
            (_, 1) => Operation::Rollback,
            (_, _) => Operation::Uninstall,
        };
        Intent {
            operation,
            from_revision: newest.map(|newest| newest.revision),
            run: self.run_id(machine),
            host: String::new(),
            process: None,
            began,
            deadline: began + SignedDuration::from_millis(HELM_DEADLINE.cast_signed()),
            deletes: Vec::new(),
        }
    }

    fn recover(&mut self, seen: &Record) {
        if seen.version != self.record.version {
            return;
        }
        self.recovered += 1;
        self.record.version += 1;
        if let Some(newest) = &mut self.record.newest {
            newest.status = ReleaseStatus::Failed;
        }
    }

    fn start(&mut self, machine: usize, at: Millis, intent: Intent, choice: u32) {
        let writes = at + 50 + u64::from(choice % 7) * 500;
        self.processes.push(Process {
            machine,
            run: intent.run,
            operation: intent.operation,
            from: intent.from_revision,
            writes_at: Some(writes),
            // Some take longer than they may.
            ends_at: writes + u64::from(choice % 11) * 13_000,
            dies_at: Some(at + HELM_DEADLINE),
            deadline: at + HELM_DEADLINE,
        });
    }

    /// A helm writes its record, ends, or dies.
    fn process(&mut self, index: usize, at: Millis) {
        let process = self.processes[index].clone();
        if process.dies_at.is_some_and(|dies| dies <= at) {
            self.processes.remove(index);
            return;
        }
        if cut(&self.fate.partitions, process.machine, at).is_some() {
            // Its request failed: that is its end, and the record stays as it is.
            self.processes.remove(index);
            return;
        }
        let began = Some(self.wall(process.machine, at));
        let newest = self.record.newest.as_ref();
        let made = process.from.map_or(1, |from| from + 1);
        if process.writes_at.is_none() {
            self.processes.remove(index);
            self.record.version += 1;
            match (process.operation, &mut self.record.newest) {
                (Operation::Uninstall, newest) => *newest = None,
                (_, Some(newest)) => newest.status = ReleaseStatus::Deployed,
                (_, None) => {}
            }
            return;
        }
        let (status, revision, run) = match process.operation {
            // Creating a revision that is there is refused.
            Operation::Upgrade | Operation::Rollback
                if newest.map(|newest| newest.revision) >= Some(made) =>
            {
                self.processes.remove(index);
                return;
            }
            Operation::Upgrade if made == 1 => {
                (ReleaseStatus::PendingInstall, 1, Some(process.run.clone()))
            }
            Operation::Upgrade => (
                ReleaseStatus::PendingUpgrade,
                made,
                Some(process.run.clone()),
            ),
            Operation::Rollback => (ReleaseStatus::PendingRollback, made, None),
            Operation::Uninstall => {
                let Some(newest) = newest else {
                    self.processes.remove(index);
                    return;
                };
                let run = newest.run.clone();
                (ReleaseStatus::Uninstalling, newest.revision, run)
            }
        };
        self.processes[index].writes_at = None;
        self.record.version += 1;
        self.record.newest = Some(Newest {
            revision,
            status,
            run,
            began,
        });
    }

    /// Helms that may do something to the release at that moment.
    pub(super) fn actors(&self, at: Millis) -> Vec<&Process> {
        let mut acting: Vec<_> = self.processes.iter().collect();
        acting.retain(|process| self.thaw(process.machine, at).is_none());
        acting
    }
}
