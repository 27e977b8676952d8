//! `adopt`: objects that were made without Helm are handed to the release.
//!
//! Helm refuses to change an object that does not carry its marks; with them, its next upgrade of
//! the release takes it over (`pkg/action/validate.go`). Helm 4 applies server-side, and then the
//! API server refuses to change fields that somebody else manages: so whoever managed the object
//! is taken out of its `managedFields` as well. Nothing else of it changes.

use serde_json::{Value, json};

use super::{
    StepError,
    attempt::Attempt,
    objects::{Live, listed},
};
use crate::{
    cluster::Patched,
    name::ReleaseId,
    stack::{ErrorClass, Objects},
};

const NAME: &str = "meta.helm.sh/release-name";
const NAMESPACE: &str = "meta.helm.sh/release-namespace";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

pub(super) async fn adopt<'a>(
    at: &Attempt<'a>,
    objects: &'a [Objects],
    optional: bool,
) -> Result<(), StepError> {
    let live = at.view.need_all(objects, optional).await?;
    let release = &at.cx.chart.release;
    // Nothing is changed unless all of it may be.
    for one in &live {
        if let Some(owner) = foreign_owner(one, release) {
            let message = format!("{one} belongs to release {owner}, not to {release}");
            return Err(StepError::new(message)
                .of_class(ErrorClass::Conflict)
                .hint("remove it from that release first, with `helm.sh/resource-policy: keep`"));
        }
    }
    for one in &live {
        if is_marked(&one.value, release) {
            continue;
        }
        let cluster = &at.cx.run.cluster;
        let marked = cluster
            .patch(&one.object, Patched::Merge, &marks(release))
            .await?;
        if let Some(freed) = freed(&marked) {
            cluster.patch(&one.object, Patched::Merge, &freed).await?;
        }
    }
    if !live.is_empty() {
        at.cx.status(&format!("{} adopted", listed(&live)));
    }
    Ok(())
}

fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["metadata"]["annotations"][name].as_str()
}

/// Another release that it belongs to.
fn foreign_owner(live: &Live, release: &ReleaseId) -> Option<String> {
    let name = annotation(&live.value, NAME)?;
    let namespace = annotation(&live.value, NAMESPACE).unwrap_or("?");
    let ours = name == release.name.as_str() && namespace == release.namespace.as_str();
    (!ours).then(|| format!("{namespace}/{name}"))
}

fn is_marked(object: &Value, release: &ReleaseId) -> bool {
    annotation(object, NAME) == Some(release.name.as_str())
        && annotation(object, NAMESPACE) == Some(release.namespace.as_str())
        && object["metadata"]["labels"][MANAGED_BY].as_str() == Some("Helm")
}

fn marks(release: &ReleaseId) -> Value {
    json!({ "metadata": {
        "annotations": { NAME: release.name, NAMESPACE: release.namespace },
        "labels": { MANAGED_BY: "Helm" },
    } })
}

/// The patch after which nobody manages a field of the object but Helm's marks; `None` if that is
/// so. With the object's resourceVersion: in between somebody may write.
fn freed(marked: &Value) -> Option<Value> {
    let metadata = &marked["metadata"];
    // Those of subresources are controllers at work (`status`, `scale`).
    let entries = metadata["managedFields"].as_array()?;
    let (plain, of_subresources): (Vec<&Value>, Vec<&Value>) = entries
        .iter()
        .partition(|entry| entry["subresource"].is_null());
    let newest = plain.last()?;
    // None at all would mean: managed by `before-first-apply`, who is somebody else, too.
    let mut own = (*newest).clone();
    own["manager"] = "stackctl".into();
    own["operation"] = "Update".into();
    own["fieldsV1"] = json!({ "f:metadata": {
        "f:annotations": { (format!("f:{NAME}")): {}, (format!("f:{NAMESPACE}")): {} },
        "f:labels": { (format!("f:{MANAGED_BY}")): {} },
    } });
    let kept: Vec<Value> = std::iter::once(own)
        .chain(of_subresources.into_iter().cloned())
        .collect();
    Some(json!({ "metadata": {
        "resourceVersion": metadata["resourceVersion"], "managedFields": kept,
    } }))
}
