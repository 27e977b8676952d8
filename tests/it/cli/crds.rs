//! CRDs of charts on this machine, without a cluster.

use insta::assert_snapshot;

use super::Shell;

/// Of the kind Bucket.
pub(crate) const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: buckets.shop.example.com
spec:
  group: shop.example.com
  scope: Namespaced
  names: {kind: Bucket, listKind: BucketList, plural: buckets, singular: bucket}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object}}
";

/// `api` has a CRD, `db` may have one among its templates, `web` has none.
fn shop(stack: &str) -> Shell {
    let shell = Shell::with_shop();
    shell.file("charts/api/crds/buckets.yaml", CRD);
    shell.file("charts/db/templates/buckets.yaml", CRD);
    let chart = |name: &str| format!("[charts.{name}]\nchart = \"./charts/{name}\"\n");
    let charts = ["api", "db", "web"].map(chart).concat();
    shell.file(
        "stack.toml",
        format!("[stack]\nname = \"shop\"\n{charts}{stack}"),
    );
    shell
}

#[test]
fn a_wait_for_crds_that_are_not_there_is_an_error() {
    let shell = shop(
        "[charts.jobs]\nchart = \"./charts/web\"\n\
         needs = [\"api:crds\", \"db:crds\"]\nafter = [\"web:crds\"]\n",
    );
    assert_snapshot!(shell.run("check"), @r#"
    stderr:
    error: chart `jobs` waits for the CRDs of `db`, but db 1.2.0 has none in `crds/`
      --> stack.toml:11:22
       |
    11 | needs = ["api:crds", "db:crds"]
       |                      ^^^^^^^^^
       |
       = help: its CRDs are in its templates and come with its release: `db:deployed`

    error: chart `jobs` waits for the CRDs of `web`, but web 0.3.0 has none in `crds/`
      --> stack.toml:12:10
       |
    12 | after = ["web:crds"]
       |          ^^^^^^^^^^
       |
       = help: name the chart that carries them, or wait for `web` itself
    exit 65
    "#);
    assert_snapshot!(shell.run("plan --offline"), @r#"
    stderr:
    error: chart `jobs` waits for the CRDs of `db`, but db 1.2.0 has none in `crds/`
      --> stack.toml:11:22
       |
    11 | needs = ["api:crds", "db:crds"]
       |                      ^^^^^^^^^
       |
       = help: its CRDs are in its templates and come with its release: `db:deployed`

    error: chart `jobs` waits for the CRDs of `web`, but web 0.3.0 has none in `crds/`
      --> stack.toml:12:10
       |
    12 | after = ["web:crds"]
       |          ^^^^^^^^^^
       |
       = help: name the chart that carries them, or wait for `web` itself
    exit 65
    "#);
    // What is not part of the run is not looked at.
    assert!(shell.run("plan --offline web").ends_with("exit 0"));
}

#[test]
fn crds_are_drawn_and_planned() {
    let shell = shop(
        "[charts.jobs]\nchart = \"./charts/web\"\nneeds = [\"api:crds\"]\n\
         [charts.copy]\nchart = \"./charts/api\"\n",
    );
    assert_snapshot!(shell.run("graph"), @"
    shop: 5 charts, the CRDs of 2, in 2 waves

    wave 1
      api:crds
      db
      web
      copy:crds

    wave 2
      api        needs api:crds
      jobs       needs api:crds
      copy       needs copy:crds
    exit 0
    ");
    assert_snapshot!(shell.run("plan --offline"), @"
    stack      shop
    direction  up
    cluster    not looked at (offline): as if nothing were installed
    selected   all 5 charts

    wave 1
      api:crds  install  1 CRD         ./charts/api 2.0.1
      db        install  default/db    ./charts/db 1.2.0
      web       install  default/web   ./charts/web 0.3.0

    wave 2
      api       install  default/api   ./charts/api 2.0.1
                waits for api:crds
      jobs      install  default/jobs  ./charts/web 0.3.0
                waits for api:crds
      copy      install  default/copy  ./charts/api 2.0.1
                waits for api:crds

    critical path  api:crds -> api

    warning: CRD buckets.shop.example.com comes from `api` 2.0.1, the newest chart that carries it; also carried by `copy` 2.0.1

    5 to install; CRDs: 1 to install
    exit 0
    ");
    assert_snapshot!(shell.run("plan --offline --down --purge api"), @"
    stack      shop
    direction  down
    cluster    not looked at (offline): as if everything were installed
    selected   1 of 5 charts: api
    left out   db, web, jobs, copy
    purged     CRDs, and namespaces if empty, that stackctl made

    wave 1
      api       uninstall  default/api  ./charts/api 2.0.1

    wave 2
      api:crds  uninstall  1 CRD        ./charts/api 2.0.1
                waits for api

    critical path  api -> api:crds

    1 to uninstall; CRDs: 1 to uninstall
    exit 0
    ");
    assert_snapshot!(shell.run("plan --purge"), @"
    stderr:
    error: the following required arguments were not provided:
      --down

    Usage: stackctl plan --down --purge [CHART]...

    For more information, try '--help'.
    exit 64
    ");
}
