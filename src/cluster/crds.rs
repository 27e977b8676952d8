//! Custom resource definitions: which there are and what of them is ours; applying one.
//!
//! They are applied by server-side apply, with force and a field manager of our own. The server
//! then keeps for us which fields of a definition are ours: whoever changes the value of one, by
//! whatever means, becomes its owner instead (`metadata.managedFields`). So we note on the
//! definition how many fields were ours after we applied it; once there are fewer, somebody has
//! changed it. What others add (labels, the `caBundle` of a conversion webhook) costs us none.

use std::collections::BTreeMap;

use kube::core::{
    Request,
    params::{DeleteParams, GetParams, ListParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};

use super::{
    Cluster, ClusterError,
    change::MANAGER,
    marks::{self, CREATED_BY, ENVIRONMENT, Owner, STACK},
    objects::{Detail, absent_as_none},
};
use crate::name::ChartName;

pub(super) const URL: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Label: the chart it was applied for.
const CHART: &str = "stackctl.io/chart";
/// Annotation: version of that chart.
const CHART_VERSION: &str = "stackctl.io/chart-version";
/// Annotation: digest of what was applied.
const DIGEST: &str = "stackctl.io/crd-digest";
/// Annotation: how many fields were ours then.
const FIELDS: &str = "stackctl.io/crd-fields";

/// `apiVersion`, `kind` and `metadata.name` belong to nobody.
const NOT_FIELDS: usize = 3;

/// What is known of one CRD of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveCrd {
    /// Digest of what stackctl applied last, if nobody changed it since, or deletes it.
    pub digest: Option<String>,
    /// Who made it, if stackctl did.
    pub created_by: Option<Owner>,
    /// The chart it was applied for last, if it was by its creator.
    pub chart: Option<ChartName>,
    /// It is being deleted.
    pub leaving: bool,
    /// `metadata.uid`.
    pub uid: String,
}

/// What is noted on a CRD that is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrdMarks {
    /// The stack and environment it is applied for.
    pub owner: Owner,
    /// The chart that carries it.
    pub chart: ChartName,
    /// That chart's version.
    pub chart_version: String,
    /// Digest of what is applied.
    pub digest: String,
}

impl Cluster {
    /// Every CRD of the cluster, by name. One LIST of metadata.
    pub async fn crds(&self) -> Result<BTreeMap<String, LiveCrd>, ClusterError> {
        let operation = "LIST customresourcedefinitions";
        let params = ListParams::default();
        let listed = self.pages(operation, URL, params, Detail::Metadata).await?;
        let named = |crd: &Value| {
            let name = crd["metadata"]["name"].as_str()?.to_owned();
            Some((name, LiveCrd::of(crd)))
        };
        Ok(listed.items.iter().filter_map(named).collect())
    }

    /// One CRD; `None` if it is not there.
    pub async fn crd(&self, name: &str) -> Result<Option<LiveCrd>, ClusterError> {
        let operation = format!("GET CustomResourceDefinition/{name}");
        let request = Request::new(URL).get_metadata(name, &GetParams::default());
        let found = absent_as_none(self.gate().read::<Value>(&operation, request).await)?;
        Ok(found.as_ref().map(LiveCrd::of))
    }

    /// Applies a definition, whoever owns its fields; `before` is what was there. One that was not
    /// is marked as made by us, and stays so. Returns it as it is then.
    pub async fn apply_crd(
        &self,
        definition: &Value,
        marks: &CrdMarks,
        before: Option<&LiveCrd>,
    ) -> Result<Value, ClusterError> {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let creator = match before {
            Some(before) => before.created_by.as_ref(),
            None => Some(&marks.owner),
        };
        let mut body = marked(definition, marks, creator);
        let expected = fields_of(&body).saturating_sub(NOT_FIELDS);
        body["metadata"]["annotations"][FIELDS] = Value::from(expected.to_string());
        let applied = self.patch_crd(name, &body).await?;
        match ours(&applied) {
            // The server counts some fields otherwise, but always the same.
            Some(really) if really != expected => {
                body["metadata"]["annotations"][FIELDS] = Value::from(really.to_string());
                self.patch_crd(name, &body).await
            }
            _ => Ok(applied),
        }
    }

    async fn patch_crd(&self, name: &str, body: &Value) -> Result<Value, ClusterError> {
        let operation = format!("PATCH CustomResourceDefinition/{name}");
        let params = PatchParams::apply(MANAGER).force();
        let request = Request::new(URL).patch(name, &params, &Patch::Apply(body));
        self.gate().apply(&operation, request).await
    }

    /// Deletes the CRD that has this uid, with all objects of its kind; one that is gone already is
    /// no error. Does not wait for it to be gone.
    pub async fn delete_crd(&self, name: &str, uid: &str) -> Result<(), ClusterError> {
        let operation = format!("DELETE CustomResourceDefinition/{name}");
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        let request = Request::new(URL).delete(name, &params);
        absent_as_none(self.gate().write::<Value>(&operation, request).await)?;
        Ok(())
    }
}

impl LiveCrd {
    fn of(crd: &Value) -> Self {
        let metadata = &crd["metadata"];
        let annotations = &metadata["annotations"];
        let noted = annotations[FIELDS].as_str().and_then(|it| it.parse().ok());
        let leaving = !metadata["deletionTimestamp"].is_null();
        let is_untouched = noted.is_some() && noted == ours(crd) && !leaving;
        let digest = annotations[DIGEST].as_str().filter(|_| is_untouched);
        let created_by = marks::creator(crd);
        let is_creators = created_by.is_some() && created_by == marks::applier(crd);
        let chart = metadata["labels"][CHART].as_str().filter(|_| is_creators);
        Self {
            digest: digest.map(str::to_owned),
            created_by,
            chart: chart.and_then(|chart| ChartName::new(chart).ok()),
            leaving,
            uid: metadata["uid"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// The definition with our labels and annotations.
fn marked(definition: &Value, marks: &CrdMarks, creator: Option<&Owner>) -> Value {
    let (stack, environment) = &marks.owner;
    let labels = [
        (STACK, Some(stack.to_string())),
        (ENVIRONMENT, environment.as_ref().map(ToString::to_string)),
        (CHART, Some(marks.chart.to_string())),
    ];
    let annotations = [
        (CHART_VERSION, Some(marks.chart_version.clone())),
        (DIGEST, Some(marks.digest.clone())),
        (FIELDS, Some(String::new())),
        (CREATED_BY, creator.map(marks::written)),
    ];
    let mut body = definition.clone();
    for (field, ours) in [("labels", &labels[..]), ("annotations", &annotations[..])] {
        let there = &mut body["metadata"][field];
        if !there.is_object() {
            *there = json!({});
        }
        for (key, value) in ours {
            if let Some(value) = value {
                there[*key] = Value::from(value.as_str());
            }
        }
    }
    body
}

/// How many fields of an object are ours; `None` if we never applied it.
fn ours(object: &Value) -> Option<usize> {
    let managers = object["metadata"]["managedFields"].as_array()?;
    let is_ours = |entry: &&Value| {
        entry["manager"] == MANAGER
            && entry["operation"] == "Apply"
            && entry["subresource"].as_str().unwrap_or_default().is_empty()
    };
    let entry = managers.iter().find(is_ours)?;
    Some(fields_of(&entry["fieldsV1"]))
}

/// The fields of a tree: each value that is no table, and each empty table. Lists count as one, as
/// they do in all of a definition.
fn fields_of(tree: &Value) -> usize {
    match tree.as_object() {
        Some(fields) if !fields.is_empty() => fields.values().map(fields_of).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::testing::{Answer, Call, Script},
        name::{EnvironmentName, StackName},
    };

    fn definition() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": "widgets.example.com", "labels": { "of": "chart" } },
            "spec": { "group": "example.com", "names": { "kind": "Widget", "categories": {} },
                      "versions": [{ "name": "v1" }] },
        })
    }

    fn marks() -> CrdMarks {
        let environment = EnvironmentName::new("prod").unwrap();
        CrdMarks {
            owner: (StackName::new("shop").unwrap(), Some(environment)),
            chart: ChartName::new("web").unwrap(),
            chart_version: "1.2.3+build".to_owned(),
            digest: "d1".to_owned(),
        }
    }

    /// The fields of what is applied, as the server writes them.
    fn fields(tree: &Value) -> Value {
        let inner = tree.as_object().into_iter().flatten();
        let named = inner.map(|(key, value)| (format!("f:{key}"), fields(value)));
        Value::Object(named.collect())
    }

    /// What the server makes of an apply.
    fn served(call: &Call) -> Value {
        let mut object = call.body.clone();
        let mut owned = call.body.clone();
        for field in ["apiVersion", "kind"] {
            owned.as_object_mut().unwrap().remove(field);
        }
        owned["metadata"].as_object_mut().unwrap().remove("name");
        object["metadata"]["managedFields"] = json!([
            { "manager": "kube-apiserver", "operation": "Update", "subresource": "status",
              "fieldsV1": { "f:status": {} } },
            { "manager": "stackctl", "operation": "Apply", "fieldsV1": fields(&owned) },
        ]);
        object
    }

    async fn apply(before: Option<&LiveCrd>) -> (Value, Vec<Call>) {
        let (cluster, script) = Script::cluster(|_, call| Answer::json(&served(call)));
        let applied = cluster.apply_crd(&definition(), &marks(), before).await;
        (applied.unwrap(), script.calls())
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_one_is_marked_as_ours_and_reads_back() {
        let (applied, calls) = apply(None).await;
        let [call] = calls.as_slice() else {
            panic!("one request: {calls:?}")
        };
        assert_eq!(call.method, "PATCH");
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
        assert!(call.path.starts_with(path), "{}", call.path);
        assert!(call.path.contains("force=true"), "{}", call.path);
        assert!(call.path.contains("fieldManager=stackctl"), "{}", call.path);
        assert_eq!(call.body["spec"], definition()["spec"]);
        assert_eq!(call.body["metadata"]["labels"]["of"], "chart");
        let live = LiveCrd::of(&applied);
        assert_eq!(live.digest.as_deref(), Some("d1"));
        assert_eq!(live.created_by, Some(marks().owner));
        assert_eq!(live.chart, Some(marks().chart));
    }

    #[tokio::test(start_paused = true)]
    async fn its_creator_stays_whoever_that_is() {
        let other = (StackName::new("base").unwrap(), None);
        let before = LiveCrd {
            created_by: Some(other.clone()),
            ..LiveCrd::default()
        };
        let live = LiveCrd::of(&apply(Some(&before)).await.0);
        // Applied for another stack than the one that made it: nobody's to remove.
        assert_eq!((live.created_by, live.chart), (Some(other), None));
        let live = LiveCrd::of(&apply(Some(&LiveCrd::default())).await.0);
        assert_eq!((live.created_by, live.chart), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_counts_fields_otherwise_is_believed() {
        let (cluster, script) = Script::cluster(|_, call| {
            let mut served = served(call);
            served["metadata"]["managedFields"][1]["fieldsV1"]["f:more"] = json!({});
            Answer::json(&served)
        });
        let applied = cluster.apply_crd(&definition(), &marks(), None).await;
        assert_eq!(LiveCrd::of(&applied.unwrap()).digest.as_deref(), Some("d1"));
        assert_eq!(script.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_digest_holds_until_somebody_takes_a_field() {
        let (applied, _) = apply(None).await;
        let digest = |change: &dyn Fn(&mut Value)| {
            let mut live = applied.clone();
            change(&mut live["metadata"]);
            LiveCrd::of(&live).digest
        };
        let ours = |metadata: &mut Value| metadata["managedFields"][1]["fieldsV1"].take();
        let added = digest(&|metadata| {
            metadata["labels"]["x"] = json!("y");
            let theirs = json!({ "manager": "kubectl-label", "operation": "Update",
                                 "fieldsV1": { "f:metadata": { "f:labels": { "f:x": {} } } } });
            metadata["managedFields"]
                .as_array_mut()
                .unwrap()
                .push(theirs);
        });
        assert_eq!(added.as_deref(), Some("d1"));
        let edited = digest(&|metadata| {
            let mut left = ours(metadata);
            left["f:spec"].as_object_mut().unwrap().remove("f:versions");
            metadata["managedFields"][1]["fieldsV1"] = left;
        });
        assert_eq!(edited, None);
        assert_eq!(
            digest(&|metadata| metadata["managedFields"] = json!([])),
            None
        );
        let leaving = |metadata: &mut Value| metadata["deletionTimestamp"] = json!("2026-01-01");
        assert_eq!(digest(&leaving), None);
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_listed_by_their_metadata_and_one_is_deleted_by_its_uid() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::json(&json!({ "items": [
                { "metadata": { "name": "a.example.com", "uid": "u1" } },
                { "metadata": { "name": "b.example.com" } },
            ] })),
            1 => Answer::json(&json!({ "status": "Success" })),
            2 => Answer::status(404, "no"),
            _ => Answer::status(409, "the UID in the precondition does not match"),
        });
        let found = cluster.crds().await.unwrap();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.example.com", "b.example.com"]);
        assert!(
            script.calls()[0]
                .accept
                .contains("as=PartialObjectMetadataList")
        );
        let uid = &found["a.example.com"].uid;
        for gone in [true, true, false] {
            let deleted = cluster.delete_crd("a.example.com", uid).await;
            assert_eq!(deleted.is_ok(), gone, "{deleted:?}");
        }
        assert_eq!(script.calls()[1].body["preconditions"]["uid"], "u1");
    }
}
