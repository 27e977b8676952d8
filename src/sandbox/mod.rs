//! A Kubernetes-compatible API server inside the process: real Helm and kubectl talk to it, and no
//! cluster is needed.
//!
//! `store` (objects, durable) ← `objects` (what a create, update or delete means) ← `http` (the
//! wire: routing, content types, watches) and `controllers` (what makes workloads ready). Uses no
//! other module of ours; only `run` and `cli` use it. It does what Helm 3, Helm 4, kubectl and
//! stackctl send, and refuses the rest.

mod objects;
mod patch;
mod schema;
mod store;
