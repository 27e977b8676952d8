//! Credentials that `helm registry login` and `docker login` left, and their helper programs.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

use crate::{
    process::{self, Command, Keep},
    secret::{Redactor, Secret},
    shutdown::Shutdown,
};

/// A helper may ask its user to unlock something.
const HELPER_DEADLINE: Duration = Duration::from_mins(1);

/// Names of Docker Hub, all one to Docker, and the key its credentials are under.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A user that stands for a token.
const TOKEN_USER: &str = "<token>";

/// Padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who we are for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chart) enum Credentials {
    /// User and password.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that the token service changes into others.
    Refresh(Secret),
}

/// Finds stored credentials.
#[derive(Debug)]
pub(in crate::chart) struct Keyring {
    files: Vec<PathBuf>,
    env: BTreeMap<OsString, OsString>,
    redactor: Redactor,
    shutdown: Shutdown,
}

/// Docker's `config.json`, whose form Helm uses too.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: HashMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    #[serde(rename = "auth")]
    user_and_password: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(***)")
    }
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Keyring {
    /// Looks where Helm and Docker look in this environment; reads nothing yet.
    pub(in crate::chart) fn new(
        env: &BTreeMap<OsString, OsString>,
        redactor: &Redactor,
        shutdown: &Shutdown,
    ) -> Self {
        Self {
            files: files(env),
            env: env.clone(),
            redactor: redactor.clone(),
            shutdown: shutdown.clone(),
        }
    }

    /// The credentials for a registry, if there are any. Helm's come before Docker's, and a helper
    /// before what is in its file. The error says which file or helper failed.
    pub(in crate::chart) async fn find(&self, host: &str) -> Result<Option<Credentials>, String> {
        for file in &self.files {
            let Some(config) = read(file)? else {
                continue;
            };
            if let Some(found) = self.look(&config, host).await? {
                let (Credentials::Password {
                    password: secret, ..
                }
                | Credentials::Refresh(secret)) = &found;
                self.redactor.add(secret);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn look(&self, config: &Config, host: &str) -> Result<Option<Credentials>, String> {
        let helper = config
            .cred_helpers
            .iter()
            .find(|(key, _)| is_for(key, host));
        let helper = helper
            .map(|(_, helper)| helper)
            .or(config.creds_store.as_ref());
        if let Some(helper) = helper.filter(|helper| !helper.is_empty())
            && let Some(found) = self.ask(helper, host).await?
        {
            return Ok(Some(found));
        }
        let auth = config.auths.iter().find(|(key, _)| is_for(key, host));
        Ok(auth.and_then(|(_, auth)| auth.credentials()))
    }

    /// Runs `docker-credential-HELPER get`.
    async fn ask(&self, helper: &str, host: &str) -> Result<Option<Credentials>, String> {
        let program = format!("docker-credential-{helper}");
        if helper.contains('/') {
            return Err(format!("`{helper}` is no name of a credential helper"));
        }
        let key = if DOCKER_HUB.contains(&host) {
            DOCKER_HUB_KEY
        } else {
            host
        };
        let command = Command {
            program: program.clone().into(),
            args: vec!["get".into()],
            env: self.env.clone(),
            stdin: Some(Secret::new(key)),
            keep: Keep::Data,
            deadline: Some(HELPER_DEADLINE),
            ..Command::default()
        };
        let output = process::run(command, &self.shutdown, &mut |_, _| {}).await;
        let output = output.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
        })?;
        if !output.status.success() {
            // Its words for "I have none"; the protocol has no other sign.
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            if said.contains("credentials not found") {
                return Ok(None);
            }
            return Err(format!(
                "`{program} get` failed: {}",
                self.redactor.redact(&said)
            ));
        }
        let answer: Answer = serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("`{program} get` did not answer with credentials"))?;
        if answer.secret.is_empty() {
            return Ok(None);
        }
        Ok(Some(credentials(answer.username, answer.secret)))
    }
}

impl Auth {
    fn credentials(&self) -> Option<Credentials> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Some(Credentials::Refresh(Secret::new(token)));
        }
        if let Some(auth) = filled(&self.user_and_password) {
            let pair = String::from_utf8(BASE64.decode(auth.trim()).ok()?).ok()?;
            let (username, password) = pair.split_once(':')?;
            // Docker pads with zeros.
            return Some(credentials(
                username.to_owned(),
                password.trim_end_matches('\0').to_owned(),
            ));
        }
        Some(credentials(
            filled(&self.username)?,
            filled(&self.password)?,
        ))
    }
}

fn credentials(username: String, secret: String) -> Credentials {
    let secret = Secret::new(secret);
    if username == TOKEN_USER {
        return Credentials::Refresh(secret);
    }
    Credentials::Password {
        username,
        password: secret,
    }
}

fn read(file: &Path) -> Result<Option<Config>, String> {
    match fs::read(file) {
        // The parser's own message may quote what it stumbled over.
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!(
                "{} is not valid at line {line}, column {column}",
                file.display()
            )
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Keys are hosts, or old addresses (`https://host/v1/`).
fn is_for(key: &str, host: &str) -> bool {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let key = key.split('/').next().unwrap_or_default();
    let is_hub = DOCKER_HUB.contains(&host) && DOCKER_HUB.contains(&key);
    is_hub || key.eq_ignore_ascii_case(host)
}

fn files(env: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let var = |name: &str| {
        env.get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = var("HOME");
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let config = if cfg!(target_os = "macos") {
        "Library/Preferences"
    } else {
        ".config"
    };
    let helm = var("HELM_REGISTRY_CONFIG").or_else(|| {
        var("HELM_CONFIG_HOME")
            .or_else(|| var("XDG_CONFIG_HOME").map(|folder| folder.join("helm")))
            .or_else(|| below_home(config).map(|folder| folder.join("helm")))
            .map(|folder| folder.join("registry/config.json"))
    });
    let docker = var("DOCKER_CONFIG").or_else(|| below_home(".docker"));
    [helm, docker.map(|folder| folder.join("config.json"))]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn env(pairs: &[(&str, &Path)]) -> BTreeMap<OsString, OsString> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn password(username: &str, password: &str) -> Credentials {
        Credentials::Password {
            username: username.into(),
            password: Secret::new(password),
        }
    }

    fn keyring(env: &BTreeMap<OsString, OsString>) -> Keyring {
        Keyring::new(env, &Redactor::default(), &Shutdown::never())
    }

    type Case<'a> = (&'a [(&'a str, &'a Path)], &'a [&'a str]);

    #[test]
    fn files_are_where_helm_and_docker_have_them() {
        let path = |text: &'static str| Path::new(text);
        let cases: [Case<'_>; 4] = [
            (
                &[("HOME", path("/h"))],
                &[
                    "/h/.config/helm/registry/config.json",
                    "/h/.docker/config.json",
                ],
            ),
            (
                &[("HOME", path("/h")), ("XDG_CONFIG_HOME", path("/x"))],
                &["/x/helm/registry/config.json", "/h/.docker/config.json"],
            ),
            (
                &[
                    ("HELM_REGISTRY_CONFIG", path("/r.json")),
                    ("DOCKER_CONFIG", path("/d")),
                ],
                &["/r.json", "/d/config.json"],
            ),
            (&[], &[]),
        ];
        for (variables, expected) in cases {
            assert_eq!(
                files(&env(variables)),
                expected.iter().map(PathBuf::from).collect::<Vec<_>>()
            );
        }
    }

    #[tokio::test]
    async fn helms_credentials_come_before_dockers() {
        let folder = tempfile::tempdir().unwrap();
        let helm = folder.path().join("helm.json");
        // `u:p` and, padded as Docker does, `u:q`.
        fs::write(&helm, r#"{"auths": {"r.corp:5000": {"auth": "dTpw"}}}"#).unwrap();
        fs::write(
            folder.path().join("config.json"),
            r#"{"auths": {
                "https://r.corp:5000/v1/": {"auth": "dTpxAAA="},
                "docker.corp": {"auth": "dTpxAAA="},
                "plain.corp": {"username": "a", "password": "b"},
                "empty.corp": {},
                "token.corp": {"identitytoken": "t", "auth": "dTpw"},
                "https://index.docker.io/v1/": {"auth": "dTpw"}
            }, "other": 1}"#,
        )
        .unwrap();
        let env = env(&[
            ("HELM_REGISTRY_CONFIG", &helm),
            ("DOCKER_CONFIG", folder.path()),
        ]);
        let keyring = keyring(&env);
        for (host, expected) in [
            ("r.corp:5000", Some(password("u", "p"))),
            ("r.corp", None),
            ("docker.corp", Some(password("u", "q"))),
            ("plain.corp", Some(password("a", "b"))),
            ("empty.corp", None),
            ("token.corp", Some(Credentials::Refresh(Secret::new("t")))),
            ("registry-1.docker.io", Some(password("u", "p"))),
        ] {
            assert_eq!(keyring.find(host).await, Ok(expected), "{host}");
        }
    }

    #[tokio::test]
    async fn helpers_are_asked_first() {
        let folder = tempfile::tempdir().unwrap();
        let helper = |name: &str, text: &str| {
            let file = folder.path().join(format!("docker-credential-{name}"));
            fs::write(&file, format!("#!/bin/sh\nread host\n{text}\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        };
        helper(
            "one",
            r#"[ "$1" = get ] && echo "{\"ServerURL\":\"$host\",\"Username\":\"one\",\"Secret\":\"$host\"}""#,
        );
        helper(
            "none",
            "echo 'credentials not found in native keychain'; exit 1",
        );
        helper("broken", "echo 'the keychain is locked'; exit 1");
        fs::write(
            folder.path().join("config.json"),
            r#"{"auths": {"stored.corp": {"auth": "dTpw"}, "one.corp": {}},
                "credsStore": "none",
                "credHelpers": {"one.corp": "one", "broken.corp": "broken", "gone.corp": "gone"}}"#,
        )
        .unwrap();
        let path = std::env::join_paths([folder.path(), Path::new("/bin"), Path::new("/usr/bin")]);
        let env = env(&[
            ("DOCKER_CONFIG", folder.path()),
            ("PATH", Path::new(&path.unwrap())),
        ]);
        let keyring = keyring(&env);
        assert_eq!(
            keyring.find("one.corp").await,
            Ok(Some(password("one", "one.corp")))
        );
        assert_eq!(
            keyring.find("stored.corp").await,
            Ok(Some(password("u", "p")))
        );
        assert_eq!(keyring.find("unknown.corp").await, Ok(None));
        for (host, expected) in [
            (
                "broken.corp",
                "`docker-credential-broken get` failed: the keychain is locked",
            ),
            (
                "gone.corp",
                "could not start `docker-credential-gone`: not found in PATH",
            ),
        ] {
            assert_eq!(keyring.find(host).await, Err(expected.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_broken_file_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        fs::write(&file, r#"{"auths": {"h": {"auth": hunter2}}}"#).unwrap();
        let error = keyring(&env(&[("DOCKER_CONFIG", folder.path())]))
            .find("h")
            .await
            .unwrap_err();
        assert!(
            error.contains(&file.display().to_string()) && !error.contains("hunter2"),
            "{error}"
        );
    }
}
