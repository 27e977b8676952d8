//! One stack and one cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex},
};

use tokio::sync::OnceCell;

use super::{
    Notice, PlanRequest, Problem, RunError, Settings,
    check::{self, Library},
    fetch::{self, FetchWatch, Gathered, Local},
    helm::find_helm,
    history, observe, ownership,
    planned::Planned,
    wanted,
};
use crate::{
    chart,
    cluster::{self, Cluster, ClusterError, ServerVersion, guard},
    diagnostic::Problems,
    graph::{Graph, Request, Selection, Selector},
    helm::Helm,
    inputs, journal,
    lifecycle::Validation,
    name::{ChartName, Direction, Namespace},
    plan::{Contents, CrdContent, Known, Observed, ObservedCrd, Plan, PlanError, Removal, Wanted},
    release::Releases,
    sandbox::Sandbox,
    secret::Redactor,
    shutdown::Shutdown,
    stack::{self, Scope, Stack},
};

/// A connected session: the kubeconfig and context are resolved once, and the cluster is one the
/// stack allows.
pub struct Session {
    pub(super) stack: Arc<Stack>,
    pub(super) settings: Settings,
    pub(super) cluster: Cluster,
    pub(super) version: ServerVersion,
    pub(super) releases: Releases,
    pub(super) redactor: Redactor,
    pub(super) planned: Mutex<Planned>,
    helm: OnceCell<Helm>,
    /// Runs as long as the session.
    _sandbox: Option<Sandbox>,
}

impl Session {
    /// Connects. Nothing is changed, and Helm is not looked for yet.
    pub async fn open(
        stack: Stack,
        settings: Settings,
        redactor: Redactor,
    ) -> Result<Self, RunError> {
        let sandbox = match &settings.sandbox {
            Some(rehearsal) => Some(rehearsal.start(&stack).await?),
            None => None,
        };
        let options = cluster_options(&settings, &stack, sandbox.as_ref());
        let cluster = Cluster::connect(&options).await?;
        if sandbox.is_none() {
            guard(&stack.cluster.allow, cluster.context(), cluster.server())?;
        }
        let version = cluster.version().await?;
        let releases = Releases::new(cluster.clone());
        Ok(Self {
            stack: Arc::new(stack),
            settings,
            cluster,
            version,
            releases,
            redactor,
            planned: Mutex::default(),
            helm: OnceCell::new(),
            _sandbox: sandbox,
        })
    }

    /// The stack.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Every namespace that holds a release of the stack.
    pub(super) fn namespaces(&self) -> Vec<Namespace> {
        let all = self
            .stack
            .charts
            .values()
            .map(|chart| chart.release.namespace.clone());
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The binary that will be used, of a version the stack accepts. Asked for its version once: a
    /// run that will need it can look for it while the plan is made.
    /// For a rehearsal one may be got first: `notice` hears of it.
    pub async fn helm(&self, shutdown: &Shutdown, notice: Notice<'_>) -> Result<&Helm, RunError> {
        let find = find_helm(&self.stack, &self.settings, shutdown, notice);
        self.helm.get_or_try_init(|| find).await
    }

    /// Whether a run of the plan may start Helm. One that finds all charts as they are to be starts
    /// none: not even to ask it for its version.
    pub(super) fn needs_helm(&self, plan: &Plan) -> bool {
        !plan.is_idle() || self.settings.validation == Validation::All
    }

    /// [`Self::plan`], and Helm is looked for meanwhile: the plan, and what is wrong with Helm if the
    /// plan needs it.
    pub async fn plan_for_run(
        &self,
        request: &PlanRequest,
        watch: FetchWatch<'_>,
        (shutdown, notice): (&Shutdown, Notice<'_>),
    ) -> Result<(Plan, Result<(), RunError>), RunError> {
        let mut helm = pin!(self.helm(shutdown, notice));
        let mut plan = pin!(self.plan(request, watch));
        let (plan, found) = tokio::select! {
            plan = &mut plan => (plan?, None),
            found = &mut helm => (plan.await?, Some(found)),
        };
        let usable = match found {
            _ if !self.needs_helm(&plan) => Ok(()),
            Some(found) => found.map(drop),
            None => helm.await.map(drop),
        };
        Ok((plan, usable))
    }

    /// Plans a run against what the cluster holds now. On the way up the charts are fetched first,
    /// so that the plan is made of what will be installed.
    pub async fn plan(
        &self,
        request: &PlanRequest,
        watch: FetchWatch<'_>,
    ) -> Result<Plan, RunError> {
        let graph = Graph::new(&self.stack);
        let selection = select(&graph, request)?;
        let (stack, settings, redactor) = (&self.stack, &self.settings, &self.redactor);
        let entries = entries(stack, &selection, request.direction);
        let gathered = match request.direction {
            Direction::Up => {
                let with = (redactor, watch);
                fetch::for_run(stack, settings, entries, &|_| false, with).await?
            }
            Direction::Down | Direction::Rollback => Gathered {
                local: fetch::cached(stack, settings, entries, redactor).await,
                ..Gathered::default()
            },
        };
        // Before anything is looked at: what is seen while nobody is at work stays as it is.
        let is_outdated = self.is_locked().await?;
        let scope = at_hand(stack, settings, redactor);
        let charts = open(
            stack,
            &selection,
            request.direction,
            &gathered.local,
            &scope,
        )?;
        let namespaces = self.namespaces();
        let listed = async { Ok(self.releases.list(&namespaces).await?) };
        let (listed, (intents, unfinished)) = tokio::try_join!(listed, self.announced())?;
        *self.planned() = Planned {
            gathered: gathered.clone(),
            request: Some(request.clone()),
            is_outdated,
            records: self.own(&listed),
        };
        let (crds, unseen) = self.crds(request, &charts).await?;
        let observed = Observed {
            crds,
            ..observe::observed(&self.stack, &self.releases, &listed, &intents).await?
        };
        let context = self.cluster.context().map(str::to_owned);
        let chosen = (&graph, &selection);
        let wanted = wanted::of(self, request, &charts, &scope, &listed).await?;
        let mut plan = make(
            chosen,
            request,
            settings,
            (charts, wanted),
            Some(&observed),
            context,
        )?;
        say_late(&mut plan, &gathered.late);
        plan.warnings.extend(unseen);
        plan.warnings.extend(ownership::strays(stack, &listed));
        let rehearsal = settings.sandbox.iter();
        let unseen: Vec<_> = rehearsal.flat_map(|it| it.unseen(&plan)).collect();
        plan.warnings.extend(unseen);
        if let Some(unfinished) = unfinished.filter(|_| is_in_the_way(settings, request)) {
            plan.warnings.push(format!(
                "run {} failed, and what it has changed is not all taken back yet ({}): `up` does \
                 that first, and plans anew then; with --no-rollback it leaves it as it is",
                unfinished.of,
                unfinished
                    .changes
                    .keys()
                    .map(ChartName::as_str)
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        ownership::settle(&self.stack, &listed, request.take_over, &mut plan);
        Ok(plan)
    }

    /// The cluster's CRDs, as far as the run has to do with them. Who may not see them cannot apply
    /// or remove any; if they only tell which ones stay, it is a warning that nobody knows.
    async fn crds(
        &self,
        request: &PlanRequest,
        charts: &Charts,
    ) -> Result<(BTreeMap<String, ObservedCrd>, Option<String>), RunError> {
        let brings = |name: &ChartName| {
            let chart = self.stack.charts.get(name);
            chart.is_some_and(stack::Chart::brings_crds)
        };
        let bringing: Vec<&ChartName> = charts
            .iter()
            .filter(|(name, chart)| !chart.crds.is_empty() && brings(name))
            .map(|(name, _)| name)
            .collect();
        let is_down = request.direction == Direction::Down;
        if bringing.is_empty() && !is_down {
            return Ok((BTreeMap::new(), None));
        }
        match self.cluster.crds().await {
            Ok(listed) => Ok((observe::observed_crds(listed), None)),
            Err(ClusterError::Forbidden { message }) if is_down && !request.purge => {
                let warning = format!("CRDs stay, but you may not see which: {message}");
                Ok((BTreeMap::new(), Some(warning)))
            }
            Err(ClusterError::Forbidden { message }) if !is_down => {
                let problem = |name: &ChartName| Problem {
                    chart: Some(name.clone()),
                    message: format!("it brings CRDs, and you may not see them: {message}"),
                    hint: Some("with `crds = \"skip\"` they are left to those who may".into()),
                };
                Err(RunError::Preflight(
                    bringing.into_iter().map(problem).collect(),
                ))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Plans a run without looking at any cluster, as if nothing were installed. Charts from elsewhere
/// have a version in the plan if they are locked and in the cache.
pub async fn offline_plan(
    stack: &Stack,
    settings: &Settings,
    request: &PlanRequest,
) -> Result<Plan, RunError> {
    let graph = Graph::new(stack);
    let selection = select(&graph, request)?;
    let entries = || entries(stack, &selection, request.direction);
    let cached = fetch::cached(stack, settings, entries(), &Redactor::default()).await;
    let scope = at_hand(stack, settings, &Redactor::default());
    let charts = open(stack, &selection, request.direction, &cached, &scope)?;
    let mut plan = make(
        (&graph, &selection),
        request,
        settings,
        (charts, BTreeMap::new()),
        None,
        None,
    )?;
    let late = fetch::late(stack, settings, entries(), &cached).await;
    say_late(&mut plan, &late);
    Ok(plan)
}

/// Whether a rollback that is not done comes before the run.
fn is_in_the_way(settings: &Settings, request: &PlanRequest) -> bool {
    request.direction == Direction::Up && !settings.no_rollback
}

/// Says of the charts that are fetched late what is known of their version.
fn say_late(plan: &mut Plan, late: &BTreeMap<ChartName, Option<String>>) {
    for node in &mut plan.nodes {
        if let Some(locked) = late.get(&node.key.chart).filter(|_| node.action.deploys()) {
            let version = match locked {
                Some(version) => format!("fetched late, at {version} as locked"),
                None => "fetched late: its version is known then".to_owned(),
            };
            node.reason = if plan.offline {
                version
            } else {
                format!("{}; {version}", node.reason)
            };
        }
    }
}

/// What values can be made of before a run has begun.
pub(super) fn at_hand(stack: &Stack, settings: &Settings, redactor: &Redactor) -> Scope {
    inputs::at_hand(stack, settings.given(redactor, &Shutdown::never()))
}

/// The charts that could be opened, by name.
pub(super) type Charts = BTreeMap<ChartName, chart::Chart>;

/// Opens the charts that a plan is made of. One that cannot be opened has no version in the plan;
/// preflight says why.
fn open(
    stack: &Stack,
    selection: &Selection,
    direction: Direction,
    fetched: &Local,
    scope: &Scope,
) -> Result<Charts, RunError> {
    let entries = || entries(stack, selection, direction);
    let (charts, _) = Library::new(fetched).under(scope).open_all(entries());
    let missing = match direction {
        Direction::Up => check::missing_crds(entries(), &charts),
        Direction::Down | Direction::Rollback => Vec::new(),
    };
    if missing.is_empty() {
        Ok(charts)
    } else {
        Err(RunError::Stack(Problems(missing)))
    }
}

/// The charts whose files a plan is made of. On the way down those that stay count, too: they may
/// use the CRDs of one that goes.
fn entries<'a>(
    stack: &'a Stack,
    selection: &'a Selection,
    direction: Direction,
) -> impl Iterator<Item = &'a stack::Chart> {
    let charts = stack.charts.values().enumerate();
    charts
        .filter(move |(index, _)| direction == Direction::Down || selection.holds(*index))
        .map(|(_, chart)| chart)
}

/// The charts a request is about.
pub fn select(graph: &Graph<'_>, request: &PlanRequest) -> Result<Selection, RunError> {
    let selectors = request
        .selectors
        .iter()
        .map(|text| text.parse::<Selector>())
        .collect::<Result<_, _>>()?;
    Ok(graph.select(&Request {
        names: request.charts.clone(),
        selectors,
        with_needs: request.with_needs,
        with_dependents: request.with_dependents,
    })?)
}

fn make(
    (graph, selection): (&Graph<'_>, &Selection),
    request: &PlanRequest,
    settings: &Settings,
    (charts, mut wanted): (Charts, BTreeMap<ChartName, Wanted>),
    observed: Option<&Observed>,
    context: Option<String>,
) -> Result<Plan, RunError> {
    let stack = graph.stack();
    let runs = history::folder(&settings.state_dir);
    let coded = request
        .coded
        .iter()
        .map(|name| (name, "its steps are code"));
    let all = stack.charts.keys().filter(|_| request.no_skip);
    let anew = coded.chain(all.map(|name| (name, "`--no-skip`")));
    let known = Known {
        context,
        anew: anew.map(|(name, why)| (name.clone(), why)).collect(),
        durations: journal::learned(&runs, &stack.name, stack.environment.as_ref()),
        contents: charts
            .into_iter()
            .map(|(name, chart)| {
                let wanted = wanted.remove(&name).unwrap_or_default();
                (name, contents(&chart, wanted))
            })
            .collect(),
    };
    let removal = Removal {
        include_protected: request.include_protected,
        purge: request.purge,
    };
    let plan: Result<Plan, PlanError> = match (observed, request.direction) {
        (None, direction) => Plan::offline(graph, selection, direction, removal, &known),
        (Some(observed), Direction::Up) => Plan::up(graph, selection, observed, &known),
        (Some(observed), Direction::Down | Direction::Rollback) => {
            Plan::down(graph, selection, observed, &known, removal)
        }
    };
    Ok(plan?)
}

/// Which cluster: the sandbox, whatever else is said, or the one that settings and stack name.
fn cluster_options(
    settings: &Settings,
    stack: &Stack,
    sandbox: Option<&Sandbox>,
) -> cluster::Options {
    if let Some(sandbox) = sandbox {
        return cluster::Options {
            kubeconfig: Some(sandbox.kubeconfig().to_owned()),
            ..cluster::Options::default()
        };
    }
    cluster::Options {
        kubeconfig: settings.kubeconfig.clone(),
        env_kubeconfig: settings
            .env
            .get(std::ffi::OsStr::new("KUBECONFIG"))
            .cloned(),
        home: settings.var("HOME").map(Into::into),
        context: settings
            .context
            .clone()
            .or_else(|| stack.cluster.context.clone()),
        in_cluster: settings.var("KUBERNETES_SERVICE_HOST").is_some(),
        https_proxy: proxy(settings, "HTTPS_PROXY"),
        no_proxy: proxy(settings, "NO_PROXY"),
    }
}

fn contents(chart: &chart::Chart, wanted: Wanted) -> Contents {
    let crd = |crd: &Arc<chart::Crd>| CrdContent {
        name: crd.name.clone(),
        digest: crd.digest.clone(),
    };
    Contents {
        version: Some(chart.version.to_string()),
        wanted,
        crds: chart.crds.iter().map(crd).collect(),
    }
}

/// Proxy variables exist in both cases; curl and Go read both.
fn proxy(settings: &Settings, name: &str) -> Option<String> {
    let found = settings
        .var(name)
        .or_else(|| settings.var(&name.to_lowercase()));
    found.filter(|value| !value.is_empty()).map(str::to_owned)
}
