//! From a plan to an outcome: preflight, run folder, lease, engine, and cleaning up after it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Notice, RunError, Session, crds, history, late::Late, lock, preflight, private,
    render::Renderer, session::at_hand,
};
use crate::{
    chart::Chart,
    cluster::Watches,
    engine::{self, Options, Outcome, Policy, Sink, SinkError},
    event::Event,
    helm::{Helm, Surroundings, user_locale},
    inputs,
    journal::{self, Journal},
    lifecycle::{Executor, Implementations, LateCharts, Purge, RunContext},
    name::{Action, ChartName, Direction, RunId},
    plan::Plan,
    shutdown::{Level, Shutdown, Trigger},
    stack::{FailurePolicy, Schedule, Scope},
};

/// Sees every event of a run, after the journal.
pub type Watch<'a> = &'a mut (dyn FnMut(&Event) + Send);

/// What a plan's charts are made of, once nothing speaks against it.
struct Ready<'a> {
    /// If the plan needs one.
    helm: Option<&'a Helm>,
    scope: Scope,
    charts: BTreeMap<ChartName, Chart>,
}

/// A run that took place.
#[derive(Debug)]
pub struct Finished {
    /// Its identity.
    pub run: RunId,
    /// Where its journal and dossiers are.
    pub folder: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
    /// The run that took it back, if the stack says so and it failed; or why that could not begin.
    pub rollback: Option<Result<Box<Self>, RunError>>,
}

impl Session {
    /// Executes a plan made by [`Session::plan`], or [`Session::unfinished_rollback`]. An error means
    /// that nothing was changed. `notice` gets what there is to say before the first event.
    ///
    /// If another run of the stack was at work since the plan was made, or somebody changed one of
    /// its releases, it is made anew once that run is done: what it was made of has changed.
    ///
    /// If the run fails and the stack says `failure_policy = "rollback"`, it is taken back by another
    /// one, whose events follow.
    pub async fn execute(
        &self,
        plan: &Plan,
        implementations: Implementations,
        trigger: &Trigger,
        watch: Watch<'_>,
        notice: Notice<'_>,
    ) -> Result<Finished, RunError> {
        let shutdown = trigger.shutdown();
        let private = private::folder(&self.settings)?;
        let surroundings = self.surroundings(private.path())?;
        let options = self.options(journal::new_run_id(Timestamp::now()), plan.direction);
        let id = options.run.clone();
        let with = (&surroundings, &shutdown);
        let mut ready = Box::pin(self.prepare(plan, with, &mut *notice)).await?;
        let journal = Journal::create(&history::folder(&self.settings.state_dir), &id)?;
        let lock = lock::take(self, plan.direction, &id, trigger, &mut *notice).await?;
        let settled = async {
            self.settle_rollback(plan, &lock.intents, &mut *notice)
                .await?;
            // Each node of a rollback looks at what there is when its turn comes.
            if plan.direction == Direction::Rollback {
                return Ok(Cow::Borrowed(plan));
            }
            let Some(anew) = self.plan_anew(plan, lock.waited).await? else {
                return Ok(Cow::Borrowed(plan));
            };
            self.is_agreed(plan, &anew)?;
            ready = self.prepare(&anew, with, notice).await?;
            Ok(Cow::Owned(anew))
        };
        let plan = match Box::pin(settled).await {
            Ok(plan) => plan,
            Err(error) => {
                lock.release(self).await;
                return Err(error);
            }
        };
        let Ready {
            helm,
            scope,
            charts,
        } = ready;
        let plan = &*plan;
        let late = self.gathered().fetching.zip(helm).map(|(fetching, helm)| {
            let late: Arc<dyn LateCharts> = Arc::new(Late {
                fetching,
                settings: self.settings.clone(),
                environment: self.stack.environment.clone(),
                scope: scope.clone(),
                helm: helm.clone(),
                surroundings: surroundings.clone(),
                kube_version: self.version.git.clone(),
                redactor: self.redactor.clone(),
                shutdown: shutdown.clone(),
                others: charts.clone(),
                planned: crds::planned(plan),
            });
            late
        });
        let context = RunContext {
            stack: self.stack_of(plan),
            id: id.clone(),
            scope,
            at_hand: at_hand(&self.stack, &self.settings, &self.redactor),
            version: self.version.clone(),
            helm: helm.cloned(),
            surroundings,
            cluster: self.cluster.clone(),
            releases: self.releases.clone(),
            intents: lock.intents.clone(),
            watches: Watches::new(self.cluster.clone()),
            charts,
            late,
            purge: plan.purge.then(|| Arc::new(Purge::of(&plan.nodes))),
            changes: Arc::default(),
            validation: self.settings.validation,
            folder: journal.folder().clone(),
            redactor: self.redactor.clone(),
            shutdown: shutdown.clone(),
        };
        let folder = journal.folder().path().to_owned();
        let work = conduct(plan, &context, &implementations, options, (journal, watch));
        let outcome = Box::pin(work).await;
        let rollback = if self.is_taken_back(plan, &outcome, shutdown.level()) {
            let rolled_back = self.roll_back(&context, &implementations, watch).await;
            rolled_back.map(|run| run.map(Box::new)).transpose()
        } else {
            None
        };
        // Nobody needs them any more; who killed us may not wait for the cluster.
        drop(private);
        lock.release(self).await;
        Ok(Finished {
            run: id,
            folder,
            outcome,
            rollback,
        })
    }

    /// Judges everything that can be judged before the first change.
    async fn prepare(
        &self,
        plan: &Plan,
        (surroundings, shutdown): (&Surroundings, &Shutdown),
        notice: Notice<'_>,
    ) -> Result<Ready<'_>, RunError> {
        let helm = if self.needs_helm(plan) {
            Some(self.helm(shutdown, notice).await?)
        } else {
            None
        };
        let scope = self.scope(plan, shutdown).await?;
        let renderer = helm.map(|helm| self.renderer(helm, surroundings, shutdown));
        let charts = tokio::select! {
            charts = preflight::run(self, plan, &scope, renderer.as_ref()) => charts?,
            () = shutdown.reached(Level::Drain) => return Err(RunError::Interrupted),
        };
        Ok(Ready {
            helm,
            scope,
            charts,
        })
    }

    /// Renders charts for this cluster.
    pub(super) fn renderer<'a>(
        &'a self,
        helm: &'a Helm,
        surroundings: &'a Surroundings,
        shutdown: &'a Shutdown,
    ) -> Renderer<'a> {
        Renderer {
            helm,
            surroundings,
            shutdown,
            redactor: &self.redactor,
            kube_version: Some(&self.version.git),
            include_crds: false,
            rehearsal: self.settings.sandbox.as_ref(),
            at_once: self.concurrency(),
        }
    }

    /// Whoever was asked has agreed to one plan, and not to another.
    fn is_agreed(&self, agreed: &Plan, anew: &Plan) -> Result<(), RunError> {
        let actions = |plan: &Plan| -> Vec<_> {
            let nodes = plan.nodes.iter();
            nodes.map(|node| (node.key.clone(), node.action)).collect()
        };
        if self.settings.was_asked && actions(agreed) != actions(anew) {
            return Err(RunError::Overtaken);
        }
        Ok(())
    }

    /// Values of what the plan's charts refer to; this is where commands of the file are run.
    pub(super) async fn scope(&self, plan: &Plan, shutdown: &Shutdown) -> Result<Scope, RunError> {
        let actions: BTreeMap<_, _> = plan
            .nodes
            .iter()
            .filter(|node| !node.key.is_crds())
            .map(|node| (&node.key.chart, node.action))
            .collect();
        let mut uses = self.stack.uses(|chart| actions.get(chart).copied());
        if self.may_take_back(plan) {
            // Nothing more is asked for once it has failed.
            let taken_back = self.stack.uses(|chart| {
                let action = actions.get(chart)?;
                action.executes().then_some(Action::Uninstall)
            });
            uses.references.extend(taken_back.references);
        }
        let given = self.settings.given(&self.redactor, shutdown);
        Ok(inputs::resolve(&self.stack, &uses, given).await?)
    }

    /// What helm's children get: a kubeconfig of their own, with exactly this cluster.
    pub(super) fn surroundings(&self, private: &Path) -> Result<Surroundings, RunError> {
        let kubeconfig = private.join("kubeconfig");
        self.cluster
            .write_private_kubeconfig(&kubeconfig, user_locale(&self.settings.env))
            .map_err(RunError::Private)?;
        Ok(Surroundings {
            env: self.settings.env.clone(),
            kubeconfig,
            cache: private.join("cache"),
        })
    }

    /// Helm processes at once; 0 = no limit.
    fn concurrency(&self) -> usize {
        let said = self.stack.settings.concurrency;
        said.unwrap_or_else(default_concurrency)
    }

    pub(super) fn options(&self, run: RunId, direction: Direction) -> Options {
        let settings = &self.stack.settings;
        Options {
            run,
            concurrency: self.concurrency(),
            policy: match (settings.failure_policy, direction) {
                // What can be taken back is.
                (_, Direction::Rollback) | (FailurePolicy::Continue, _) => Policy::Continue,
                (FailurePolicy::Stop | FailurePolicy::Rollback, _) => Policy::Stop,
            },
            waves: settings.schedule == Schedule::Waves,
            redactor: self.redactor.clone(),
        }
    }
}

/// Start-up CPU bounds Helm: beyond two processes a core nothing is gained (helm.md section 12),
/// and each takes some 70 MiB. Small machines still overlap four, for slow API servers.
pub(super) fn default_concurrency() -> usize {
    std::thread::available_parallelism().map_or(4, |cores| (cores.get() * 2).max(4))
}

/// Runs a plan, on record.
pub(super) async fn conduct(
    plan: &Plan,
    context: &RunContext,
    implementations: &Implementations,
    options: Options,
    (journal, watch): (Journal, Watch<'_>),
) -> Outcome {
    let shutdown = context.shutdown.clone();
    let executor = Executor::new(Arc::new(context.clone()), plan, implementations.clone());
    let mut recorder = Recorder { journal, watch };
    engine::run(plan, Arc::new(executor), options, shutdown, &mut recorder).await
}

/// Write-ahead: whoever watches sees only what the journal holds.
struct Recorder<'a> {
    journal: Journal,
    watch: Watch<'a>,
}

impl Sink for Recorder<'_> {
    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        let written = self.journal.append(event);
        (self.watch)(event);
        written.map_err(|error| SinkError(error.to_string()))
    }
}
