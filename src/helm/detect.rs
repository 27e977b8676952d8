//! Which helm, and whether it will do.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use semver::Version;

use super::{args, deadline, surroundings::scrubbed, words};
use crate::{
    process::{self, Command, End, Output, ProcessError},
    shutdown::Shutdown,
};

/// A helm binary, looked at once.
#[derive(Debug, Clone)]
pub struct Helm {
    /// The binary, as an absolute path.
    pub binary: PathBuf,
    /// Its version.
    pub version: Version,
    /// 3 or 4.
    pub major: Major,
}

/// Helm's major versions differ in flags, texts and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Major {
    /// 3.14 and later.
    V3,
    /// 4.
    V4,
}

/// The first 3.x with all that stackctl uses, and some margin: `--labels` came with 3.13.
const OLDEST_MINOR_OF_3: u64 = 14;

/// No usable helm.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// None was named and none is in `PATH`.
    #[error(
        "no `helm` in PATH ({path}); install Helm 4, or name one with --helm-binary or HELM_BINARY"
    )]
    NotFound {
        /// Where it was looked for.
        path: String,
    },
    /// The one that was named is not there.
    #[error("{origin} says `{}`, which was not found", name.display())]
    Missing {
        /// `--helm-binary` or `HELM_BINARY`.
        origin: &'static str,
        /// What it says.
        name: PathBuf,
    },
    /// It is there but cannot be run.
    #[error("could not run `{}`", binary.display())]
    NotRun {
        /// The binary.
        binary: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("`{} version` did not answer within {} s", binary.display(), deadline::VERSION.as_secs())]
    Hung {
        /// The binary.
        binary: PathBuf,
    },
    /// A helm that stackctl does not drive.
    #[error(
        "`{}` is helm {version}, which is not supported; install Helm 4, or 3.{OLDEST_MINOR_OF_3} or later, or name another with --helm-binary",
        binary.display()
    )]
    Unsupported {
        /// The binary.
        binary: PathBuf,
        /// Its version; `2` if it says no more.
        version: String,
    },
    /// Something else called helm.
    #[error(
        "`{}` does not seem to be Helm, the package manager for Kubernetes: asked for its version, {answer}",
        binary.display()
    )]
    NotHelm {
        /// The binary.
        binary: PathBuf,
        /// What it did instead.
        answer: String,
    },
    /// Records are not in Secrets.
    #[error(
        "HELM_DRIVER={driver} is not supported: stackctl reads release records from Secrets; unset it, or set it to `secret`"
    )]
    Driver {
        /// What it says.
        driver: String,
    },
    /// The run was asked to terminate.
    #[error("interrupted while asking helm for its version")]
    Interrupted,
}

impl Helm {
    /// Finds the helm to use and asks it for its version: `flag` (`--helm-binary`), else
    /// `HELM_BINARY` of `env`, else `helm` in `PATH` of `env`.
    pub async fn detect(
        flag: Option<&Path>,
        env: &BTreeMap<OsString, OsString>,
        shutdown: &Shutdown,
    ) -> Result<Self, DetectError> {
        check_driver(env)?;
        let binary = find(flag, env)?;
        let output = ask(&binary, args::version(), env, shutdown).await?;
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some(version) = read_version(&text).filter(|_| output.status.success()) {
            return Self::of(binary, version);
        }
        // Helm 2 has another template, and asks its server unless told not to.
        let second = ask(&binary, args::version_of_helm_2(), env, shutdown).await?;
        if String::from_utf8_lossy(&second.stdout).contains("v2.") {
            let version = "2".to_owned();
            return Err(DetectError::Unsupported { binary, version });
        }
        let answer = account_of(&output);
        Err(DetectError::NotHelm { binary, answer })
    }

    fn of(binary: PathBuf, version: Version) -> Result<Self, DetectError> {
        let major = match (version.major, version.minor) {
            (3, OLDEST_MINOR_OF_3..) => Major::V3,
            (4, _) => Major::V4,
            _ => {
                let version = version.to_string();
                return Err(DetectError::Unsupported { binary, version });
            }
        };
        Ok(Self {
            binary,
            version,
            major,
        })
    }
}

/// Release records can be in places that stackctl does not read; and Helm 3 panics on a word that
/// it does not know.
fn check_driver(env: &BTreeMap<OsString, OsString>) -> Result<(), DetectError> {
    let driver = env.get(OsStr::new("HELM_DRIVER"));
    match driver.map(|driver| driver.to_string_lossy()) {
        Some(driver) if !["", "secret", "secrets"].contains(&&*driver) => {
            let driver = driver.into_owned();
            Err(DetectError::Driver { driver })
        }
        _ => Ok(()),
    }
}

fn find(flag: Option<&Path>, env: &BTreeMap<OsString, OsString>) -> Result<PathBuf, DetectError> {
    let path = env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
    let named = env.get(OsStr::new("HELM_BINARY")).map(Path::new);
    let named = named.filter(|name| !name.as_os_str().is_empty());
    let (name, origin) = match (flag, named) {
        (Some(name), _) => (name, "--helm-binary"),
        (None, Some(name)) => (name, "HELM_BINARY"),
        (None, None) => {
            return process::find_in_path(Path::new("helm"), &path).ok_or_else(|| {
                let path = path.to_string_lossy().into_owned();
                DetectError::NotFound { path }
            });
        }
    };
    let found = if name.file_name() == Some(name.as_os_str()) {
        process::find_in_path(name, &path)
    } else {
        std::path::absolute(name).ok().filter(|file| file.exists())
    };
    found.ok_or_else(|| {
        let name = name.to_owned();
        DetectError::Missing { origin, name }
    })
}

async fn ask(
    binary: &Path,
    args: Vec<OsString>,
    env: &BTreeMap<OsString, OsString>,
    shutdown: &Shutdown,
) -> Result<Output, DetectError> {
    let command = Command {
        program: binary.to_owned(),
        args,
        env: scrubbed(env),
        deadline: Some(deadline::VERSION),
        grace: Duration::ZERO,
        ..Command::default()
    };
    let binary = binary.to_owned();
    match process::run(command, shutdown, &mut |_, _| {}).await {
        Ok(output) => match output.end {
            End::Exited => Ok(output),
            End::TimedOut => Err(DetectError::Hung { binary }),
            End::Cancelled => Err(DetectError::Interrupted),
        },
        Err(ProcessError::Start { source, .. } | ProcessError::Follow { source, .. }) => {
            Err(DetectError::NotRun { binary, source })
        }
        Err(ProcessError::Interrupted { .. }) => Err(DetectError::Interrupted),
    }
}

/// `v4.3.1`, and nothing else on its line. Builds of one's own may say `v4.3`.
fn read_version(text: &str) -> Option<Version> {
    text.lines().map(str::trim).find_map(|line| {
        let number = line.strip_prefix('v')?;
        Version::parse(number)
            .or_else(|_| Version::parse(&format!("{number}.0")))
            .ok()
    })
}

/// What a program did that is not helm.
fn account_of(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let line = stdout.lines().find(|line| !line.trim().is_empty());
    match line
        .map(str::to_owned)
        .or_else(|| words(&stderr).into_iter().next())
    {
        Some(line) => {
            let line: String = line.trim().chars().take(200).collect();
            format!("it said: {line}")
        }
        None => format!("it said nothing ({})", output.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_decide_the_major_or_are_refused() {
        for (text, expected) in [
            ("v3.14.0", Some(Major::V3)),
            ("v3.22.0\n", Some(Major::V3)),
            ("v4.0.0", Some(Major::V4)),
            ("v4.3.1+gc0d08d0", Some(Major::V4)),
            ("WARNING: plugin\nv4.4.0-rc.1", Some(Major::V4)),
            ("v4.3", Some(Major::V4)),
            ("v3.13.3", None),
            ("v2.17.0", None),
            ("v5.0.0", None),
        ] {
            let helm = Helm::of("/bin/helm".into(), read_version(text).unwrap());
            match expected {
                Some(major) => assert_eq!(helm.unwrap().major, major, "{text}"),
                None => assert!(
                    matches!(helm, Err(DetectError::Unsupported { .. })),
                    "{text}"
                ),
            }
        }
        for text in [
            "",
            "usage: helm",
            "version 4.3.1",
            "v",
            "Client: v2.17.0+ga690bad",
        ] {
            assert_eq!(read_version(text), None, "{text}");
        }
    }
}
