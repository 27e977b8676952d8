//! From operations to arguments, for Helm 3 and 4: the table of helm.md section 3 as code.

use std::{
    ffi::{OsStr, OsString},
    time::Duration,
};

use super::{ApplyMode, Imagined, Major, Rollback, Test, Uninstall, Upgrade, WaitMode};
use crate::name::ReleaseId;

/// `helm version`, in a form that 3 and 4 share.
pub(super) fn version() -> Vec<OsString> {
    Args::of(&["version", "--template", "{{.Version}}"]).0
}

/// `helm version` as Helm 2 knows it, without asking its server.
pub(super) fn version_of_helm_2() -> Vec<OsString> {
    Args::of(&["version", "--client", "--short"]).0
}

/// `helm upgrade --install`, or `helm install` where there is nothing to upgrade: that spares Helm
/// looking for it. `--reset-values`, since Helm would otherwise take the last values again when
/// none are given; `--skip-crds`, since the CRDs of `crds/` are there by now, and Helm
/// could only clash with whoever applied them.
pub(super) fn upgrade(major: Major, op: &Upgrade) -> Vec<OsString> {
    let name = op.release.name.as_str();
    let mut args = if op.is_first {
        Args::of(&["install", name])
    } else {
        Args::of(&["upgrade", "--install", name])
    };
    args.add(&op.chart).namespace(&op.release);
    if !op.is_first {
        args.add("--reset-values").history_max(op.history_max);
    }
    args.add("--skip-crds").add("--output").add("json");
    args.timeout(op.timeout);
    if !op.labels.is_empty() {
        let labels: Vec<String> = op.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        args.add("--labels").add(labels.join(","));
    }
    if op.wait == WaitMode::Helm {
        args.wait(major);
    }
    args.post_renderer(major, op).mode(major, op.mode);
    if op.take_ownership {
        args.add("--take-ownership");
    }
    args.values(op);
    args.0
}

/// `helm template`: renders without a cluster, as if it were this one.
pub(super) fn template(major: Major, op: &Upgrade, cluster: Imagined<'_>) -> Vec<OsString> {
    let mut args = Args::of(&["template", op.release.name.as_str()]);
    args.add(&op.chart).namespace(&op.release);
    if let Some(version) = cluster.kube_version {
        args.add("--kube-version").add(version);
    }
    if cluster.include_crds {
        args.add("--include-crds");
    }
    for version in cluster.api_versions {
        args.add("--api-versions").add(version);
    }
    args.post_renderer(major, op).values(op);
    args.0
}

/// `helm uninstall`. Not with `--ignore-not-found`: whether there was a release is worth knowing.
/// `foreground`: a Deployment is gone when its pods are, whoever waits for that.
pub(super) fn uninstall(major: Major, op: &Uninstall) -> Vec<OsString> {
    let mut args = Args::of(&["uninstall", op.release.name.as_str()]);
    args.namespace(&op.release).timeout(op.timeout);
    args.add("--cascade").add("foreground");
    if op.wait {
        args.wait(major);
    }
    args.0
}

/// `helm rollback`.
pub(super) fn rollback(op: &Rollback) -> Vec<OsString> {
    let mut args = Args::of(&["rollback", op.release.name.as_str()]);
    args.add(op.revision.to_string()).namespace(&op.release);
    args.history_max(op.history_max).timeout(op.timeout);
    args.0
}

/// `helm test`. Not with `--hide-notes`, which only some versions of 3 know.
pub(super) fn test(op: &Test) -> Vec<OsString> {
    let mut args = Args::of(&["test", op.release.name.as_str()]);
    args.namespace(&op.release).timeout(op.timeout);
    if !op.filter.is_empty() {
        let names: Vec<String> = op
            .filter
            .iter()
            .map(|name| format!("name={name}"))
            .collect();
        args.add("--filter").add(names.join(","));
    }
    if op.logs {
        args.add("--logs");
    }
    args.0
}

struct Args(Vec<OsString>);

impl Args {
    fn of(args: &[&str]) -> Self {
        Self(args.iter().map(OsString::from).collect())
    }

    fn add(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.0.push(arg.as_ref().to_owned());
        self
    }

    fn namespace(&mut self, release: &ReleaseId) -> &mut Self {
        self.add("--namespace").add(release.namespace.as_str())
    }

    fn history_max(&mut self, revisions: u32) -> &mut Self {
        self.add("--history-max").add(revisions.to_string())
    }

    fn timeout(&mut self, timeout: Duration) -> &mut Self {
        self.add("--timeout").add(go_duration(timeout))
    }

    fn post_renderer(&mut self, major: Major, op: &Upgrade) -> &mut Self {
        match (major, &op.post_renderer) {
            (_, None) => self,
            (Major::V3, Some(program)) => {
                self.add("--post-renderer").add("sh");
                self.add("--post-renderer-args").add(&program.script)
            }
            (Major::V4, Some(plugin)) => self.add("--post-renderer").add(&plugin.name),
        }
    }

    fn mode(&mut self, major: Major, mode: ApplyMode) -> &mut Self {
        match (major, mode) {
            (Major::V3, ApplyMode::Replace) => self.add("--force"),
            (Major::V3, _) => self,
            // The server validates what is applied to it, and helm need not download its schema.
            (Major::V4, ApplyMode::Auto) => self.add("--disable-openapi-validation"),
            (Major::V4, ApplyMode::ClientSide) => self.add("--server-side=false"),
            (Major::V4, ApplyMode::ServerSide { force_conflicts }) => {
                self.add("--disable-openapi-validation");
                // Conflicts can be forced only where it is said that there can be some.
                self.add("--server-side=true");
                if force_conflicts {
                    self.add("--force-conflicts");
                }
                self
            }
            // Replacing is done from the client's side only.
            (Major::V4, ApplyMode::Replace) => {
                self.add("--force-replace").add("--server-side=false")
            }
        }
    }

    /// Helm 4's flag has an optional value, which must come with `=`.
    fn wait(&mut self, major: Major) -> &mut Self {
        self.add(match major {
            Major::V3 => "--wait",
            Major::V4 => "--wait=watcher",
        })
    }

    /// The files, then the computed values from standard input.
    fn values(&mut self, op: &Upgrade) -> &mut Self {
        if op.skip_schema_validation {
            self.add("--skip-schema-validation");
        }
        for file in &op.values_files {
            self.add("--values").add(file);
        }
        self.add("--values").add("-")
    }
}

/// A duration as Go reads it; in milliseconds where seconds do not do.
fn go_duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::PostRenderer;
    use crate::{
        name::{Namespace, ReleaseName},
        secret::Secret,
    };

    const MAJORS: [Major; 2] = [Major::V3, Major::V4];

    const CLUSTER: Imagined<'_> = Imagined {
        kube_version: Some("v1.37.2"),
        api_versions: &[],
        include_crds: false,
    };

    fn release() -> ReleaseId {
        ReleaseId {
            namespace: Namespace::new("shop").unwrap(),
            name: ReleaseName::new("web").unwrap(),
        }
    }

    fn plain() -> Upgrade {
        Upgrade {
            release: release(),
            is_first: false,
            chart: "/charts/web".into(),
            values_files: Vec::new(),
            values: Secret::new(r#"{"password":"hunter2"}"#),
            timeout: Duration::from_mins(5),
            wait: WaitMode::None,
            history_max: 5,
            labels: [].into(),
            mode: ApplyMode::Auto,
            take_ownership: false,
            skip_schema_validation: false,
            post_renderer: None,
        }
    }

    fn line(args: &[OsString]) -> String {
        args.join(OsStr::new(" ")).into_string().unwrap()
    }

    const APPLY: &str = "upgrade --install web /charts/web --namespace shop --reset-values --history-max 5 --skip-crds --output json --timeout 300s";

    #[test]
    fn apply_without_waiting() {
        let line = |major| line(&upgrade(major, &plain()));
        assert_eq!(line(Major::V3), format!("{APPLY} --values -"));
        assert_eq!(
            line(Major::V4),
            format!("{APPLY} --disable-openapi-validation --values -")
        );
    }

    #[test]
    fn apply_and_let_helm_wait() {
        let op = Upgrade {
            wait: WaitMode::Helm,
            ..plain()
        };
        let line = |major| line(&upgrade(major, &op));
        assert_eq!(line(Major::V3), format!("{APPLY} --wait --values -"));
        assert_eq!(
            line(Major::V4),
            format!("{APPLY} --wait=watcher --disable-openapi-validation --values -")
        );
    }

    #[test]
    fn a_first_install_looks_for_nothing() {
        let op = |mode| Upgrade {
            is_first: true,
            mode,
            ..plain()
        };
        let install =
            "install web /charts/web --namespace shop --skip-crds --output json --timeout 300s";
        let line = |major, mode| line(&upgrade(major, &op(mode)));
        assert_eq!(
            line(Major::V3, ApplyMode::Auto),
            format!("{install} --values -")
        );
        assert_eq!(
            line(Major::V4, ApplyMode::Auto),
            format!("{install} --disable-openapi-validation --values -")
        );
        // What was adopted is replaced, too.
        assert_eq!(
            line(Major::V4, ApplyMode::Replace),
            format!("{install} --force-replace --server-side=false --values -")
        );
    }

    #[test]
    fn replace_objects() {
        let op = Upgrade {
            mode: ApplyMode::Replace,
            ..plain()
        };
        let line = |major| line(&upgrade(major, &op));
        assert_eq!(line(Major::V3), format!("{APPLY} --force --values -"));
        assert_eq!(
            line(Major::V4),
            format!("{APPLY} --force-replace --server-side=false --values -")
        );
    }

    #[test]
    fn server_side_or_not() {
        let line = |major, mode| {
            let op = Upgrade { mode, ..plain() };
            line(&upgrade(major, &op))
        };
        let server = |force_conflicts| ApplyMode::ServerSide { force_conflicts };
        for mode in [ApplyMode::ClientSide, server(false), server(true)] {
            assert_eq!(line(Major::V3, mode), format!("{APPLY} --values -"));
        }
        for (mode, flags) in [
            (ApplyMode::ClientSide, "--server-side=false"),
            (
                server(false),
                "--disable-openapi-validation --server-side=true",
            ),
            (
                server(true),
                "--disable-openapi-validation --server-side=true --force-conflicts",
            ),
        ] {
            assert_eq!(line(Major::V4, mode), format!("{APPLY} {flags} --values -"));
        }
    }

    #[test]
    fn take_over_and_do_not_ask_the_schema() {
        let op = Upgrade {
            take_ownership: true,
            skip_schema_validation: true,
            ..plain()
        };
        let flags = "--take-ownership --skip-schema-validation --values -";
        assert_eq!(line(&upgrade(Major::V3, &op)), format!("{APPLY} {flags}"));
        let rendered = line(&template(Major::V3, &op, CLUSTER));
        assert!(
            rendered.ends_with("--skip-schema-validation --values -"),
            "{rendered}"
        );
        assert!(!rendered.contains("--take-ownership"), "{rendered}");
    }

    #[test]
    fn pipe_manifests_through_a_program_or_a_plugin() {
        let op = Upgrade {
            post_renderer: Some(PostRenderer {
                plugins: "/p/web".into(),
                name: "web".to_owned(),
                script: "/p/web/web/post-render.sh".into(),
                stderr: "/p/web/web/stderr".into(),
            }),
            ..plain()
        };
        assert_eq!(
            line(&upgrade(Major::V3, &op)),
            format!(
                "{APPLY} --post-renderer sh --post-renderer-args /p/web/web/post-render.sh --values -"
            )
        );
        assert_eq!(
            line(&upgrade(Major::V4, &op)),
            format!("{APPLY} --post-renderer web --disable-openapi-validation --values -")
        );
        let rendered = line(&template(Major::V4, &op, CLUSTER));
        assert!(
            rendered.ends_with("--post-renderer web --values -"),
            "{rendered}"
        );
    }

    #[test]
    fn labels_and_values_files_in_order_computed_values_last() {
        let op = Upgrade {
            labels: [("b", "2"), ("a", "1")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            values_files: vec!["/v/z.yaml".into(), "/v/a.yaml".into()],
            ..plain()
        };
        let cluster = Imagined {
            api_versions: &[
                "example.com/v1".to_owned(),
                "example.com/v1/Widget".to_owned(),
            ],
            ..CLUSTER
        };
        assert_eq!(
            line(&upgrade(Major::V3, &op)),
            format!("{APPLY} --labels a=1,b=2 --values /v/z.yaml --values /v/a.yaml --values -")
        );
        assert_eq!(
            line(&template(Major::V4, &op, cluster)),
            "template web /charts/web --namespace shop --kube-version v1.37.2 --api-versions example.com/v1 --api-versions example.com/v1/Widget --values /v/z.yaml --values /v/a.yaml --values -"
        );
    }

    #[test]
    fn remove() {
        let op = |wait| Uninstall {
            release: release(),
            timeout: Duration::from_millis(1500),
            wait,
        };
        let line = |major, wait| line(&uninstall(major, &op(wait)));
        let plain = "uninstall web --namespace shop --timeout 1500ms --cascade foreground";
        for major in MAJORS {
            assert_eq!(line(major, false), plain);
        }
        assert_eq!(line(Major::V3, true), format!("{plain} --wait"));
        assert_eq!(line(Major::V4, true), format!("{plain} --wait=watcher"));
    }

    #[test]
    fn go_back() {
        let op = Rollback {
            release: release(),
            revision: 7,
            timeout: Duration::from_secs(90),
            history_max: 0,
        };
        assert_eq!(
            line(&rollback(&op)),
            "rollback web 7 --namespace shop --history-max 0 --timeout 90s"
        );
    }

    #[test]
    fn run_the_tests() {
        let op = Test {
            release: release(),
            timeout: Duration::from_secs(90),
            filter: Vec::new(),
            logs: false,
        };
        let plain = "test web --namespace shop --timeout 90s";
        assert_eq!(line(&test(&op)), plain);
        let op = Test {
            filter: vec!["a".to_owned(), "b".to_owned()],
            logs: true,
            ..op
        };
        assert_eq!(
            line(&test(&op)),
            format!("{plain} --filter name=a,name=b --logs")
        );
    }

    #[test]
    fn ask_for_the_version() {
        assert_eq!(line(&version()), "version --template {{.Version}}");
        assert_eq!(line(&version_of_helm_2()), "version --client --short");
    }

    /// Flags that one major deprecates or does not know, and those that stackctl must not use.
    #[test]
    fn flags_that_never_appear() {
        let everything = Upgrade {
            wait: WaitMode::Helm,
            values_files: vec!["/v.yaml".into()],
            labels: [("a".to_owned(), "1".to_owned())].into(),
            ..plain()
        };
        let uninstall_ = |major| {
            let op = Uninstall {
                release: release(),
                timeout: Duration::from_secs(1),
                wait: true,
            };
            uninstall(major, &op)
        };
        let rollback_ = rollback(&Rollback {
            release: release(),
            revision: 1,
            timeout: Duration::from_secs(1),
            history_max: 1,
        });
        let never = [
            "--atomic",
            "--rollback-on-failure",
            "--create-namespace",
            "--dependency-update",
            "--recreate-pods",
            "--reuse-values",
            "--dry-run",
            "--include-crds",
            "--set",
            "--debug",
            "--kube-token",
        ];
        for major in MAJORS {
            let foreign: &[&str] = match major {
                Major::V3 => &["--wait=watcher", "--server-side=false", "--force-replace"],
                Major::V4 => &["--wait", "--force"],
            };
            for mode in [ApplyMode::Auto, ApplyMode::Replace] {
                let op = Upgrade {
                    mode,
                    ..everything.clone()
                };
                let all = [
                    upgrade(major, &op),
                    template(Major::V3, &op, CLUSTER),
                    uninstall_(major),
                    rollback_.clone(),
                ];
                for arg in all.iter().flatten().filter_map(|arg| arg.to_str()) {
                    assert!(!never.contains(&arg), "{major:?} {arg}");
                    assert!(!foreign.contains(&arg), "{major:?} {arg}");
                    assert!(!arg.contains("hunter2"), "a secret in {arg}");
                }
            }
        }
    }
}
