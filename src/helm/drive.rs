//! Makes the calls.

use std::{
    error::Error, ffi::OsString, fmt, os::unix::process::ExitStatusExt, path::Path,
    process::ExitStatus, time::Duration,
};

use super::{
    Aftermath, Cause, Helm, Imagined, Operation, PostRenderer, Rollback, Surroundings, Test,
    Uninstall, Upgrade, answer, args, classify, deadline, user_locale, words,
};
use crate::{
    event::Stream,
    name::ReleaseId,
    process::{self, Command, End, Keep, OnTerminate, Orphaned, Output, ProcessError},
    secret::Secret,
    shutdown::Shutdown,
};

/// How one call is run: who may stop it, who sees its output.
pub struct Call<'a> {
    /// Environment and kubeconfig.
    pub surroundings: &'a Surroundings,
    /// Who may stop it.
    pub shutdown: &'a Shutdown,
    /// It is ended after this, whatever its own timeout.
    pub at_most: Option<Duration>,
    /// Sees each line as it comes, but not those that are data (`-o json`, rendered manifests).
    pub on_line: &'a mut (dyn FnMut(Stream, &str) + Send),
}

/// What Helm said of a release it installed or upgraded (`-o json`).
#[derive(Clone, PartialEq, Eq)]
pub struct Upgraded {
    /// The revision it made.
    pub revision: u32,
    /// What it rendered, if it said so. It may hold secrets, so it is never shown.
    pub manifest: Option<String>,
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, .. } = self;
        f.debug_struct("Upgraded")
            .field("revision", revision)
            .finish_non_exhaustive()
    }
}

/// A failed helm call: cause and outcome apart, since a rolled back timeout is still a timeout.
#[derive(Debug, Clone, thiserror::Error)]
#[error("helm {operation} of {release} failed: {cause}")]
pub struct HelmError {
    /// What helm was asked.
    pub operation: Operation,
    /// The release.
    pub release: ReleaseId,
    /// Why.
    pub cause: Cause,
    /// What it left behind, as far as its words tell.
    pub aftermath: Aftermath,
    /// Helm's own words, without noise, by line. Not redacted yet.
    pub words: Vec<String>,
}

impl Helm {
    /// `helm upgrade --install`, or `helm install`. At `Level::Terminate` helm gets SIGTERM and closes its record.
    pub async fn upgrade(&self, call: Call<'_>, op: &Upgrade) -> Result<Upgraded, HelmError> {
        let asked = Asked {
            operation: Operation::Upgrade,
            release: &op.release,
            args: args::upgrade(self.major, op),
            post_renderer: op.post_renderer.as_ref(),
            stdin: Some(op.values.clone()),
            deadline: op.deadline(),
            on_terminate: OnTerminate::Signal,
        };
        let output = asked.put_to(&self.binary, call).await?;
        let Some(release) = answer::release(&output.stdout) else {
            return Err(asked.bad_answer("the answer to --output json holds no revision"));
        };
        // Of an answer that was cut the rest is missing; the record has it all.
        Ok(Upgraded {
            revision: release.version,
            manifest: release.manifest.filter(|_| !output.stdout_cut),
        })
    }

    /// `helm uninstall`; false if the release was not there. At `Level::Terminate` helm is left
    /// to finish: it has no signal handler here, and would leave the release half removed.
    pub async fn uninstall(&self, call: Call<'_>, op: &Uninstall) -> Result<bool, HelmError> {
        let asked = Asked {
            operation: Operation::Uninstall,
            release: &op.release,
            args: args::uninstall(self.major, op),
            post_renderer: None,
            stdin: None,
            deadline: op.deadline(),
            on_terminate: OnTerminate::Finish,
        };
        match asked.put_to(&self.binary, call).await {
            Ok(_) => Ok(true),
            Err(error) if error.cause == Cause::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `helm rollback`. At `Level::Terminate` helm is left to finish, as in an uninstall.
    pub async fn rollback(&self, call: Call<'_>, op: &Rollback) -> Result<(), HelmError> {
        let asked = Asked {
            operation: Operation::Rollback,
            release: &op.release,
            args: args::rollback(op),
            post_renderer: None,
            stdin: None,
            deadline: op.deadline(),
            on_terminate: OnTerminate::Finish,
        };
        asked.put_to(&self.binary, call).await.map(drop)
    }

    /// `helm test`. At `Level::Terminate` helm gets SIGTERM.
    pub async fn test(&self, call: Call<'_>, op: &Test) -> Result<(), HelmError> {
        let asked = Asked {
            operation: Operation::Test,
            release: &op.release,
            args: args::test(op),
            post_renderer: None,
            stdin: None,
            deadline: op.deadline(),
            on_terminate: OnTerminate::Signal,
        };
        asked.put_to(&self.binary, call).await.map(drop)
    }

    /// `helm template`: what the chart renders, without a cluster. CRDs of `crds/` are left out.
    pub async fn template(
        &self,
        call: Call<'_>,
        op: &Upgrade,
        cluster: Imagined<'_>,
    ) -> Result<String, HelmError> {
        let asked = Asked {
            operation: Operation::Template,
            release: &op.release,
            args: args::template(self.major, op, cluster),
            post_renderer: op.post_renderer.as_ref(),
            stdin: Some(op.values.clone()),
            deadline: deadline::TEMPLATE,
            on_terminate: OnTerminate::Signal,
        };
        let output = asked.put_to(&self.binary, call).await?;
        if output.stdout_cut {
            return Err(asked.bad_answer("it rendered more than stackctl reads"));
        }
        String::from_utf8(output.stdout)
            .map_err(|_| asked.bad_answer("what it rendered is not UTF-8"))
    }
}

/// One question to helm.
struct Asked<'a> {
    operation: Operation,
    release: &'a ReleaseId,
    args: Vec<OsString>,
    /// Its plugin is the only one that helm is to see; none: those of the user.
    post_renderer: Option<&'a PostRenderer>,
    stdin: Option<Secret>,
    deadline: Duration,
    on_terminate: OnTerminate,
}

impl Asked<'_> {
    /// Runs helm. Ok if it succeeded, even if it was asked to stop.
    async fn put_to(&self, binary: &Path, call: Call<'_>) -> Result<Output, HelmError> {
        let mut env = call.surroundings.environment();
        if let Some(made) = self.post_renderer {
            env.insert("HELM_PLUGINS".into(), made.plugins.clone().into());
            // The program is to speak as the user does, and so is the shell that starts it.
            let (locale, said) = user_locale(&call.surroundings.env);
            env.insert(locale.into(), said.into());
        }
        let command = Command {
            program: binary.to_owned(),
            args: self.args.clone(),
            env,
            stdin: self.stdin.clone(),
            keep: Keep::Data,
            deadline: Some(
                call.at_most
                    .map_or(self.deadline, |most| self.deadline.min(most)),
            ),
            grace: deadline::GRACE,
            on_terminate: self.on_terminate,
            orphaned: Orphaned::HoldPipes,
            ..Command::default()
        };
        let mut data = self.operation == Operation::Template;
        let on_line = call.on_line;
        let mut talk = |stream, line: &str| {
            data |= stream == Stream::Stdout && line.starts_with('{');
            if stream != Stream::Stdout || !data {
                on_line(stream, line);
            }
        };
        match process::run(command, call.shutdown, &mut talk).await {
            Ok(output) if output.status.success() => Ok(output),
            Ok(output) => Err(self.failed(output.status, output.end, &output.stderr)),
            Err(error) => Err(self.not_run(&error)),
        }
    }

    fn failed(&self, status: ExitStatus, end: End, stderr: &[u8]) -> HelmError {
        let stderr = String::from_utf8_lossy(stderr);
        let (told, mut aftermath) = classify(self.operation, &stderr);
        let died = status.signal().is_some();
        if died && self.operation != Operation::Template {
            aftermath = Aftermath::Pending;
        }
        let cause = match end {
            End::Cancelled => Cause::Interrupted,
            End::TimedOut => Cause::TimedOut,
            End::Exited if died => Cause::Killed,
            End::Exited => told,
        };
        let mut words = words(&stderr);
        if words.is_empty() {
            words.push(status.to_string());
        }
        if let (Cause::PostRenderer, Some(made)) = (cause, self.post_renderer) {
            words.extend(made.last_words());
        }
        self.error(cause, aftermath, words)
    }

    fn not_run(&self, error: &ProcessError) -> HelmError {
        let (cause, aftermath) = match error {
            ProcessError::Start { .. } => (Cause::NotStarted, Aftermath::Untouched),
            ProcessError::Interrupted { .. } => (Cause::Interrupted, Aftermath::Untouched),
            ProcessError::Follow { .. } => (Cause::NotStarted, Aftermath::Unknown),
        };
        let mut words = error.to_string();
        if let Some(source) = error.source() {
            words = format!("{words}: {source}");
        }
        self.error(cause, aftermath, vec![words])
    }

    fn bad_answer(&self, why: &str) -> HelmError {
        let aftermath = match self.operation {
            Operation::Template => Aftermath::Untouched,
            _ => Aftermath::Unknown,
        };
        self.error(Cause::BadAnswer, aftermath, vec![why.to_owned()])
    }

    fn error(&self, cause: Cause, aftermath: Aftermath, words: Vec<String>) -> HelmError {
        HelmError {
            operation: self.operation,
            release: self.release.clone(),
            cause,
            aftermath,
            words,
        }
    }
}
