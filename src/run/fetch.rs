//! Getting a stack's charts onto this machine, before anything else is done with them.
//!
//! Joins `stack` (where charts come from), `inputs` (user and password), and [`Fetcher`], the lock
//! file beside the stack file and the cache.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Problem, RunError, Settings, check::Library};
use crate::{
    chart::{
        Access, FetchError, FetchOptions, FetchProgress, Fetched, Fetcher, LocalChart, LockFile,
        LockMode, Move, Repository, Request, Source, lockfile,
    },
    diagnostic::{Diagnostic, Problems},
    http::Patience,
    inputs::{self, InputsError},
    name::ChartName,
    secret::{Redactor, Secret},
    shutdown::Shutdown,
    stack::{Chart, ChartSource, RepositorySpec, Scope, Stack, Template},
};

/// Downloads at once.
const AT_ONCE: usize = 8;

/// Sees how fetching gets on.
pub type FetchWatch<'a> = &'a mut (dyn FnMut(FetchProgress) + Send);

/// Where charts lie on this machine.
pub(super) type Local = BTreeMap<ChartName, PathBuf>;

/// What [`fetch`] is to do.
#[derive(Debug, Clone, Default)]
pub struct FetchRequest {
    /// What is resolved anew. Charts that are named here count, whenever they are fetched in a run.
    pub moves: Move,
    /// Also charts that a run fetches late: what they come from must be there.
    pub late: bool,
}

/// What [`fetch`] did.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// By chart of the stack.
    pub charts: BTreeMap<ChartName, LocalChart>,
    /// Charts that were left for later (`fetch = "late"`).
    pub later: Vec<ChartName>,
    /// The lock file.
    pub lock_file: PathBuf,
    /// Whether it was written: it said something else, or nothing, before.
    pub written: bool,
}

/// Resolves the charts of a stack, fills the cache and writes the lock file. With
/// [`Settings::frozen`] nothing is resolved anew and the lock file stays as it is. Entries that
/// this stack does not want may be another environment's, or those of charts that are left for
/// later: only [`Move::All`] drops them, when nothing is left.
pub async fn fetch(
    stack: &Stack,
    settings: &Settings,
    request: FetchRequest,
    redactor: &Redactor,
    watch: FetchWatch<'_>,
) -> Result<Resolved, RunError> {
    let is_named = |name| matches!(&request.moves, Move::Charts(names) if names.contains(name));
    let (later, now): (Vec<&Chart>, Vec<&Chart>) = stack.charts.values().partition(|chart| {
        let must_be_fetched = chart.source.path().is_none();
        chart.late && must_be_fetched && !request.late && !is_named(&chart.name)
    });
    let drops = request.moves == Move::All && later.is_empty();
    let mode = if settings.frozen {
        LockMode::Frozen
    } else {
        LockMode::Update(request.moves)
    };
    let files = Fetching::new(stack, settings, redactor, false).await?;
    let requests = now.into_iter().filter_map(|chart| files.request(chart));
    let fetched = files.get(requests.collect(), &mode, watch).await?;
    let lock = match &files.lock {
        Some(before) if !drops => fetched.lock.over(before),
        _ => fetched.lock,
    };
    let nothing_to_say = files.lock.is_none() && lock.entries().is_empty();
    let written = !settings.frozen && !nothing_to_say && lockfile::write(&files.lock_file, &lock)?;
    Ok(Resolved {
        charts: fetched.charts,
        later: later.into_iter().map(|chart| chart.name.clone()).collect(),
        lock_file: files.lock_file,
        written,
    })
}

/// Where the charts of a run are.
#[derive(Debug, Clone, Default)]
pub(super) struct Gathered {
    /// Those that were fetched, or are in the cache.
    pub(super) local: Local,
    /// Those that are fetched when their turn comes, with the version that is locked.
    pub(super) late: BTreeMap<ChartName, Option<String>>,
    /// What fetches them.
    pub(super) fetching: Option<Arc<Fetching>>,
}

/// The charts of a run that are not whole on this machine: what is locked exactly so, the rest
/// resolved now. Late ones are left for later, but for those of which `now` says otherwise, and for
/// those that are locked and in the cache: they are had without asking anyone.
pub(super) async fn for_run<'a>(
    stack: &Stack,
    settings: &Settings,
    charts: impl Iterator<Item = &'a Chart>,
    now: &(dyn Fn(&Chart) -> bool + Sync),
    (redactor, watch): (&Redactor, FetchWatch<'_>),
) -> Result<Gathered, RunError> {
    let nowhere = Local::new();
    let missing = Library::new(&nowhere).missing(charts);
    if missing.is_empty() {
        return Ok(Gathered::default());
    }
    let files = Fetching::new(stack, settings, redactor, false).await?;
    let is_late = |chart: &&Chart| chart.late && !now(chart);
    let (late, early): (Vec<&Chart>, Vec<&Chart>) = missing.into_iter().partition(is_late);
    let mut local = cached(stack, settings, late.iter().copied(), redactor).await;
    let mode = run_mode(settings);
    let is_missing = |chart: &&Chart| !local.contains_key(&chart.name);
    let late = files.locked(late.into_iter().filter(is_missing), &mode)?;
    let requests = early.into_iter().filter_map(|chart| files.request(chart));
    let fetched = files.get(requests.collect(), &mode, watch).await?;
    let paths = fetched.charts.into_iter();
    local.extend(paths.map(|(name, chart)| (name, chart.path)));
    let fetching = (!late.is_empty()).then(|| Arc::new(files));
    Ok(Gathered {
        local,
        late,
        fetching,
    })
}

/// Those of the charts that a run would fetch late, since they are not on this machine, with the
/// version that is locked.
pub(super) async fn late<'a>(
    stack: &Stack,
    settings: &Settings,
    charts: impl Iterator<Item = &'a Chart>,
    cached: &Local,
) -> BTreeMap<ChartName, Option<String>> {
    let late: Vec<&Chart> = Library::new(cached).missing(charts.filter(|chart| chart.late));
    if late.is_empty() {
        return BTreeMap::new();
    }
    let nobody = Redactor::default();
    let Ok(files) = Fetching::new(stack, settings, &nobody, true).await else {
        return BTreeMap::new();
    };
    let locked = files.locked(late.into_iter(), &LockMode::Use);
    locked.unwrap_or_default()
}

/// Those of the charts that are in the cache already. No network; what is missing is left out.
pub(super) async fn cached<'a>(
    stack: &Stack,
    settings: &Settings,
    charts: impl Iterator<Item = &'a Chart>,
    redactor: &Redactor,
) -> Local {
    let mut found = Local::new();
    let remote: Vec<&Chart> = charts
        .filter(|chart| chart.source.path().is_none())
        .collect();
    if remote.is_empty() {
        return found;
    }
    let Ok(files) = Fetching::new(stack, settings, redactor, true).await else {
        return found;
    };
    for request in remote.into_iter().filter_map(|chart| files.request(chart)) {
        let nobody = &mut |_| ();
        if let Ok(fetched) = files.get(vec![request], &LockMode::Use, nobody).await {
            let paths = fetched.charts.into_iter();
            found.extend(paths.map(|(name, chart)| (name, chart.path)));
        }
    }
    found
}

/// What a fetcher works with, for one stack.
#[derive(Debug)]
pub(super) struct Fetching {
    fetcher: Fetcher,
    repositories: BTreeMap<String, Repository>,
    lock_file: PathBuf,
    lock: Option<LockFile>,
}

impl Fetching {
    async fn new(
        stack: &Stack,
        settings: &Settings,
        redactor: &Redactor,
        offline: bool,
    ) -> Result<Self, RunError> {
        let lock_file = lock_file(stack);
        let lock = lockfile::read(&lock_file)?;
        let repositories = if offline {
            let specs = stack.repositories.iter();
            let closed = |(name, spec): (&String, &RepositorySpec)| {
                (name.clone(), repository(spec, (None, None)))
            };
            specs.map(closed).collect()
        } else {
            repositories(stack, settings, redactor).await?
        };
        let fetcher = Fetcher::new(FetchOptions {
            cache_dir: settings.cache_dir(),
            repositories: repositories.clone(),
            env: settings.env.clone(),
            redactor: redactor.clone(),
            concurrency: AT_ONCE,
            offline,
            patience: Patience::default(),
            shutdown: Shutdown::never(),
        })?;
        Ok(Self {
            fetcher,
            repositories,
            lock_file,
            lock,
        })
    }

    /// The versions at which charts are locked.
    fn locked<'a>(
        &self,
        charts: impl Iterator<Item = &'a Chart>,
        mode: &LockMode,
    ) -> Result<BTreeMap<ChartName, Option<String>>, RunError> {
        let mut locked = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, request) in charts.filter_map(|chart| self.request(chart)) {
            match self.fetcher.locked(&request, self.lock.as_ref(), mode) {
                Ok(entry) => drop(locked.insert(name, entry.map(|entry| entry.version))),
                Err(error) => problems.push(Problem {
                    hint: Some("it is fetched late: `stackctl fetch --late` locks it, once what it comes from is there".into()),
                    ..problem(name, &error)
                }),
            }
        }
        if problems.is_empty() {
            Ok(locked)
        } else {
            Err(RunError::Preflight(problems))
        }
    }

    /// Gets one chart, as a run does.
    pub(super) async fn one(
        &self,
        chart: &Chart,
        settings: &Settings,
        watch: FetchWatch<'_>,
    ) -> Result<PathBuf, FetchError> {
        let Some((name, request)) = self.request(chart) else {
            return Err(FetchError::Address(format!(
                "there is no repository for {}",
                chart.source
            )));
        };
        let mode = run_mode(settings);
        let lock = self.lock.as_ref();
        let fetched = self.fetcher.resolve((name, &request), lock, &mode, watch);
        fetched.await.map(|local| local.path)
    }

    fn request(&self, chart: &Chart) -> Option<(ChartName, Request)> {
        let access = Access::default();
        let source = match &chart.source {
            ChartSource::Folder(path) => Source::Folder(path.clone()),
            ChartSource::Archive(path) => Source::Archive(path.clone()),
            ChartSource::Repository { repository, name } => {
                Source::in_repository(self.repositories.get(repository)?, name)
            }
            ChartSource::Oci(reference) => Source::Oci {
                reference: reference.clone(),
                access,
            },
            ChartSource::Url(url) => Source::Url {
                url: url.clone(),
                access,
            },
        };
        let version = chart.version.clone();
        Some((chart.name.clone(), Request { source, version }))
    }

    async fn get(
        &self,
        requests: Vec<(ChartName, Request)>,
        mode: &LockMode,
        watch: FetchWatch<'_>,
    ) -> Result<Fetched, RunError> {
        let fetched = self
            .fetcher
            .resolve_all(requests, self.lock.as_ref(), mode, watch);
        fetched.await.map_err(|errors| {
            let problems = errors.into_iter();
            RunError::Preflight(
                problems
                    .map(|(chart, error)| problem(chart, &error))
                    .collect(),
            )
        })
    }
}

/// How a run uses the lock file.
fn run_mode(settings: &Settings) -> LockMode {
    if settings.frozen {
        LockMode::Frozen
    } else {
        LockMode::Use
    }
}

fn problem(chart: ChartName, error: &FetchError) -> Problem {
    Problem {
        chart: Some(chart),
        message: error.to_string(),
        hint: None,
    }
}

/// Beside the stack file and named like it, so that two stacks in one folder do not take each
/// other's: `stack.toml` has `stack.lock`.
fn lock_file(stack: &Stack) -> PathBuf {
    let file = Path::new(&stack.file);
    let name = match file.file_stem() {
        Some(stem) if file.extension().is_some_and(|ext| ext == "toml") => Path::new(stem),
        _ => Path::new("stack"),
    };
    stack.root.join(name.with_extension("lock"))
}

/// `[repositories]` with users and passwords; only what these refer to needs to have a value.
async fn repositories(
    stack: &Stack,
    settings: &Settings,
    redactor: &Redactor,
) -> Result<BTreeMap<String, Repository>, RunError> {
    let never = Shutdown::never();
    let given = settings.given(redactor, &never);
    let scope = inputs::resolve(stack, &stack.credentials(), given).await?;
    let repositories = stack.repositories.iter();
    repositories
        .map(|(name, spec)| {
            let credentials = credentials(spec, &scope, redactor).map_err(InputsError::Wrong)?;
            Ok((name.clone(), repository(spec, credentials)))
        })
        .collect()
}

type Credentials = (Option<String>, Option<Secret>);

fn credentials(
    spec: &RepositorySpec,
    scope: &Scope,
    redactor: &Redactor,
) -> Result<Credentials, Problems> {
    let expand = |template: &Option<Template>| {
        let Some(template) = template else {
            return Ok(None);
        };
        let expanded = template.expand(scope).map_err(|error| {
            Problems(vec![
                Diagnostic::error(error.to_string()).at(spec.place.clone(), "needed here"),
            ])
        })?;
        if expanded.secret {
            redactor.add(&Secret::new(expanded.text.as_str()));
        }
        Ok(Some(expanded.text))
    };
    Ok((
        expand(&spec.username)?,
        expand(&spec.password)?.map(Secret::new),
    ))
}

fn repository(spec: &RepositorySpec, (username, password): Credentials) -> Repository {
    Repository {
        url: spec.url.clone(),
        access: Access {
            username,
            password,
            ca_file: spec.ca_file.clone(),
            cert_file: spec.cert_file.clone(),
            key_file: spec.key_file.clone(),
            pass_credentials: spec.pass_credentials,
            plain_http: spec.plain_http,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::fixture;

    #[test]
    fn the_lock_file_is_beside_the_stack_file_and_named_like_it() {
        let mut stack = fixture::stack(&[]);
        for (file, root, expected) in [
            ("stack.toml", ".", "./stack.lock"),
            ("stacks/eks.toml", "stacks", "stacks/eks.lock"),
            ("standard input", ".", "./stack.lock"),
        ] {
            stack.file = file.into();
            stack.root = root.into();
            assert_eq!(lock_file(&stack), Path::new(expected), "{file}");
        }
    }
}
