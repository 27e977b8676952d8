//! Services have an address from the moment they are created, and keep it.

use std::{collections::HashSet, net::Ipv4Addr};

use serde_json::{Value, json};

use super::Objects;
use crate::sandbox::kinds::Kind;

/// First address of Services; the network has 65 534.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
const ADDRESSES: u32 = 65_534;
/// Ports of nodes that Services get.
const NODE_PORTS: std::ops::Range<u64> = 30_000..32_768;

pub(super) fn allocates(kind: &Kind) -> bool {
    kind.is("", "Service")
}

/// Gives a Service what it has not got: a cluster address, and node ports where its type has them.
pub(super) fn allocate(objects: &Objects, service: &mut Value) {
    let others = objects.store.list("services", None).items;
    let kind = service["spec"]["type"]
        .as_str()
        .unwrap_or("ClusterIP")
        .to_owned();
    if kind == "ExternalName" {
        return;
    }
    if service["spec"]["clusterIP"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        let taken: HashSet<&str> = others
            .iter()
            .filter_map(|other| other["spec"]["clusterIP"].as_str())
            .collect();
        let free = (0..ADDRESSES)
            .map(|step| Ipv4Addr::from(u32::from(FIRST) + step).to_string())
            .find(|address| !taken.contains(&**address));
        service["spec"]["clusterIP"] = free.into();
    }
    service["spec"]["clusterIPs"] = json!([service["spec"]["clusterIP"]]);
    if kind == "NodePort" || kind == "LoadBalancer" {
        let ports = |service: &Value| -> Vec<u64> {
            let ports = service["spec"]["ports"].as_array().into_iter().flatten();
            ports.filter_map(|port| port["nodePort"].as_u64()).collect()
        };
        let mut taken: HashSet<u64> = others.iter().flat_map(|other| ports(other)).collect();
        taken.extend(ports(service));
        let wanted = service["spec"]["ports"]
            .as_array_mut()
            .into_iter()
            .flatten();
        for port in wanted.filter(|port| port["nodePort"].is_null()) {
            if let Some(free) = NODE_PORTS.clone().find(|free| taken.insert(*free)) {
                port["nodePort"] = free.into();
            }
        }
    }
}

/// An update that does not name the address keeps it.
pub(super) fn carry(kind: &Kind, live: &Value, object: &mut Value) {
    if !allocates(kind) || object["spec"]["type"] == "ExternalName" {
        return;
    }
    for field in ["clusterIP", "clusterIPs"] {
        if object["spec"][field].is_null() || object["spec"][field] == "" {
            object["spec"][field] = live["spec"][field].clone();
        }
    }
    let before = live["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if object["spec"]["type"] == live["spec"]["type"] {
        for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
            let same = before.iter().find(|other| {
                other["port"] == port["port"] && other["protocol"] == port["protocol"]
            });
            if port["nodePort"].is_null()
                && let Some(node_port) = same.and_then(|same| same.get("nodePort"))
            {
                port["nodePort"] = node_port.clone();
            }
        }
    }
}
