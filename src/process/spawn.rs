//! Starts children from a thread that lasts as long as we do.
//!
//! The signal that a guard asks for comes when the *thread* that started it ends, and the threads
//! of an async runtime come and go. So one thread, never joined, starts all children.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
};

use nix::sys::signal::Signal;
use tokio::sync::oneshot;

use super::group::Group;

/// A child that runs. Killed, with its group, when dropped.
#[derive(Debug)]
pub(super) struct Started {
    /// The child; its pipes are to be taken.
    pub(super) child: Child,
    /// Its group.
    pub(super) group: Arc<Group>,
    waited: bool,
}

impl Started {
    /// Waits for its end, kills what it left behind, reaps it. Blocks.
    pub(super) fn wait(mut self) -> io::Result<ExitStatus> {
        self.waited = true;
        self.group.wait(&mut self.child)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.waited {
            self.group.signal(Signal::SIGKILL);
            let _ = self.group.wait(&mut self.child);
        }
    }
}

struct Order {
    command: Command,
    reply: oneshot::Sender<io::Result<Started>>,
}

/// Starts a command that leads a process group of its own.
pub(super) async fn start(command: Command) -> io::Result<Started> {
    let (reply, started) = oneshot::channel();
    send(Order { command, reply })?;
    started.await.map_err(io::Error::other)?
}

/// Hands an order to the thread, which the first order starts.
fn send(order: Order) -> io::Result<()> {
    static THREAD: Mutex<Option<Sender<Order>>> = Mutex::new(None);
    let mut thread = THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    let orders = match thread.as_ref() {
        Some(orders) => orders,
        None => thread.insert(begin()?),
    };
    orders.send(order).map_err(io::Error::other)
}

fn begin() -> io::Result<Sender<Order>> {
    let (sender, orders) = mpsc::channel::<Order>();
    thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for mut order in orders {
                let started = order.command.spawn().map(|child| Started {
                    group: Arc::new(Group::led_by(&child)),
                    child,
                    waited: false,
                });
                // Nobody waits for it any more: dropped here, and so killed.
                let _ = order.reply.send(started);
            }
        })?;
    Ok(sender)
}
