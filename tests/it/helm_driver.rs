//! The helm driver and the process driver below it, through their public API, with a fake helm.

mod detect;
mod ending;
mod talking;

use std::{collections::BTreeMap, ffi::OsString, time::Duration};

use stackctl::{
    event::Stream,
    helm::{
        ApplyMode, Call, Helm, HelmError, Imagined, Rollback, Surroundings, Uninstall, Upgrade,
        Upgraded, WaitMode,
    },
    name::{Namespace, ReleaseId, ReleaseName},
    secret::Secret,
    shutdown::{Level, Reason, Shutdown, Trigger},
};
use tokio::sync::mpsc;

use crate::support::fake_helm::FakeHelm;

const ANSWER: &str = r#"printf '%s\n' '{"name":"web","version":7,"config":{"key":"answered"}}'"#;
const MINUTE: Duration = Duration::from_mins(1);

fn env(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
    let tools = std::env::join_paths(["/usr/bin", "/bin"]).unwrap();
    let mut env: BTreeMap<OsString, OsString> = [("PATH".into(), tools)].into();
    env.extend(
        pairs
            .iter()
            .map(|&(name, value)| (name.into(), value.into())),
    );
    env
}

fn release() -> ReleaseId {
    ReleaseId {
        namespace: Namespace::new("shop").unwrap(),
        name: ReleaseName::new("web").unwrap(),
    }
}

fn upgrade() -> Upgrade {
    Upgrade {
        release: release(),
        chart: "/charts/web".into(),
        values_files: Vec::new(),
        values: Secret::new(r#"{"password":"hunter2"}"#),
        timeout: MINUTE,
        wait: WaitMode::None,
        history_max: 5,
        labels: BTreeMap::new(),
        is_first: false,
        mode: ApplyMode::Auto,
        take_ownership: false,
        skip_schema_validation: false,
        post_renderer: None,
    }
}

fn uninstall() -> Uninstall {
    Uninstall {
        release: release(),
        timeout: MINUTE,
        wait: true,
    }
}

fn rollback() -> Rollback {
    Rollback {
        release: release(),
        revision: 3,
        timeout: MINUTE,
        history_max: 5,
    }
}

/// A run with one helm, and what its calls printed.
struct Run {
    helm: Helm,
    surroundings: Surroundings,
    trigger: Trigger,
    shutdown: Shutdown,
    sender: mpsc::UnboundedSender<(Stream, String)>,
    lines: mpsc::UnboundedReceiver<(Stream, String)>,
}

impl Run {
    async fn with(fake: &FakeHelm) -> Self {
        Self::within(fake, env(&[])).await
    }

    async fn within(fake: &FakeHelm, env: BTreeMap<OsString, OsString>) -> Self {
        let (trigger, shutdown) = Shutdown::new();
        let binary = fake.binary();
        let helm = Helm::detect(Some(&binary), &env, &shutdown).await.unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        Self {
            helm,
            surroundings: Surroundings {
                env,
                kubeconfig: "/run/kubeconfig".into(),
                cache: "/run/cache".into(),
            },
            trigger,
            shutdown,
            sender,
            lines,
        }
    }

    /// Starts a call beside the test.
    fn start<T: Send + 'static>(&self, what: Asked<T>) -> tokio::task::JoinHandle<T> {
        let (helm, surroundings) = (self.helm.clone(), self.surroundings.clone());
        let (shutdown, sender) = (self.shutdown.clone(), self.sender.clone());
        tokio::spawn(async move {
            let mut on_line = |stream, line: &str| sender.send((stream, line.to_owned())).unwrap();
            let call = Call {
                surroundings: &surroundings,
                shutdown: &shutdown,
                at_most: None,
                on_line: &mut on_line,
            };
            what(helm, call).await
        })
    }

    async fn upgrade(&self, op: Upgrade) -> Result<Upgraded, HelmError> {
        self.start_upgrade(op).await.unwrap()
    }

    fn start_upgrade(&self, op: Upgrade) -> tokio::task::JoinHandle<Result<Upgraded, HelmError>> {
        self.start(Box::new(|helm, call| {
            Box::pin(async move { helm.upgrade(call, &op).await })
        }))
    }

    fn start_uninstall(&self) -> tokio::task::JoinHandle<Result<bool, HelmError>> {
        self.start(Box::new(|helm, call| {
            Box::pin(async move { helm.uninstall(call, &uninstall()).await })
        }))
    }

    fn start_rollback(&self) -> tokio::task::JoinHandle<Result<(), HelmError>> {
        self.start(Box::new(|helm, call| {
            Box::pin(async move { helm.rollback(call, &rollback()).await })
        }))
    }

    async fn template(&self) -> Result<String, HelmError> {
        let template = self.start(Box::new(|helm: Helm, call| {
            Box::pin(async move {
                let cluster = Imagined {
                    kube_version: Some("v1.37.2"),
                    include_crds: false,
                    api_versions: &[],
                };
                helm.template(call, &upgrade(), cluster).await
            })
        }));
        template.await.unwrap()
    }

    fn raise(&self, level: Level) {
        self.trigger.raise(level, Reason::Interrupt);
    }

    /// Waits until a fake says this.
    async fn until(&mut self, said: &str) {
        while self.lines.recv().await.unwrap().1 != said {}
    }

    fn said(&mut self) -> Vec<(Stream, String)> {
        std::iter::from_fn(|| self.lines.try_recv().ok()).collect()
    }
}

type Asked<T> = Box<
    dyn for<'a> FnOnce(
            Helm,
            Call<'a>,
        )
            -> std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>
        + Send,
>;
