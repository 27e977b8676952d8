//! A server, real or the sandbox, and what of its answers can be compared.

use std::path::Path;

use http::{Method, header::CONTENT_TYPE};
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use stackctl::sandbox::{Options, Sandbox};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::generate::{Change, Request, Subject};
use crate::target::Target;

/// A server that objects are sent to.
pub(crate) struct Server {
    client: Client,
    /// Stopped before its runtime is.
    #[expect(dead_code, reason = "held, with its folder, as long as it is used")]
    sandbox: Option<(Sandbox, TempDir)>,
    runtime: Runtime,
}

/// Why a request was refused: the code of its Status and its message.
pub(crate) type Refusal = (u16, String);

fn client(runtime: &Runtime, kubeconfig: &Path) -> Client {
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("it is ours");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.expect("it is whole")).expect("a client")
    })
}

impl Server {
    /// The control plane of this process.
    pub(crate) fn shared() -> Self {
        Self::of(&Target::shared())
    }

    /// That of a target.
    pub(crate) fn of(target: &Target) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = client(&runtime, &target.kubeconfig);
        Self {
            client,
            runtime,
            sandbox: None,
        }
    }

    /// A sandbox of its own.
    pub(super) fn sandbox() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let options = Options {
            dir: dir.path().to_owned(),
            ..Options::default()
        };
        let sandbox = runtime.block_on(Sandbox::start(&options));
        let sandbox = sandbox.expect("an empty folder can be used");
        let client = client(&runtime, sandbox.kubeconfig());
        Self {
            client,
            runtime,
            sandbox: Some((sandbox, dir)),
        }
    }

    /// Sends the request about the object of that name.
    pub(super) fn send(
        &self,
        subject: Subject,
        namespace: &str,
        name: &str,
        request: &Request,
    ) -> Result<Value, Refusal> {
        let collection = subject.path(namespace);
        let object = format!("{collection}/{name}");
        let manager = request.manager;
        match &request.change {
            Change::Create(body) => self.call(
                Method::POST,
                &format!("{collection}?fieldManager={manager}"),
                "application/json",
                body,
            ),
            Change::Put(body) => {
                let mut body = body.clone();
                if subject != Subject::Widget {
                    // Unconditionally: the controllers may write in between.
                    let url = format!("{object}?fieldManager={manager}");
                    return self.call(Method::PUT, &url, "application/json", &body);
                }
                let live = self.call(Method::GET, &object, "application/json", &Value::Null)?;
                body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
                let url = format!("{object}?fieldManager={manager}");
                self.call(Method::PUT, &url, "application/json", &body)
            }
            Change::Apply {
                object: body,
                force,
            } => {
                let url = format!("{object}?fieldManager={manager}&force={force}");
                self.call(Method::PATCH, &url, "application/apply-patch+yaml", body)
            }
            Change::Merge(body) => self.patch(&object, manager, "merge-patch", body),
            Change::Strategic(body) => self.patch(&object, manager, "strategic-merge-patch", body),
            Change::Json(body) => self.patch(&object, manager, "json-patch", body),
        }
    }

    fn patch(
        &self,
        object: &str,
        manager: &str,
        kind: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let url = format!("{object}?fieldManager={manager}");
        let kind = format!("application/{kind}+json");
        self.call(Method::PATCH, &url, &kind, body)
    }

    /// What is at a path.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.call(Method::GET, path, "application/json", &Value::Null)
    }

    /// The objects at a path; none if nothing is served there.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let mut found = match self.get(path) {
            Ok(list) => list,
            Err((404, _)) => return Vec::new(),
            Err((code, why)) => panic!("GET {path}: {code} {why}"),
        };
        match found["items"].take() {
            Value::Array(items) => items,
            other => panic!("GET {path} is no list: {other}"),
        }
    }

    /// Sends anything.
    pub(crate) fn call(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header(CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .expect("a request");
        let (status, answer) = self.runtime.block_on(async {
            let answer = self.client.send(request).await.expect("the server answers");
            let status = answer.status().as_u16();
            let body = answer.into_body().collect_bytes().await;
            (status, body.expect("the whole answer"))
        });
        // A path that is not served yet is refused in plain words.
        let Ok(answer) = serde_json::from_slice::<Value>(&answer) else {
            let words = String::from_utf8_lossy(&answer);
            return Err((status, words.into_owned()));
        };
        if answer["kind"] == "Status" && answer["status"] == "Failure" {
            let code = answer["code"]
                .as_u64()
                .and_then(|code| code.try_into().ok());
            let message = answer["message"].as_str().unwrap_or_default();
            return Err((code.unwrap_or_default(), message.to_owned()));
        }
        Ok(answer)
    }
}

/// The object without what differs from server to server: ids, times, addresses, and what
/// controllers write.
pub(super) fn comparable(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(name);
        }
        if let Some(entries) = metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut)
        {
            entries.retain(|entry| entry.get("subresource").is_none());
            for entry in &mut *entries {
                if entry.get("time").is_some() {
                    entry["time"] = json!("a time");
                }
            }
            entries.sort_by_key(|entry| {
                let words = ["operation", "manager", "apiVersion"];
                words.map(|word| entry[word].as_str().unwrap_or_default().to_owned())
            });
            if entries.is_empty() {
                metadata.remove("managedFields");
            }
        }
    }
    if object["kind"] == "Service" {
        let entries = object.pointer("/metadata/managedFields");
        let entries = entries.and_then(Value::as_array).map_or(0, Vec::len);
        let owned =
            (0..entries).map(|entry| format!("/metadata/managedFields/{entry}/fieldsV1/f:spec"));
        for path in owned.chain(["/spec".to_owned()]) {
            let fields = object.pointer_mut(&path).and_then(Value::as_object_mut);
            let Some(fields) = fields else {
                continue;
            };
            for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                fields.remove(name);
                fields.remove(&format!("f:{name}"));
            }
        }
    }
    object
}
