//! Which cluster: finds the kubeconfig and the context, once per run.
//!
//! The order is `--kubeconfig`, `KUBECONFIG`, `~/.kube/config`, the pod's service account. What is
//! given is used or is an error: falling back to another file would talk to another cluster.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use kube::config::{Context, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster};

use super::ConnectError;

/// Where to look for a cluster. `cli` fills it from flags and environment.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `KUBECONFIG`: one path, or several separated as in `PATH`.
    pub env_kubeconfig: Option<OsString>,
    /// The home folder, for `~/.kube/config`.
    pub home: Option<PathBuf>,
    /// `--kube-context` or the stack's `context`; else the kubeconfig's current context.
    pub context: Option<String>,
    /// Whether the pod's service account may be used when no kubeconfig is found.
    pub in_cluster: bool,
    /// `HTTPS_PROXY` (a kubeconfig's own `proxy-url` wins).
    pub https_proxy: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// These files, merged; the first to say something wins.
    Files(Vec<PathBuf>),
    /// The pod's service account.
    InCluster,
}

/// Finds the source.
pub(super) fn locate(options: &Options) -> Result<Source, ConnectError> {
    if let Some(path) = &options.kubeconfig {
        return if path.exists() {
            Ok(Source::Files(vec![path.clone()]))
        } else {
            Err(ConnectError::Missing {
                path: path.display().to_string(),
                named_by: "--kubeconfig",
            })
        };
    }
    let listed: Vec<PathBuf> = options
        .env_kubeconfig
        .iter()
        .flat_map(std::env::split_paths)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if !listed.is_empty() {
        // As kubectl does, a list may name files that are not there, but not only such.
        let found: Vec<_> = listed
            .iter()
            .filter(|path| path.exists())
            .cloned()
            .collect();
        return if found.is_empty() {
            Err(ConnectError::Missing {
                path: display(&listed),
                named_by: "KUBECONFIG",
            })
        } else {
            Ok(Source::Files(found))
        };
    }
    let default = options
        .home
        .as_ref()
        .map(|home| home.join(".kube").join("config"));
    if let Some(path) = default.as_ref().filter(|path| path.exists()) {
        return Ok(Source::Files(vec![path.clone()]));
    }
    if options.in_cluster {
        return match &options.context {
            Some(context) => Err(ConnectError::ContextInCluster {
                context: context.clone(),
            }),
            None => Ok(Source::InCluster),
        };
    }
    let mut looked = vec!["--kubeconfig".to_owned(), "KUBECONFIG".to_owned()];
    looked.extend(default.map(|path| path.display().to_string()));
    looked.push("the pod's service account".to_owned());
    Err(ConnectError::NoKubeconfig { looked })
}

/// Reads and merges the files; paths in them become absolute.
pub(super) fn load(files: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    let mut merged = Kubeconfig::default();
    for path in files {
        let invalid = |message: String| ConnectError::Invalid {
            path: path.clone(),
            message,
        };
        let unreadable = |message: String| ConnectError::Unreadable {
            path: path.clone(),
            message,
        };
        let absolute = std::path::absolute(path).map_err(|error| unreadable(error.to_string()))?;
        let next = Kubeconfig::read_from(&absolute).map_err(|error| match error {
            KubeconfigError::ReadConfig(error, _) => unreadable(error.to_string()),
            KubeconfigError::Parse(error) => invalid(error.without_snippet().to_string()),
            other => invalid(other.to_string()),
        })?;
        merged = merged
            .merge(next)
            .map_err(|error| invalid(error.to_string()))?;
    }
    if merged.contexts.is_empty() {
        return Err(ConnectError::Empty {
            path: display(files),
        });
    }
    Ok(merged)
}

/// Only the context, its cluster and its user, with that context current.
pub(super) fn minify(
    kubeconfig: &Kubeconfig,
    context: Option<&str>,
    files: &[PathBuf],
) -> Result<Kubeconfig, ConnectError> {
    let path = display(files);
    let known = || {
        kubeconfig
            .contexts
            .iter()
            .map(|context| context.name.clone())
            .collect()
    };
    let current = kubeconfig
        .current_context
        .as_deref()
        .filter(|name| !name.is_empty());
    let Some(name) = context.or(current) else {
        return Err(ConnectError::NoContext {
            path,
            known: known(),
        });
    };
    let Some(named) = kubeconfig
        .contexts
        .iter()
        .find(|context| context.name == name)
    else {
        let known: Vec<String> = known();
        let suggestion = most_similar(name, &known);
        return Err(ConnectError::UnknownContext {
            path,
            context: name.to_owned(),
            known,
            suggestion,
        });
    };
    let incomplete = |missing: String| ConnectError::Incomplete {
        path: path.clone(),
        context: name.to_owned(),
        missing,
    };
    let body: &Context = named
        .context
        .as_ref()
        .ok_or_else(|| incomplete("it is empty".to_owned()))?;
    let cluster: &NamedCluster = kubeconfig
        .clusters
        .iter()
        .find(|cluster| cluster.name == body.cluster)
        .ok_or_else(|| incomplete(format!("there is no cluster `{}`", body.cluster)))?;
    let server = cluster
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.server.as_deref());
    if server.unwrap_or_default().is_empty() {
        return Err(incomplete(format!(
            "cluster `{}` has no server",
            body.cluster
        )));
    }
    let user = body.user.as_deref().filter(|user| !user.is_empty());
    let user: Option<&NamedAuthInfo> = user
        .map(|user| {
            let found = kubeconfig.auth_infos.iter().find(|info| info.name == user);
            found.ok_or_else(|| incomplete(format!("there is no user `{user}`")))
        })
        .transpose()?;
    Ok(Kubeconfig {
        api_version: Some("v1".to_owned()),
        kind: Some("Config".to_owned()),
        current_context: Some(name.to_owned()),
        contexts: vec![named.clone()],
        clusters: vec![cluster.clone()],
        auth_infos: user.into_iter().cloned().collect(),
        ..Kubeconfig::default()
    })
}

fn most_similar(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone())
}

fn display(files: &[PathBuf]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|path| Path::display(path).to_string())
        .collect();
    files.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: dev
contexts:
- name: dev
  context: { cluster: dev, user: dev, namespace: apps }
- name: prod-eu
  context: { cluster: prod, user: prod }
- name: broken
  context: { cluster: gone }
clusters:
- name: dev
  cluster: { server: https://dev, certificate-authority: ca.crt }
- name: prod
  cluster: { server: https://prod }
users:
- name: dev
  user: { tokenFile: token, client-certificate: /abs/cert }
- name: prod
  user: { token: hunter2 }
";

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_named_is_used_or_is_an_error() {
        let (_folder, there) = written(TWO);
        let missing = PathBuf::from("/does/not/exist");
        let mut options = Options {
            kubeconfig: Some(missing.clone()),
            env_kubeconfig: Some(there.clone().into()),
            in_cluster: true,
            ..Options::default()
        };
        assert_eq!(
            locate(&options).unwrap_err().to_string(),
            "kubeconfig /does/not/exist does not exist (named by --kubeconfig)"
        );
        options.kubeconfig = Some(there.clone());
        assert_eq!(locate(&options), Ok(Source::Files(vec![there.clone()])));

        options.kubeconfig = None;
        options.env_kubeconfig = Some(missing.clone().into());
        assert!(matches!(
            locate(&options),
            Err(ConnectError::Missing {
                named_by: "KUBECONFIG",
                ..
            })
        ));
        let list = std::env::join_paths([&missing, &there, &PathBuf::new()]).unwrap();
        options.env_kubeconfig = Some(list);
        assert_eq!(locate(&options), Ok(Source::Files(vec![there])));
    }

    #[test]
    fn without_a_name_home_then_the_pod() {
        let home = tempfile::tempdir().unwrap();
        let mut options = Options {
            env_kubeconfig: Some(OsString::new()),
            home: Some(home.path().to_owned()),
            ..Options::default()
        };
        let error = locate(&options).unwrap_err().to_string();
        assert!(
            error.contains("no kubeconfig found") && error.contains(".kube/config"),
            "{error}"
        );
        options.in_cluster = true;
        assert_eq!(locate(&options), Ok(Source::InCluster));
        options.context = Some("dev".to_owned());
        assert!(matches!(
            locate(&options),
            Err(ConnectError::ContextInCluster { .. })
        ));
        let file = home.path().join(".kube/config");
        std::fs::create_dir(home.path().join(".kube")).unwrap();
        std::fs::write(&file, TWO).unwrap();
        assert_eq!(locate(&options), Ok(Source::Files(vec![file])));
    }

    #[test]
    fn a_file_that_is_no_kubeconfig_says_so_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(&[folder.path().to_owned()]).unwrap_err();
        assert!(matches!(error, ConnectError::Unreadable { .. }), "{error}");
        let (_folder, path) = written("");
        assert!(matches!(load(&[path]), Err(ConnectError::Empty { .. })));
        let (_folder, path) = written("users:\n- token: hunter2: [\n");
        let error = load(&[path]).unwrap_err();
        assert!(matches!(error, ConnectError::Invalid { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn only_the_context_is_left_and_its_paths_are_absolute() {
        let (folder, path) = written(TWO);
        let files = [path];
        let all = load(&files).unwrap();
        let one = minify(&all, None, &files).unwrap();
        let text = serde_json::to_string(&one).unwrap();
        assert!(!text.contains("prod"), "{text}");
        let cluster = one.clusters[0].cluster.as_ref().unwrap();
        let expected = folder.path().join("ca.crt").display().to_string();
        assert_eq!(
            cluster.certificate_authority.as_deref(),
            Some(expected.as_str())
        );
        let user = one.auth_infos[0].auth_info.as_ref().unwrap();
        let expected = folder.path().join("token").display().to_string();
        assert_eq!(user.token_file.as_deref(), Some(expected.as_str()));
        assert_eq!(user.client_certificate.as_deref(), Some("/abs/cert"));
        let prod = minify(&all, Some("prod-eu"), &files).unwrap();
        assert_eq!(prod.current_context.as_deref(), Some("prod-eu"));
    }

    #[test]
    fn a_context_that_is_not_there_is_suggested() {
        let (_folder, path) = written(TWO);
        let files = [path];
        let all = load(&files).unwrap();
        let error = minify(&all, Some("prod-us"), &files)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no context `prod-us` (did you mean `prod-eu`?)"),
            "{error}"
        );
        assert!(error.ends_with("it has dev, prod-eu, broken"), "{error}");
        let error = minify(&all, Some("broken"), &files)
            .unwrap_err()
            .to_string();
        assert!(error.contains("there is no cluster `gone`"), "{error}");
        let mut none = all.clone();
        none.current_context = Some(String::new());
        assert!(matches!(
            minify(&none, None, &files),
            Err(ConnectError::NoContext { .. })
        ));
    }
}
