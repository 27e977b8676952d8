//! From options to a client: configuration, credentials, and the kubeconfig Helm is given.

use std::{
    fs::OpenOptions, io, io::Write, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration,
};

use kube::{
    Client, Config,
    config::{
        AuthInfo, Cluster as ConfigCluster, Context, ExecInteractiveMode, KubeConfigOptions,
        Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
    },
};

use super::{
    ConnectError, Options,
    error::{chain, credentials},
    kubeconfig::{Source, load, locate, minify},
    proxy::proxy_for,
    wire,
};

/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a credential plugin, which may wait for a person in a browser.
const PLUGIN_TIMEOUT: Duration = Duration::from_mins(2);

/// Name of the one context, cluster and user in the kubeconfig made from a service account.
const IN_CLUSTER: &str = "in-cluster";

/// The cluster as it was resolved.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// `None` in a cluster.
    pub(super) context: Option<String>,
    pub(super) server: String,
    pub(super) namespace: String,
    /// Exactly one context, cluster and user.
    pub(super) kubeconfig: Kubeconfig,
}

/// Resolves the options and makes a client. No request is made, but a credential plugin may run.
pub(super) async fn connect(options: &Options) -> Result<(Identity, Client), ConnectError> {
    let (identity, config) = resolve(options).await?;
    let own_proxy = cluster_of(&identity.kubeconfig).and_then(|cluster| cluster.proxy_url.clone());
    let config = tune(config, own_proxy.as_deref(), options)?;
    let built = tokio::task::spawn_blocking(move || wire::client(&config));
    let Ok(joined) = tokio::time::timeout(PLUGIN_TIMEOUT, built).await else {
        return Err(ConnectError::Credentials {
            message: format!(
                "the credential plugin did not answer within {} s",
                PLUGIN_TIMEOUT.as_secs()
            ),
        });
    };
    let client = joined
        .map_err(|error| ConnectError::Unusable {
            message: error.to_string(),
        })?
        .map_err(|error| match error {
            kube::Error::Auth(error) => {
                let message = match credentials(&error) {
                    super::ClusterError::Credentials { message } => message,
                    other => other.to_string(),
                };
                ConnectError::Credentials { message }
            }
            other => ConnectError::Unusable {
                message: chain(&other),
            },
        })?;
    Ok((identity, client))
}

async fn resolve(options: &Options) -> Result<(Identity, Config), ConnectError> {
    let unusable = |error: &(dyn std::error::Error + 'static)| ConnectError::Unusable {
        message: chain(error),
    };
    match locate(options)? {
        Source::Files(files) => {
            let kubeconfig = minify(&load(&files)?, options.context.as_deref(), &files)?;
            let config =
                Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default())
                    .await
                    .map_err(|error| unusable(&error))?;
            let identity = Identity {
                context: kubeconfig.current_context.clone(),
                server: server_of(&kubeconfig),
                namespace: config.default_namespace.clone(),
                kubeconfig,
            };
            Ok((identity, config))
        }
        Source::InCluster => {
            let config = Config::incluster().map_err(|error| unusable(&error))?;
            let kubeconfig = from_service_account(&config);
            let identity = Identity {
                context: None,
                server: server_of(&kubeconfig),
                namespace: config.default_namespace.clone(),
                kubeconfig,
            };
            Ok((identity, config))
        }
    }
}

fn cluster_of(kubeconfig: &Kubeconfig) -> Option<&ConfigCluster> {
    kubeconfig
        .clusters
        .first()
        .and_then(|cluster| cluster.cluster.as_ref())
}

fn server_of(kubeconfig: &Kubeconfig) -> String {
    cluster_of(kubeconfig)
        .and_then(|cluster| cluster.server.clone())
        .unwrap_or_default()
}

/// Our deadlines, our retries, our proxy rule; plugins run without a terminal, so that what they
/// say reaches the error message and not the progress display.
fn tune(
    mut config: Config,
    own_proxy: Option<&str>,
    options: &Options,
) -> Result<Config, ConnectError> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.default_retry = false;
    let proxy = match own_proxy {
        Some(own) => Some(own.parse()),
        None => proxy_for(
            &config.cluster_url,
            options.https_proxy.as_deref(),
            options.no_proxy.as_deref(),
        ),
    };
    config.proxy_url = proxy.transpose().map_err(|error| ConnectError::Unusable {
        message: format!("the proxy is no URL: {error}"),
    })?;
    if let Some(exec) = &mut config.auth_info.exec
        && exec.interactive_mode != Some(ExecInteractiveMode::Always)
    {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    Ok(config)
}

/// What a pod finds in its service account folder, as a kubeconfig.
fn from_service_account(config: &Config) -> Kubeconfig {
    let cluster = ConfigCluster {
        server: Some(
            config
                .cluster_url
                .to_string()
                .trim_end_matches('/')
                .to_owned(),
        ),
        certificate_authority: config
            .root_cert_file
            .as_ref()
            .map(|path| path.display().to_string()),
        ..ConfigCluster::default()
    };
    let user = AuthInfo {
        token_file: config.auth_info.token_file.clone(),
        ..AuthInfo::default()
    };
    let context = Context {
        cluster: IN_CLUSTER.to_owned(),
        user: Some(IN_CLUSTER.to_owned()),
        namespace: Some(config.default_namespace.clone()),
        ..Context::default()
    };
    Kubeconfig {
        api_version: Some("v1".to_owned()),
        kind: Some("Config".to_owned()),
        current_context: Some(IN_CLUSTER.to_owned()),
        clusters: vec![NamedCluster {
            name: IN_CLUSTER.to_owned(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: IN_CLUSTER.to_owned(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: IN_CLUSTER.to_owned(),
            context: Some(context),
            ..NamedContext::default()
        }],
        ..Kubeconfig::default()
    }
}

/// Writes a kubeconfig as JSON, which every reader of YAML reads. Readable by nobody else at any
/// moment; a file or link that is already there is an error.
pub(super) fn write_private(
    kubeconfig: &Kubeconfig,
    plugin_env: (&str, String),
    path: &Path,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path)?;
    let text = serde_json::to_vec_pretty(&with_plugin_env(kubeconfig, plugin_env))?;
    file.write_all(&text)
}

fn with_plugin_env(kubeconfig: &Kubeconfig, (name, value): (&str, String)) -> Kubeconfig {
    let mut kubeconfig = kubeconfig.clone();
    let users = kubeconfig.auth_infos.iter_mut();
    let users = users.filter_map(|user| user.auth_info.as_mut());
    for exec in users.filter_map(|user| user.exec.as_mut()) {
        let env = exec.env.get_or_insert_default();
        if !env
            .iter()
            .any(|variable| variable.get("name").is_some_and(|it| it == name))
        {
            let pairs = [("name", name.to_owned()), ("value", value.clone())];
            env.push(pairs.map(|(key, it)| (key.to_owned(), it)).into());
        }
    }
    kubeconfig
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn options(text: &str) -> (tempfile::TempDir, Options) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        let options = Options {
            kubeconfig: Some(path),
            ..Options::default()
        };
        (folder, options)
    }

    fn with_user(user: &str) -> String {
        format!(
            "current-context: c\n\
             contexts: [{{ name: c, context: {{ cluster: c, user: u, namespace: apps }} }}]\n\
             clusters: [{{ name: c, cluster: {{ server: 'http://127.0.0.1:1' }} }}]\n\
             users: [{{ name: u, user: {user} }}]\n"
        )
    }

    #[tokio::test]
    async fn the_private_kubeconfig_is_private_and_complete() {
        let user = "{ exec: { apiVersion: client.authentication.k8s.io/v1, command: aws, \
                    args: [a], env: [{ name: N, value: v }], interactiveMode: IfAvailable } }";
        let (folder, options) = options(&with_user(user));
        let (identity, _) = resolve(&options).await.unwrap();
        assert_eq!(identity.namespace, "apps");
        assert_eq!(identity.server, "http://127.0.0.1:1");
        let path = folder.path().join("private");
        let env = |name| (name, "ours".to_owned());
        write_private(&identity.kubeconfig, env("LC_ALL"), &path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        let written: serde_json::Value = serde_json::from_str(&text).unwrap();
        let exec = &written["users"][0]["user"]["exec"];
        assert_eq!(exec["command"], "aws");
        assert_eq!(exec["interactiveMode"], "IfAvailable");
        let both = serde_json::json!([
            { "name": "N", "value": "v" },
            { "name": "LC_ALL", "value": "ours" },
        ]);
        assert_eq!(exec["env"], both);
        let said = with_plugin_env(&identity.kubeconfig, env("N"));
        let users = serde_json::to_value(said.auth_infos).unwrap();
        assert_eq!(
            users[0]["user"]["exec"]["env"],
            serde_json::json!([both[0]])
        );
        assert_eq!(written["current-context"], "c");
        assert!(write_private(&identity.kubeconfig, env("N"), &path).is_err());
    }

    #[tokio::test]
    async fn a_failing_plugin_shows_its_own_words() {
        let user = "{ exec: { apiVersion: client.authentication.k8s.io/v1, command: sh, \
                    args: ['-c', 'echo session expired >&2; exit 3'] } }";
        let (_folder, options) = options(&with_user(user));
        let Err(error) = connect(&options).await else {
            panic!("a failing plugin gave credentials");
        };
        let error = error.to_string();
        assert!(
            error.contains("credential plugin failed (exit status: 3)")
                && error.contains("session expired"),
            "{error}"
        );
    }

    #[test]
    fn a_service_account_becomes_a_kubeconfig_that_follows_its_files() {
        let mut config = Config::new("https://10.0.0.1".parse().unwrap());
        config.auth_info.token_file = Some("/sa/token".to_owned());
        config.root_cert_file = Some("/sa/ca.crt".into());
        let text = serde_json::to_string(&from_service_account(&config)).unwrap();
        for part in [
            r#""server":"https://10.0.0.1""#,
            r#""certificate-authority":"/sa/ca.crt""#,
            r#""tokenFile":"/sa/token""#,
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_librarys_defaults_are_replaced() {
        let config = || Config::new("https://api.example.com".parse().unwrap());
        let options = Options {
            https_proxy: Some("env:1".to_owned()),
            ..Options::default()
        };
        let tuned = tune(config(), Some("http://own:1"), &options).unwrap();
        assert!(!tuned.default_retry);
        assert_eq!(tuned.proxy_url.unwrap(), "http://own:1/");
        let tuned = tune(config(), None, &options).unwrap();
        assert_eq!(tuned.proxy_url.unwrap(), "http://env:1/");
        assert!(tune(config(), Some("http://["), &options).is_err());
    }
}
