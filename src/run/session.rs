//! One stack and one cluster.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::{
    PlanRequest, RunError, Settings,
    check::Library,
    fetch::{self, FetchWatch, Local},
    observe, ownership,
};
use crate::{
    cluster::{self, Cluster, guard},
    graph::{Graph, Request, Selection, Selector},
    helm::Helm,
    name::{Direction, Namespace},
    plan::{Contents, Known, Observed, Plan, PlanError},
    release::Releases,
    sandbox::Sandbox,
    secret::Redactor,
    shutdown::Shutdown,
    stack::Stack,
};

/// A connected session: the kubeconfig and context are resolved once, and the cluster is one the
/// stack allows.
pub struct Session {
    pub(super) stack: Arc<Stack>,
    pub(super) settings: Settings,
    pub(super) cluster: Cluster,
    pub(super) releases: Releases,
    pub(super) redactor: Redactor,
    /// What the last plan fetched.
    fetched: Mutex<Local>,
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
        cluster.version().await?;
        let releases = Releases::new(cluster.clone());
        Ok(Self {
            stack: Arc::new(stack),
            settings,
            cluster,
            releases,
            redactor,
            fetched: Mutex::default(),
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

    /// Where the charts of the last plan lie.
    pub(super) fn fetched(&self) -> Local {
        self.fetched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The binary that will be used, of a version the stack accepts. Asked for its version once: a
    /// run that will need it can look for it while the plan is made.
    pub async fn helm(&self, shutdown: &Shutdown) -> Result<&Helm, RunError> {
        self.helm
            .get_or_try_init(|| async {
                let (flag, env) = (self.settings.helm.as_deref(), &self.settings.env);
                let helm = Helm::detect(flag, env, shutdown).await?;
                match &self.stack.helm {
                    // A pre-release counts as the release it leads to.
                    Some(range)
                        if !range.matches(&helm.version)
                            && !range.matches(&release_of(&helm.version)) =>
                    {
                        Err(RunError::HelmVersion {
                            binary: helm.binary.clone(),
                            found: helm.version.clone(),
                            wanted: range.to_string(),
                        })
                    }
                    _ => Ok(helm),
                }
            })
            .await
    }

    /// Plans a run against what the cluster holds now. On the way up the charts are fetched first,
    /// so that the plan is made of what will be installed.
    pub async fn plan(
        &self,
        request: &PlanRequest,
        watch: FetchWatch<'_>,
    ) -> Result<Plan, RunError> {
        let selection = select(&Graph::new(&self.stack), request)?;
        let (stack, settings, redactor) = (&self.stack, &self.settings, &self.redactor);
        let entries = entries(stack, &selection);
        let fetched = match request.direction {
            Direction::Up => fetch::for_run(stack, settings, entries, redactor, watch).await?,
            Direction::Down => fetch::cached(stack, settings, entries, redactor).await,
        };
        self.fetched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&fetched);
        let listed = self.releases.list(&self.namespaces()).await?;
        let observed = observe::observed(&self.stack, &self.releases, &listed).await?;
        let context = self.cluster.context().map(str::to_owned);
        let mut plan = make(&self.stack, request, &fetched, Some(&observed), context)?;
        ownership::bar(&self.stack, &listed, &mut plan);
        Ok(plan)
    }
}

/// Plans a run without looking at any cluster, as if nothing were installed. Charts from elsewhere
/// have a version in the plan if they are locked and in the cache.
pub async fn offline_plan(
    stack: &Stack,
    settings: &Settings,
    request: &PlanRequest,
) -> Result<Plan, RunError> {
    let selection = select(&Graph::new(stack), request)?;
    let entries = entries(stack, &selection);
    let cached = fetch::cached(stack, settings, entries, &Redactor::default()).await;
    make(stack, request, &cached, None, None)
}

fn entries<'a>(
    stack: &'a Stack,
    selection: &'a Selection,
) -> impl Iterator<Item = &'a crate::stack::Chart> {
    let names = selection.charts().iter();
    names.filter_map(|name| stack.charts.get(name))
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
    stack: &Stack,
    request: &PlanRequest,
    fetched: &Local,
    observed: Option<&Observed>,
    context: Option<String>,
) -> Result<Plan, RunError> {
    let graph = Graph::new(stack);
    let selection = select(&graph, request)?;
    // A chart that cannot be opened has no version in the plan; preflight says why.
    let (charts, _) = Library::new(fetched).open_all(entries(stack, &selection));
    let contents = |(name, chart): (_, crate::chart::Chart)| {
        (
            name,
            Contents {
                version: Some(chart.version.to_string()),
                ..Contents::default()
            },
        )
    };
    let known = Known {
        context,
        contents: charts.into_iter().map(contents).collect(),
        ..Known::default()
    };
    let plan: Result<Plan, PlanError> = match (observed, request.direction) {
        (None, direction) => Plan::offline(&graph, &selection, direction, &known),
        (Some(observed), Direction::Up) => Plan::up(&graph, &selection, observed, &known),
        (Some(observed), Direction::Down) => Plan::down(
            &graph,
            &selection,
            observed,
            &known,
            request.include_protected,
        ),
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

fn release_of(version: &semver::Version) -> semver::Version {
    semver::Version::new(version.major, version.minor, version.patch)
}

/// Proxy variables exist in both cases; curl and Go read both.
fn proxy(settings: &Settings, name: &str) -> Option<String> {
    let found = settings
        .var(name)
        .or_else(|| settings.var(&name.to_lowercase()));
    found.filter(|value| !value.is_empty()).map(str::to_owned)
}
