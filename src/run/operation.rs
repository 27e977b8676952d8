//! A whole run in one call, for programs that embed stackctl.

use std::sync::Arc;

use super::{Finished, Notice, PlanRequest, RunError, Session, Settings};
use crate::{
    event::{Event, RunOutcome},
    lifecycle::{HelmChart, Implementations},
    name::Direction,
    secret::Redactor,
    shutdown::{Shutdown, Trigger},
    stack::Stack,
};

/// Brings a stack up.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use stackctl::{run::Up, stack::Stack};
///
/// let stack = Stack::load("platform.toml")?;
/// let finished = Up::new(stack).run().await?;
/// for chart in finished.outcome.charts {
///     println!("{}: {}", chart.chart, chart.outcome.as_str());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Up(Operation);

/// Takes a stack down, dependents first. Built like [`Up`].
pub struct Down(Operation);

struct Operation {
    stack: Stack,
    settings: Settings,
    request: PlanRequest,
    implementations: Vec<(String, Arc<dyn HelmChart>)>,
    trigger: Trigger,
    watch: Box<dyn FnMut(&Event) + Send>,
}

impl Operation {
    fn new(stack: Stack, direction: Direction) -> Self {
        Self {
            stack,
            settings: Settings::default(),
            request: PlanRequest::all(direction),
            implementations: Vec::new(),
            trigger: Shutdown::new().0,
            watch: Box::new(|_| ()),
        }
    }

    async fn run(mut self) -> Result<Finished, RunError> {
        let mut implementations = Implementations::new();
        for (name, chart) in self.implementations {
            let Some((known, _)) = self.stack.charts.get_key_value(name.as_str()) else {
                return Err(RunError::UnknownChart { name });
            };
            self.request.coded.insert(known.clone());
            implementations.insert(known.clone(), chart);
        }
        let finishes_first = self.request.direction == Direction::Up && !self.settings.no_rollback;
        let session = Session::open(self.stack, self.settings, Redactor::default()).await?;
        if finishes_first && let Some(plan) = session.unfinished_rollback().await? {
            let (trigger, watch) = (&self.trigger, &mut *self.watch);
            let implementations = implementations.clone();
            let finished = session
                .execute(&plan, implementations, trigger, watch, &mut |_| ())
                .await?;
            if finished.outcome.outcome != RunOutcome::Succeeded {
                return Ok(finished);
            }
        }
        let (shutdown, mut nobody) = (self.trigger.shutdown(), |_| ());
        let mut unheard = |_: &str| ();
        let looking = (&shutdown, &mut unheard as Notice<'_>);
        let plan = session.plan_for_run(&self.request, &mut nobody, looking);
        let (plan, usable) = Box::pin(plan).await?;
        usable?;
        session
            .execute(
                &plan,
                implementations,
                &self.trigger,
                &mut *self.watch,
                &mut |_| (),
            )
            .await
    }
}

macro_rules! builder {
    ($($name:ident: $direction:expr;)*) => {$(
        impl $name {
            /// The whole stack, with default settings.
            pub fn new(stack: Stack) -> Self {
                Self(Operation::new(stack, $direction))
            }

            /// Runs one chart through an implementation of your own; all others are run as the file
            /// says. A name that is no chart of the stack is an error of [`Self::run`].
            #[must_use]
            pub fn chart(mut self, name: &str, chart: impl HelmChart + 'static) -> Self {
                self.0.implementations.push((name.to_owned(), Arc::new(chart)));
                self
            }

            /// How to reach the cluster and Helm. The environment is empty unless given here.
            #[must_use]
            pub fn settings(mut self, settings: Settings) -> Self {
                self.0.settings = settings;
                self
            }

            /// Stops the run when raised.
            #[must_use]
            pub fn trigger(mut self, trigger: Trigger) -> Self {
                self.0.trigger = trigger;
                self
            }

            /// Sees every event.
            #[must_use]
            pub fn watch(mut self, watch: impl FnMut(&Event) + Send + 'static) -> Self {
                self.0.watch = Box::new(watch);
                self
            }

            /// Plans and runs. What an interrupted rollback has left to do comes first on the way
            /// up; if that fails, it is the run that is returned.
            pub async fn run(self) -> Result<Finished, RunError> {
                self.0.run().await
            }
        }
    )*};
}

builder! {
    Up: Direction::Up;
    Down: Direction::Down;
}

impl Down {
    /// Also removes the CRDs that stackctl made for the charts, once their objects are gone, and
    /// the namespaces that it made, if they are empty.
    #[must_use]
    pub fn purge(mut self) -> Self {
        self.0.request.purge = true;
        self
    }
}
