//! `[repositories]`, and what `chart` may say.

use super::{drawn, messages, sound};
use crate::stack::ChartSource;

#[test]
fn charts_come_from_repositories_registries_addresses_and_this_machine() {
    let stack = sound(
        r#"
[stack]
name = "demo"
[inputs]
user = { default = "ann" }
[repositories]
jetstack = "https://charts.jetstack.io"
private = { url = "https://charts.example.com", username = "${inputs.user}", password = "${env.REPO_PASSWORD}" }
registry = { url = "oci://localhost:5000/charts", plain_http = true }
[charts.certs]
chart = "jetstack/cert-manager"
version = "^1.14"
[charts.db]
chart = "registry/team/db"
[charts.api]
chart = "oci://ghcr.io/acme/api"
[charts.web]
chart = "https://example.com/web-1.0.0.tgz?x=1"
[charts.cache]
chart = "./charts/cache"
"#,
    );
    let sources: Vec<String> = stack
        .charts
        .values()
        .map(|chart| chart.source.to_string())
        .collect();
    assert_eq!(
        sources[..4],
        [
            "jetstack/cert-manager",
            "registry/team/db",
            "oci://ghcr.io/acme/api",
            "https://example.com/web-1.0.0.tgz?x=1"
        ]
    );
    assert_eq!(
        stack.charts["db"].source,
        ChartSource::Repository {
            repository: "registry".into(),
            name: "team/db".into()
        }
    );
    assert!(stack.charts["cache"].source.path().is_some());
    assert!(stack.charts["certs"].source.path().is_none());
    // Users and passwords are expanded when charts are fetched.
    let references: Vec<String> = stack
        .credentials()
        .references
        .into_iter()
        .map(|reference| format!("{reference:?}"))
        .collect();
    assert_eq!(references, [r#"Input("user")"#, r#"Env("REPO_PASSWORD")"#]);
}

#[test]
fn an_undefined_repository_is_drawn_with_what_was_meant() {
    insta::assert_snapshot!(drawn(r#"
[stack]
name = "demo"
[repositories]
jetstack = "https://charts.jetstack.io"
[charts.certs]
chart = "jetstak/cert-manager"
"#), @r#"
    error: undefined repository `jetstak`
     --> stack.toml:7:9
      |
    7 | chart = "jetstak/cert-manager"
      |         ^^^^^^^^^^^^^^^^^^^^^^ not in `[repositories]`
      |
      = help: did you mean `jetstack`?
    "#);
}

#[test]
fn what_is_wrong_with_sources_is_said_at_its_place() {
    let said = messages(
        r#"
[stack]
name = "demo"
[repositories]
ftp = "ftp://example.com"
nowhere = { username = "ann" }
half = { url = "https://example.com", password = "x" }
cert = { url = "https://example.com", cert_file = "missing.pem" }
plain = { url = "https://example.com", plain_http = true }
typo = { url = "https://example.com", pasword = "x" }
"a/b" = "https://example.com"
number = 3
[charts.git]
chart = "git+https://example.com/web"
[charts.page]
chart = "https://example.com/charts"
[charts.bare]
chart = "web"
[charts.folder]
chart = "charts/web"
[charts.web]
chart = "./charts/web"
"#,
    );
    insta::assert_snapshot!(said.join("\n"), @r#"
    stack.toml:5: `ftp://example.com` is not the address of a repository (it starts with `https://`, `http://` or `oci://`)
    stack.toml:6: the repository has no `url`
    stack.toml:6: repository `nowhere` has `username`, but no `password`
    stack.toml:7: repository `half` has `password`, but no `username`
    stack.toml:8: repository `cert` has `cert_file`, but no `key_file`
    stack.toml:8: certificate file `ROOT/missing.pem` does not exist
    stack.toml:9: `plain_http` is for `oci://` addresses (an address says `http://` itself)
    stack.toml:10: unknown key `pasword` (not a key of a repository) | did you mean `password`?
    stack.toml:11: repository name `a/b` is not valid (use letters, digits, `_` and `-`)
    stack.toml:12: `number`: expected an address or a table, found an integer
    stack.toml:14: charts cannot come from `git+` | use a folder (`./…`), a `.tgz` file, `REPOSITORY/NAME`, `oci://…` or `https://….tgz`
    stack.toml:16: `https://example.com/charts` is not the address of a packed chart (it ends in `.tgz`) | for a chart of a repository, put the address into `[repositories]` and say `chart = "REPOSITORY/NAME"`
    stack.toml:18: `web` does not say where the chart is (a folder is `./…`, a chart of a repository `REPOSITORY/NAME`)
    stack.toml:20: undefined repository `charts` (not in `[repositories]`) | there is a chart at `./charts/web`
    "#);
}

#[test]
fn a_late_chart_needs_what_it_comes_from() {
    let found = messages(
        r#"
[stack]
name = "x"
[repositories]
own = "http://registry.localhost"
[charts.registry]
chart = "./charts/registry"
fetch = "early"
[charts.sound]
chart = "own/sound"
fetch = "late"
needs = ["registry"]
[charts.early]
chart = "own/early"
fetch = "late"
after = ["registry"]
[charts.here]
chart = "./charts/here"
fetch = "late"
needs = ["sound:crds"]
[charts.odd]
chart = "own/odd"
fetch = "tomorrow"
"#,
    );
    assert_eq!(
        found,
        [
            "stack.toml:15: chart `early` is fetched late, but needs nothing (so its turn may come \
             before what it is fetched from is there) | let it need the chart that brings its \
             repository or registry",
            "stack.toml:20: chart `here` waits for the CRDs of `sound`, which is fetched late | \
             wait until it is there: `sound:deployed`",
            "stack.toml:23: `tomorrow` is not a value of `fetch` (expected one of `early` and \
             `late`)",
        ]
    );
}
