//! What a caller may say about a session and a plan, beyond the stack file.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::PathBuf,
    time::Duration,
};

use super::Rehearsal;
use crate::{
    inputs::Given,
    lifecycle::Validation,
    name::{ChartName, Direction},
    secret::Redactor,
    shutdown::Shutdown,
};

/// How to reach the cluster and Helm, and where to keep run folders.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag")]
pub struct Settings {
    /// The environment: for Helm, `run` steps, credential plugins and `${env.X}`.
    pub env: BTreeMap<OsString, OsString>,
    /// `--kubeconfig`; else `KUBECONFIG`, `~/.kube/config`, the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// `--kube-context`; else the stack's, else the kubeconfig's current one.
    pub context: Option<String>,
    /// `--sandbox`: instead of any cluster.
    pub sandbox: Option<Rehearsal>,
    /// `--helm-binary`; else `HELM_BINARY`, else `helm` of `PATH`.
    pub helm: Option<PathBuf>,
    /// `--input`.
    pub inputs: Vec<(String, String)>,
    /// Run folders go to `runs/` in it.
    pub state_dir: PathBuf,
    /// How long to wait for another run of the same stack.
    pub lock_timeout: Duration,
    /// Somebody was asked whether to carry a plan out: one that was made anew, since another run was
    /// at work meanwhile, must do the same, or is not carried out.
    pub was_asked: bool,
    /// `--no-lock`: neither the lease nor announced operations; nothing keeps another run away.
    pub no_lock: bool,
    /// `--no-rollback`: an `up` leaves what an interrupted rollback has not taken back as it is.
    pub no_rollback: bool,
    /// Whose `validate` steps are run.
    pub validation: Validation,
    /// `--frozen`: a chart that the lock file does not hold is an error.
    pub frozen: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            env: BTreeMap::new(),
            kubeconfig: None,
            context: None,
            sandbox: None,
            helm: None,
            inputs: Vec::new(),
            state_dir: PathBuf::from(".stackctl"),
            lock_timeout: Duration::ZERO,
            was_asked: false,
            no_lock: false,
            no_rollback: false,
            validation: Validation::default(),
            frozen: false,
        }
    }
}

impl Settings {
    /// What inputs are resolved from.
    pub(super) fn given<'a>(&'a self, redactor: &'a Redactor, shutdown: &'a Shutdown) -> Given<'a> {
        Given {
            env: &self.env,
            inputs: &self.inputs,
            redactor,
            shutdown,
        }
    }

    /// A variable of the environment, when it is text.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(std::ffi::OsStr::new(name))
            .and_then(|value| value.to_str())
    }

    /// Where fetched charts are kept: `STACKCTL_CACHE_DIR`, else `stackctl` in the user's cache
    /// folder (XDG Base Directory Specification, which takes absolute paths only), else in the
    /// folder of the run folders.
    pub(crate) fn cache_dir(&self) -> PathBuf {
        let var = |name: &str| {
            let value = self.env.get(std::ffi::OsStr::new(name));
            value.filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let of_user = || {
            let xdg = var("XDG_CACHE_HOME").filter(|path| path.is_absolute());
            let caches = xdg.or_else(|| var("HOME").map(|home| home.join(".cache")))?;
            Some(caches.join("stackctl"))
        };
        var("STACKCTL_CACHE_DIR")
            .or_else(of_user)
            .unwrap_or_else(|| self.state_dir.join("cache"))
    }
}

/// Which charts, which way.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "one field a flag")]
pub struct PlanRequest {
    /// Up or down.
    pub direction: Direction,
    /// Chart names; empty = all.
    pub charts: Vec<String>,
    /// `-l` selectors.
    pub selectors: Vec<String>,
    /// Also everything the selected charts need.
    pub with_needs: bool,
    /// Also everything that needs the selected charts.
    pub with_dependents: bool,
    /// `down` may take protected charts.
    pub include_protected: bool,
    /// Releases of other stacks become this one's, instead of being refused.
    pub take_over: bool,
    /// `--no-skip`: charts of which nothing has changed are deployed, too.
    pub no_skip: bool,
    /// Charts that a program runs through code of its own: nobody can tell whether that changed, so
    /// they are always deployed.
    pub coded: BTreeSet<ChartName>,
    /// `down` also removes CRDs, and namespaces if empty, that stackctl made.
    pub purge: bool,
}

impl PlanRequest {
    /// All charts.
    pub fn all(direction: Direction) -> Self {
        Self {
            direction,
            charts: Vec::new(),
            selectors: Vec::new(),
            with_needs: false,
            with_dependents: false,
            include_protected: false,
            take_over: false,
            no_skip: false,
            coded: BTreeSet::new(),
            purge: false,
        }
    }
}
