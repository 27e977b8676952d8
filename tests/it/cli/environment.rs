//! What may be wrong around stackctl: the command line, the kubeconfig, the cluster, Helm.

use std::{fs, os::unix::fs::PermissionsExt};

use insta::assert_snapshot;

use super::{Shell, api};
use crate::support::fake_helm::FakeHelm;

#[test]
fn a_wrong_command_line_exits_64() {
    let shell = Shell::with_shop();
    let lines = [
        "chekc",
        "plan --offlin",
        "up --failure-policy never",
        "up -j -1",
        "up --set web=3",
        "plan Web",
        "up -q -v",
    ];
    let all = lines.map(|line| format!("$ stackctl {line}\n{}", shell.run(line)));
    assert_snapshot!(all.join("\n\n"), @r"
    $ stackctl chekc
    stderr:
    error: unrecognized subcommand 'chekc'

      tip: a similar subcommand exists: 'check'

    Usage: stackctl [OPTIONS] <COMMAND>

    For more information, try '--help'.
    exit 64

    $ stackctl plan --offlin
    stderr:
    error: unexpected argument '--offlin' found

      tip: a similar argument exists: '--offline'

    Usage: stackctl plan --offline [CHART]...

    For more information, try '--help'.
    exit 64

    $ stackctl up --failure-policy never
    stderr:
    error: invalid value 'never' for '--failure-policy <POLICY>': expected `stop`, `continue` or `rollback`

    For more information, try '--help'.
    exit 64

    $ stackctl up -j -1
    stderr:
    error: invalid value '-1' for '--concurrency <N>': expected a whole number of Helm processes, 0 for no limit

    For more information, try '--help'.
    exit 64

    $ stackctl up --set web=3
    stderr:
    error: invalid value 'web=3' for '--set <CHART:PATH=VALUE>': expected CHART:PATH=VALUE, such as `web:replicas=3`

    For more information, try '--help'.
    exit 64

    $ stackctl plan Web
    stderr:
    error: invalid value 'Web' for '[CHART]...': chart name `Web` is not valid: use lower-case letters, digits and `-`, starting and ending with a letter or digit

    For more information, try '--help'.
    exit 64

    $ stackctl up -q -v
    stderr:
    error: the argument '--quiet' cannot be used with '--verbose'

    Usage: stackctl up --quiet [CHART]...

    For more information, try '--help'.
    exit 64
    ");
}

#[test]
fn a_wrong_variable_is_named() {
    let shell = Shell::with_shop().var("STACKCTL_CONCURRENCY", "many");
    assert_snapshot!(shell.run("up"), @r"
    stderr:
    error: invalid value 'many' for '--concurrency <N>': expected a whole number of Helm processes, 0 for no limit

    For more information, try '--help'.

    note: the value comes from the environment variable STACKCTL_CONCURRENCY
    exit 64
    ");
}

#[test]
fn no_kubeconfig() {
    let shell = Shell::with_shop();
    let named = Shell::with_shop().var("KUBECONFIG", "nowhere.yaml");
    let all = [
        shell.run("plan"),
        shell.run("status --kubeconfig absent.yaml"),
        named.run("up"),
    ];
    assert_snapshot!(all.join("\n\n"), @r"
    stderr:
    error: no kubeconfig found (looked at --kubeconfig, KUBECONFIG, the pod's service account)
    hint: `check`, `graph` and `plan --offline` need no cluster
    exit 1

    stderr:
    error: kubeconfig absent.yaml does not exist (named by --kubeconfig)
    exit 1

    stderr:
    error: kubeconfig nowhere.yaml does not exist (named by KUBECONFIG)
    exit 1
    ");
}

/// A shell whose cluster is the server at `address`.
fn in_cluster(address: &str) -> Shell {
    let shell = Shell::with_shop();
    let path = shell.path().join("kubeconfig");
    api::kubeconfig(&path, address);
    shell.var("KUBECONFIG", path)
}

#[test]
fn a_cluster_that_the_stack_is_not_for() {
    let shell = in_cluster(&api::start());
    let text = super::SHOP.replace(
        "name = \"shop\"",
        "name = \"shop\"\ncluster.allow = [\"prod-*\"]",
    );
    shell.file("stack.toml", text);
    let said = shell.run("up").replace(&server_of(&shell), "[server]");
    assert_snapshot!(said, @r"
    stderr:
    error: context `test` (server http://[server]) is not one this stack may touch: `allow` of [stack.cluster] has only `prod-*`
    exit 1
    ");
}

#[test]
fn an_api_server_that_is_not_there() {
    let shell = in_cluster(&api::refused());
    let said = shell.run("plan").replace(&server_of(&shell), "[server]");
    assert_snapshot!(said, @r"
    stderr:
    error: cannot reach the API server http://[server]: Connection refused (os error 111)
    hint: check with `kubectl version` whether the cluster can be reached from here
    exit 1
    ");
}

#[test]
fn a_plan_against_a_cluster_without_releases() {
    assert_snapshot!(in_cluster(&api::start()).run("plan"), @r"
    stack      shop
    direction  up
    cluster    test
    selected   all 3 charts

    wave 1
      db   install  shop/db   ./charts/db 1.2.0
           not installed

    wave 2
      api  install  shop/api  ./charts/api 2.0.1
           not installed; waits for db:ready

    wave 3
      web  install  shop/web  ./charts/web 0.3.0
           not installed; waits for api; after db

    critical path  db -> api -> web

    3 to install
    exit 0
    ");
}

#[test]
fn a_chart_whose_needs_are_missing() {
    assert_snapshot!(in_cluster(&api::start()).run("up --dry-run web"), @r"
    stderr:
    error: `web` needs `api`, which is not part of this run and is not installed
    hint: --with-needs adds what is missing to the run
    exit 1
    ");
}

#[test]
fn a_removal_that_nobody_can_be_asked_about() {
    assert_snapshot!(in_cluster(&api::start()).run("down"), @r"
    stderr:
    error: this removes releases (web, api, db) and there is no terminal to ask: confirm it with --yes
    exit 64
    ");
}

#[test]
fn no_helm() {
    let shell = in_cluster(&api::start());
    let absent = shell.run("up");
    let shell = shell.var("HELM_BINARY", "./absent/helm");
    assert_snapshot!([absent, shell.run("up")].join("\n\n"), @r"
    stderr:
    error: no `helm` in PATH (which is not set); install Helm 4, or name one with --helm-binary or HELM_BINARY
    exit 1

    stderr:
    error: HELM_BINARY says `./absent/helm`, which was not found
    exit 1
    ");
}

#[test]
fn a_helm_that_is_too_old_or_none_at_all() {
    let all = ["v2.17.0+ga690bad", "v3.12.0+gc9f554d", "Flash! aa-ah", ""].map(|version| {
        let helm = FakeHelm::new(version);
        let shell = in_cluster(&api::start()).var("HELM_BINARY", helm.binary());
        // The fake is a shell script: it wants its tools.
        let shell = shell.var("PATH", "/usr/bin:/bin");
        let said = shell.run("up");
        said.replace(helm.folder().to_str().unwrap(), "[helm]")
    });
    assert_snapshot!(all.join("\n\n"), @r"
    stderr:
    error: `[helm]/helm` is helm 2.17.0+ga690bad, which is not supported; install Helm 4, or 3.14 or later, or name another with --helm-binary
    exit 1

    stderr:
    error: `[helm]/helm` is helm 3.12.0+gc9f554d, which is not supported; install Helm 4, or 3.14 or later, or name another with --helm-binary
    exit 1

    stderr:
    error: `[helm]/helm` does not seem to be Helm, the package manager for Kubernetes: asked for its version, it said: Flash! aa-ah
    exit 1

    stderr:
    error: `[helm]/helm` does not seem to be Helm, the package manager for Kubernetes: asked for its version, it said nothing (exit status: 0)
    exit 1
    ");
}

#[test]
fn a_helm_that_the_stack_does_not_want() {
    let helm = FakeHelm::new("v3.18.0+g1");
    let shell = in_cluster(&api::start())
        .var("HELM_BINARY", helm.binary())
        .var("PATH", "/usr/bin:/bin");
    shell.file(
        "stack.toml",
        super::SHOP.replace("name = \"shop\"", "name = \"shop\"\nhelm = \">=4\""),
    );
    let said = shell.run("up");
    assert_snapshot!(said.replace(helm.folder().to_str().unwrap(), "[helm]"), @r"
    stderr:
    error: [helm]/helm is helm 3.18.0+g1, the stack wants >=4
    exit 1
    ");
}

#[test]
fn a_state_folder_that_cannot_be_written_stops_the_run_before_it_changes_anything() {
    let helm = FakeHelm::new("v4.1.0+g1").on("template", "exit 0");
    let shell = in_cluster(&api::start())
        .var("HELM_BINARY", helm.binary())
        .var("PATH", "/usr/bin:/bin");
    // A file in its place: root may write into any folder.
    shell.file("state", "");
    let said = shell.run("up --state-dir state");
    assert_snapshot!(said.replace(helm.folder().to_str().unwrap(), "[helm]"), @r"
    stderr:
    error: could not create the run folder `state/runs`: Not a directory (os error 20)
    exit 1
    ");
    let calls = helm.calls();
    assert!(
        calls
            .iter()
            .all(|call| !["install", "upgrade"].contains(&call.args[0].as_str())),
        "{calls:?}"
    );
}

fn server_of(shell: &Shell) -> String {
    let path = shell.path().join("kubeconfig");
    assert!(fs::metadata(&path).unwrap().permissions().mode() & 0o400 != 0);
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("http://").unwrap();
    let (address, _) = rest.split_once('"').unwrap();
    address.to_owned()
}
