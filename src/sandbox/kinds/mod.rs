//! Which resources are served: a table of built-in ones, and those of CRDs.
//!
//! `discovery` says so to clients, `open_api` says which bodies they look like.

mod custom;
pub(super) mod discovery;
pub(super) mod open_api;

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde_json::Value;

pub(super) use self::custom::Custom;
use super::schema::{Schema, Schemas};

/// One resource in one version.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "`kind` is Kubernetes' own word for it"
)]
pub(super) struct Kind {
    /// Empty for the core group.
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) list_kind: String,
    pub(super) plural: String,
    pub(super) singular: String,
    /// The resource and its group, as in `store::Key`: `deployments.apps`, `pods`.
    pub(super) resource: String,
    pub(super) namespaced: bool,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) status: bool,
    pub(super) scale: Option<Scale>,
    /// Other subresources of built-in kinds.
    pub(super) others: Vec<&'static str>,
    /// Answered on creation and not kept.
    pub(super) review: bool,
    /// Unknown fields and defaults are judged by it; none if nothing is known.
    pub(super) schema: Option<Arc<Schema>>,
    /// What only CRDs say.
    pub(super) custom: Option<Custom>,
}

/// Where the numbers of the scale subresource are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scale {
    /// JSON pointer of the wanted number.
    pub(super) wanted: String,
    /// JSON pointer of the present number.
    pub(super) present: String,
    /// JSON pointer of the selector: a text, or a `LabelSelector`.
    pub(super) selector: Option<String>,
}

const TABLE: &str = include_str!("table.txt");

static BUILT_IN: LazyLock<Vec<Arc<Kind>>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(Kind::built_in).map(Arc::new).collect()
});

impl Kind {
    fn built_in(line: &'static str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut word = || words.next();
        let mut group = word()?;
        if group == "-" {
            group = "";
        }
        let (version, plural, singular, kind) = (word()?, word()?, word()?, word()?);
        let namespaced = word()? == "Namespaced";
        let mut list = || -> Option<Vec<&'static str>> {
            let items = word()?.split(',');
            Some(items.filter(|item| *item != "-").collect())
        };
        let (short_names, categories, subresources) = (list()?, list()?, list()?);
        let has = |name: &str| subresources.contains(&name);
        let owned = |items: Vec<&str>| items.into_iter().map(str::to_owned).collect();
        Some(Self {
            schema: Schemas::builtin().get(group, version, kind),
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            list_kind: format!("{kind}List"),
            plural: plural.to_owned(),
            singular: singular.to_owned(),
            resource: resource(group, plural),
            namespaced,
            short_names: owned(short_names),
            categories: owned(categories),
            status: has("status"),
            scale: has("scale").then(|| Scale {
                wanted: "/spec/replicas".to_owned(),
                present: "/status/replicas".to_owned(),
                selector: Some("/spec/selector".to_owned()),
            }),
            others: subresources
                .iter()
                .copied()
                .filter(|name| !["status", "scale"].contains(name))
                .collect(),
            review: kind.ends_with("Review"),
            custom: None,
        })
    }

    /// `apps/v1`, `v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Is it this built-in kind?
    pub(super) fn is(&self, group: &str, kind: &str) -> bool {
        self.custom.is_none() && self.group == group && self.kind == kind
    }
}

/// `deployments.apps`, `pods`.
pub(super) fn resource(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// Everything that is served now.
#[derive(Debug)]
pub(super) struct Kinds {
    served: RwLock<Served>,
}

#[derive(Debug)]
struct Served {
    kinds: Arc<Vec<Arc<Kind>>>,
    /// Of the CRDs among them.
    version: u64,
}

impl Kinds {
    /// The built-in ones, and those of the CRDs that there are.
    pub(super) fn new(crds: &[Arc<Value>]) -> Self {
        let served = Served {
            kinds: Arc::new(with(crds)),
            version: 0,
        };
        Self {
            served: RwLock::new(served),
        }
    }

    /// Serves what the CRDs of this version declare, and nothing that others declared. They are
    /// only asked for if the version is a new one.
    pub(super) fn follow(&self, version: u64, crds: impl FnOnce() -> Vec<Arc<Value>>) {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        if served.version >= version {
            return;
        }
        drop(served);
        let kinds = Arc::new(with(&crds()));
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        if served.version < version {
            *served = Served { kinds, version };
        }
    }

    /// Built-in ones in the order of the table, then those of CRDs.
    pub(super) fn all(&self) -> Arc<Vec<Arc<Kind>>> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&served.kinds)
    }

    /// The kind at `/apis/GROUP/VERSION/…/PLURAL`.
    pub(super) fn at(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }

    /// The kind of a resource as `store::Key` has it, in the first version served.
    pub(super) fn of_resource(&self, resource: &str) -> Option<Arc<Kind>> {
        self.find(|kind| kind.resource == resource)
    }

    /// The kind of a stored object: in the version it was written in, if that is still served.
    pub(super) fn of_object(&self, resource: &str, object: &Value) -> Option<Arc<Kind>> {
        self.find(|kind| kind.resource == resource && object["apiVersion"] == kind.api_version())
            .or_else(|| self.of_resource(resource))
    }

    fn find(&self, fits: impl Fn(&Kind) -> bool) -> Option<Arc<Kind>> {
        let served = self.all();
        served.iter().find(|kind| fits(kind)).map(Arc::clone)
    }
}

fn with(crds: &[Arc<Value>]) -> Vec<Arc<Kind>> {
    let custom = crds.iter().flat_map(|crd| Kind::of_crd(crd));
    BUILT_IN
        .iter()
        .cloned()
        .chain(custom.map(Arc::new))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_kind() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(BUILT_IN.len(), lines);
        let kinds = Kinds::new(&[]);
        let deployments = kinds.at("apps", "v1", "deployments").unwrap();
        assert_eq!(deployments.resource, "deployments.apps");
        assert!(deployments.status && deployments.scale.is_some() && deployments.namespaced);
        assert_eq!(deployments.short_names, ["deploy"]);
        let pods = kinds.of_resource("pods").unwrap();
        assert_eq!(pods.others, ["log"]);
        assert!(pods.is("", "Pod") && pods.scale.is_none());
    }
}
