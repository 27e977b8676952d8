//! Custom resource definitions: which there are, and what of them is ours.

use std::collections::BTreeMap;

use super::{Cluster, ClusterError};
use crate::name::{ChartName, EnvironmentName, StackName};

/// What is known of one CRD of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveCrd {
    /// Digest of what we applied last, if nobody changed it since.
    pub digest: Option<String>,
    /// Who made it, if stackctl did.
    pub created_by: Option<(StackName, Option<EnvironmentName>)>,
    /// The chart it was applied for last, if stackctl did.
    pub chart: Option<ChartName>,
}

impl Cluster {
    /// Every CRD of the cluster.
    pub async fn crds(&self) -> Result<BTreeMap<String, LiveCrd>, ClusterError> {
        let api = "apiextensions.k8s.io/v1";
        let kind = "CustomResourceDefinition";
        let listed = self.list_metadata(api, kind, None, "", "").await?;
        let name = |crd: serde_json::Value| {
            let name = crd["metadata"]["name"].as_str()?.to_owned();
            Some((name, LiveCrd::default()))
        };
        Ok(listed.into_iter().filter_map(name).collect())
    }
}
