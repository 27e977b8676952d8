//! What a run would need, looked at without one.

use super::{
    FetchWatch, PlanRequest, Problem, RunError, Session, Settings,
    helm::find_helm,
    history,
    lock::{LockState, at_work},
    preflight, private,
};
use crate::{
    cluster::ClusterError,
    journal,
    name::Direction,
    plan::{self, Plan},
    secret::Redactor,
    shutdown::Shutdown,
    stack::Stack,
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What: `helm`, `cluster`, `plan`, or `run` for what preflight would say.
    pub what: &'static str,
    /// What it is, or what is wrong with it.
    pub found: Result<String, Problem>,
}

/// Looks at Helm, the cluster, the plan of a whole `up`, and everything that would stop it before
/// its first change. Nothing is changed, and no Helm is downloaded.
pub async fn examine(
    stack: Stack,
    mut settings: Settings,
    redactor: Redactor,
    shutdown: &Shutdown,
    watch: FetchWatch<'_>,
) -> Vec<Examined> {
    if let Some(rehearsal) = &mut settings.sandbox {
        rehearsal.download = false;
    }
    let mut all = Vec::new();
    let helm = find_helm(&stack, &settings, shutdown, &mut |_| ()).await;
    let usable = helm.is_ok();
    let helm = helm.map(|helm| format!("{} is helm {}", helm.binary.display(), helm.version));
    all.push(Examined::new("helm", helm));
    let session = match Session::open(stack, settings, redactor).await {
        Ok(session) => session,
        Err(error) => {
            all.push(Examined::new("cluster", Err(error)));
            return all;
        }
    };
    all.push(Examined::new("cluster", cluster(&session).await));
    let request = PlanRequest::all(Direction::Up);
    match session.plan(&request, watch).await {
        Err(error) => all.push(Examined::new("plan", Err(error))),
        Ok(plan) => {
            all.push(Examined::new("plan", Ok(plan::counts(&plan))));
            if usable {
                all.extend(judged(&session, &plan, shutdown).await);
            }
        }
    }
    all
}

impl Examined {
    fn new(what: &'static str, found: Result<String, RunError>) -> Self {
        let found = found.map_err(|error| Problem {
            chart: None,
            hint: error.hint(),
            message: format!("{:#}", anyhow::Error::new(error)),
        });
        Self { what, found }
    }
}

async fn cluster(session: &Session) -> Result<String, RunError> {
    let cluster = session.cluster();
    let version = cluster.version().await?.git;
    let context = cluster.context().unwrap_or("no context");
    Ok(format!(
        "{context} at {}, Kubernetes {version}",
        cluster.server()
    ))
}

async fn judged(session: &Session, plan: &Plan, shutdown: &Shutdown) -> Vec<Examined> {
    let of = |found| Examined { what: "run", found };
    match would_stop(session, plan, shutdown).await {
        Ok(()) => vec![of(Ok("nothing is known that would stop it".to_owned()))],
        Err(RunError::Preflight(problems)) => problems.into_iter().map(|it| of(Err(it))).collect(),
        Err(error) => vec![Examined::new("run", Err(error))],
    }
}

/// What a run does before its first change.
async fn would_stop(session: &Session, plan: &Plan, shutdown: &Shutdown) -> Result<(), RunError> {
    match session.lock().await {
        Ok(LockState {
            held: Some(holder), ..
        }) if !holder.gone => {
            return Err(RunError::Locked {
                message: at_work(&holder.to_string()),
            });
        }
        // Whose rights are missing is told with all others.
        Ok(_) | Err(RunError::Cluster(ClusterError::Forbidden { .. })) => {}
        Err(error) => return Err(error),
    }
    journal::probe(&history::folder(&session.settings.state_dir))?;
    let helm = session.helm(shutdown, &mut |_| ()).await?;
    let scope = session.scope(plan, shutdown).await?;
    let private = private::folder(&session.settings)?;
    let surroundings = session.surroundings(private.path())?;
    let renderer = session.renderer(helm, &surroundings, shutdown);
    preflight::run(session, plan, &scope, Some(&renderer)).await?;
    Ok(())
}
