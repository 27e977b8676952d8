//! What `stackctl fetch` says of a fault, and what it leaves: nothing.

use std::{fs, path::Path, process::Command};

use tar::EntryType::{Regular, Symlink};

use super::{
    charts::{files_below, gzip, index, meta, packed, sha256, tar},
    server::{Reply, Server},
};

/// Runs `stackctl fetch` in a folder whose stack has chart `web` of this repository: its exit code
/// and what it says.
async fn fetch(folder: &Path, url: &str) -> (Option<i32>, String) {
    let stack = format!(
        "[stack]\nname = \"shop\"\n[repositories]\ncorp = \"{url}\"\n\
         [charts.web]\nchart = \"corp/web\"\n"
    );
    fs::write(folder.join("stack.toml"), stack).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a person's shell is none of our processes"
    )]
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackctl"));
    command
        .arg("fetch")
        .current_dir(folder)
        .env_clear()
        .env("STACKCTL_CACHE_DIR", folder.join("cache"));
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert!(output.stdout.is_empty() || output.status.success());
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn each_fault_is_one_message_and_leaves_nothing() {
    let meta = meta("web", "1.0.0");
    let yaml = ("web/Chart.yaml", Regular, meta.as_bytes());
    let whole = packed("web", "1.0.0");
    let with = |path: &str, kind| Reply::ok(gzip(&tar(&[yaml, (path, kind, b"")])));
    // What passes is tried again, at once if the server says so.
    let busy = |status| Reply::status(status).header("retry-after", "0");
    let cases = [
        (Reply::status(401), "401 Unauthorized; it wants a user"),
        (Reply::status(404), "404 Not Found; there is nothing"),
        (busy(429), "429 Too Many Requests; too many requests"),
        (busy(500), "500 Internal Server Error; the server is at"),
        (
            Reply::ok(whole[..whole.len() / 2].to_vec()),
            "is not a usable chart archive: it is cut off",
        ),
        (Reply::ok(packed("web", "1.0.1")), "but the index says"),
        (with("web/../../x", Regular), "`web/../../x` leads out"),
        (with("/etc/x", Regular), "`/etc/x` is an absolute path"),
        (with("web/l", Symlink), "`web/l` is a link"),
    ];
    let digest = sha256(&whole);
    for (reply, expected) in cases {
        // Only a wrong digest is about the digest.
        let promised = Some(digest.as_str()).filter(|_| expected.contains("index"));
        let entries = index(&[("web", "1.0.0", "web.tgz", promised)]);
        let server = Server::start(move |seen| match seen.path.as_str() {
            "/index.yaml" => Reply::ok(entries.clone()),
            _ => reply.clone(),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let (code, said) = fetch(folder.path(), &server.url).await;
        assert_eq!(code, Some(1), "{said}");
        let of_web = said.lines().filter(|line| line.starts_with("  web: "));
        assert_eq!(of_web.count(), 1, "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
        let left = files_below(folder.path());
        assert_eq!(left, [folder.path().join("stack.toml")], "{said}");
    }
}
