//! The environment of helm processes.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

/// What every helm child of a run shares: the private kubeconfig and folders, and the rest of the
/// environment it may see.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The user's environment; what could point helm at another cluster is dropped from it.
    pub env: BTreeMap<OsString, OsString>,
    /// Private kubeconfig (0600) with exactly one context.
    pub kubeconfig: PathBuf,
    /// `KUBECACHEDIR` of the run.
    pub cache: PathBuf,
}

/// Set unless the user did. Helm's own request limit (5 a second after the first 100) makes large
/// charts crawl; one thread and no garbage collection below 200 MiB take a third off its
/// processor time (helm.md sections 6 and 12).
const DEFAULTS: [(&str, &str); 5] = [
    ("HELM_QPS", "50"),
    ("HELM_BURST_LIMIT", "300"),
    ("GOMAXPROCS", "1"),
    ("GOGC", "off"),
    ("GOMEMLIMIT", "200MiB"),
];

/// Helm holds kubectl's commands, and with them their translations: those of the language are loaded
/// whenever a process starts (kubectl's `i18n.LoadTranslations`). With English that is a third of
/// what `helm template` takes; Korean has nine lines, all of them of commands that Helm has not.
const LANGUAGE: (&str, &str) = (LOCALE, "ko_KR.UTF-8");

/// What decides on the language before all else.
const LOCALE: &str = "LC_ALL";

/// The user's own language, for the programs that Helm starts: name and value of a variable. Empty
/// is as good as not set.
pub fn user_locale(env: &BTreeMap<OsString, OsString>) -> (&'static str, String) {
    let said = env.get(OsStr::new(LOCALE));
    (
        LOCALE,
        said.map_or_else(String::new, |said| said.to_string_lossy().into_owned()),
    )
}

impl Surroundings {
    /// The whole environment of a helm process.
    pub fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut env = scrubbed(&self.env);
        env.insert("KUBECONFIG".into(), self.kubeconfig.clone().into());
        env.insert("KUBECACHEDIR".into(), self.cache.clone().into());
        env
    }
}

/// An environment without what overrides the kubeconfig or the namespace, or makes helm talk; in a
/// language that it loads fast.
pub(super) fn scrubbed(env: &BTreeMap<OsString, OsString>) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<_, _> = env
        .iter()
        .filter(|(name, _)| !is_scrubbed(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in DEFAULTS {
        env.entry(name.into()).or_insert_with(|| value.into());
    }
    let (name, value) = LANGUAGE;
    env.insert(name.into(), value.into());
    env
}

fn is_scrubbed(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"HELM_KUBE")
        || ["HELM_NAMESPACE", "HELM_DEBUG", "KUBECONFIG"]
            .iter()
            .any(|scrubbed| name == *scrubbed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        pairs
            .iter()
            .map(|&(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn nothing_of_the_user_points_helm_elsewhere_and_the_rest_stays() {
        let surroundings = Surroundings {
            env: env(&[
                ("HELM_KUBECONTEXT", "other"),
                ("HELM_KUBETOKEN", "secret"),
                ("HELM_KUBEAPISERVER", "https://other"),
                ("HELM_NAMESPACE", "other"),
                ("HELM_DEBUG", "true"),
                ("KUBECONFIG", "/home/u/.kube/config"),
                ("KUBECACHEDIR", "/home/u/.kube/cache"),
                ("HELM_BURST_LIMIT", "7"),
                ("GOGC", "100"),
                ("LC_ALL", "en_US.UTF-8"),
                ("HTTPS_PROXY", "http://proxy"),
                ("PATH", "/bin"),
            ]),
            kubeconfig: "/run/kubeconfig".into(),
            cache: "/run/cache".into(),
        };
        let expected = env(&[
            ("KUBECONFIG", "/run/kubeconfig"),
            ("KUBECACHEDIR", "/run/cache"),
            ("HELM_BURST_LIMIT", "7"),
            ("HELM_QPS", "50"),
            ("GOGC", "100"),
            ("GOMAXPROCS", "1"),
            ("GOMEMLIMIT", "200MiB"),
            ("LC_ALL", "ko_KR.UTF-8"),
            ("HTTPS_PROXY", "http://proxy"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(surroundings.environment(), expected);
    }
}
