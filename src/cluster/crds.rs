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
    marks::{self, CREATED_BY, ENVIRONMENT, Owner, STACK},
    objects::{Detail, absent_as_none},
};
use crate::name::ChartName;

pub(super) const URL: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Our field manager.
const MANAGER: &str = "stackctl";

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
