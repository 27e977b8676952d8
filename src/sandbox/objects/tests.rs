use serde_json::json;

use super::*;
use crate::sandbox::store::version_of;

const WRITING: Writing<'static> = Writing {
    through: None,
    manager: "test",
    dry_run: false,
    validation: Validation::Strict,
};

/// A registry over a store of its own.
struct Bench {
    objects: Arc<Objects>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("objects.redb")).unwrap();
        let objects = Arc::new(Objects::new(Arc::new(store)));
        begin(&objects).await.unwrap();
        Self {
            objects,
            _folder: folder,
        }
    }

    fn kind(&self, resource: &str) -> Arc<Kind> {
        self.objects.kinds().of_resource(resource).unwrap()
    }

    async fn create(&self, resource: &str, object: Value) -> Result<Arc<Value>, Refusal> {
        self.create_as(resource, object, &WRITING).await
    }

    async fn create_as(
        &self,
        resource: &str,
        object: Value,
        writing: &Writing<'_>,
    ) -> Result<Arc<Value>, Refusal> {
        let kind = self.kind(resource);
        let namespace = object["metadata"]["namespace"]
            .as_str()
            .unwrap_or("default");
        let namespace = if kind.namespaced { namespace } else { "" }.to_owned();
        let place = place(&kind, &namespace, "");
        let written = self.objects.create(&place, object, writing).await?;
        Ok(written.object)
    }

    async fn update(
        &self,
        resource: &str,
        sub: &str,
        object: Value,
    ) -> Result<Arc<Value>, Refusal> {
        let kind = self.kind(resource);
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
        let (namespace, name) = (text("namespace"), text("name"));
        let place = Place {
            subresource: sub,
            ..place(&kind, &namespace, &name)
        };
        Ok(self.objects.update(&place, object, &WRITING).await?.object)
    }

    async fn patch(&self, resource: &str, name: &str, patch: Value) -> Result<Arc<Value>, Refusal> {
        let kind = self.kind(resource);
        let namespace = if kind.namespaced { "default" } else { "" };
        let place = place(&kind, namespace, name);
        let written = self.objects.patch(&place, Patch::Merge(patch), &WRITING);
        Ok(written.await?.object)
    }

    async fn delete(&self, resource: &str, name: &str) -> Result<Deleted, Refusal> {
        let kind = self.kind(resource);
        let namespace = if kind.namespaced { "default" } else { "" };
        let place = place(&kind, namespace, name);
        self.objects.delete(&place, &DeleteOptions::default()).await
    }

    fn get(&self, resource: &str, name: &str) -> Option<Arc<Value>> {
        let namespace = if self.kind(resource).namespaced {
            "default"
        } else {
            ""
        };
        self.objects
            .store()
            .get(&Key::new(resource, namespace, name))
    }

    /// Waits until the object is gone.
    async fn gone(&self, resource: &str, namespace: &str, name: &str) {
        let store = self.objects.store();
        loop {
            let seen = store.version();
            if store.get(&Key::new(resource, namespace, name)).is_none() {
                return;
            }
            store.wait_past(seen).await;
        }
    }
}

fn place<'a>(kind: &'a Kind, namespace: &'a str, name: &'a str) -> Place<'a> {
    Place {
        kind,
        namespace,
        name,
        subresource: "",
    }
}

fn config(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "data": { "a": "b" } })
}

fn deployment() -> Value {
    json!({
        "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "c", "image": "x:1" }] },
            },
        },
    })
}

fn crd() -> Value {
    let schema = json!({ "type": "object", "required": ["spec"], "properties": {
        "spec": { "type": "object", "properties": { "size": { "type": "integer" } } },
        "status": { "type": "object", "properties": { "phase": { "type": "string" } } },
    } });
    json!({
        "metadata": { "name": "buckets.example.com" },
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": { "plural": "buckets", "kind": "Bucket" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema },
                "subresources": { "status": {} },
            }],
        },
    })
}

#[tokio::test]
async fn the_server_sets_what_is_its_own() {
    let bench = Bench::new().await;
    let mut sent = deployment();
    sent["metadata"]["uid"] = "mine".into();
    sent["status"] = json!({ "replicas": 7 });
    let made = bench.create("deployments.apps", sent).await.unwrap();
    let metadata = &made["metadata"];
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert_eq!(metadata["generation"], 1);
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["managedFields"][0]["manager"], "test");
    assert_eq!(made["apiVersion"], "apps/v1");
    assert_eq!(made["spec"]["replicas"], 1);
    assert_eq!(made["status"], json!({}));
}

#[tokio::test]
async fn generated_names_differ() {
    let bench = Bench::new().await;
    let object = json!({ "metadata": { "generateName": "x-" } });
    let one = bench.create("configmaps", object.clone()).await.unwrap();
    let two = bench.create("configmaps", object).await.unwrap();
    assert!(one["metadata"]["name"].as_str().unwrap().starts_with("x-"));
    assert_ne!(one["metadata"]["name"], two["metadata"]["name"]);
}

#[tokio::test]
async fn refusals_are_worded_as_kubernetes_words_them() {
    let bench = Bench::new().await;
    bench.create("configmaps", config("x")).await.unwrap();
    let said = |result: Result<Arc<Value>, Refusal>| {
        let refusal = result.unwrap_err();
        (refusal.code, refusal.reason, refusal.message)
    };
    let again = bench.create("configmaps", config("x")).await;
    let message = "configmaps \"x\" already exists".to_owned();
    assert_eq!(said(again), (409, "AlreadyExists", message));

    let nowhere = json!({ "metadata": { "name": "x", "namespace": "nope" } });
    let nowhere = bench.create("configmaps", nowhere).await;
    let message = "namespaces \"nope\" not found".to_owned();
    assert_eq!(said(nowhere), (404, "NotFound", message));

    let mut unknown = deployment();
    unknown["spec"]["foo"] = 1.into();
    let unknown = bench.create("deployments.apps", unknown).await;
    let message = "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding \
                   error: unknown field \"spec.foo\"";
    assert_eq!(said(unknown), (400, "BadRequest", message.to_owned()));

    let mut bad = deployment();
    bad["spec"]["template"]["metadata"]["labels"] = json!({ "a": "c" });
    let (code, reason, message) = said(bench.create("deployments.apps", bad).await);
    assert_eq!((code, reason), (422, "Invalid"));
    let expected = "Deployment.apps \"web\" is invalid: spec.template.metadata.labels: Invalid \
                    value: {\"a\":\"c\"}: `selector` does not match template `labels`";
    assert_eq!(message, expected);

    let long = json!({ "metadata": { "name": "l" }, "data": { "a": "x".repeat((1 << 20) + 1) } });
    let (code, _, message) = said(bench.create("configmaps", long).await);
    assert_eq!(code, 422);
    assert!(
        message.contains("may not be more than 1048576 bytes"),
        "{message}"
    );

    let missing = bench.delete("configmaps", "none").await.unwrap_err();
    assert_eq!(missing.message, "configmaps \"none\" not found");
    let kept = bench.delete("namespaces", "default").await.unwrap_err();
    assert_eq!(kept.code, 403);
}

#[tokio::test]
async fn a_write_based_on_an_old_state_is_refused() {
    let bench = Bench::new().await;
    let first = bench.create("configmaps", config("x")).await.unwrap();
    let mut next = Value::clone(&first);
    next["data"]["a"] = "c".into();
    let second = bench.update("configmaps", "", next.clone()).await.unwrap();
    assert_eq!(version_of(&second), version_of(&first) + 1);
    let late = bench
        .update("configmaps", "", next.clone())
        .await
        .unwrap_err();
    assert_eq!((late.code, late.reason), (409, "Conflict"));
    let meta = next["metadata"].as_object_mut().unwrap();
    meta.remove("resourceVersion");
    meta.insert("uid".to_owned(), "other".into());
    let other = bench.update("configmaps", "", next).await.unwrap_err();
    assert!(
        other.message.contains("Precondition failed: UID"),
        "{}",
        other.message
    );
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_none() {
    let bench = Bench::new().await;
    let first = bench.create("configmaps", config("x")).await.unwrap();
    let same = bench
        .patch("configmaps", "x", json!({ "data": { "a": "b" } }))
        .await;
    assert_eq!(same.unwrap(), first);
}

#[tokio::test]
async fn status_and_spec_are_written_apart() {
    let bench = Bench::new().await;
    let made = bench
        .create("deployments.apps", deployment())
        .await
        .unwrap();
    let mut both = Value::clone(&made);
    both["spec"]["replicas"] = 3.into();
    both["status"]["replicas"] = 3.into();
    let status = bench
        .update("deployments.apps", "status", both.clone())
        .await
        .unwrap();
    assert_eq!(status["spec"]["replicas"], 1);
    assert_eq!(status["status"]["replicas"], 3);
    assert_eq!(status["metadata"]["generation"], 1);
    both["metadata"]["resourceVersion"] = status["metadata"]["resourceVersion"].clone();
    both["status"] = json!({});
    let spec = bench.update("deployments.apps", "", both).await.unwrap();
    assert_eq!(spec["spec"]["replicas"], 3);
    assert_eq!(spec["status"]["replicas"], 3);
    assert_eq!(spec["metadata"]["generation"], 2);
}

#[tokio::test]
async fn scale_changes_one_number() {
    let bench = Bench::new().await;
    bench
        .create("deployments.apps", deployment())
        .await
        .unwrap();
    let scale = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "replicas": 4 },
    });
    let scale = bench
        .update("deployments.apps", "scale", scale)
        .await
        .unwrap();
    assert_eq!(
        (&scale["kind"], &scale["spec"]["replicas"]),
        (&json!("Scale"), &json!(4))
    );
    assert_eq!(scale["status"]["selector"], "a=b");
    let live = bench.get("deployments.apps", "web").unwrap();
    assert_eq!(live["spec"]["replicas"], 4);
}

#[tokio::test]
async fn a_dry_run_answers_and_writes_nothing() {
    let bench = Bench::new().await;
    let version = bench.objects.store().version();
    let dry = Writing {
        dry_run: true,
        ..WRITING
    };
    let made = bench
        .create_as("configmaps", config("x"), &dry)
        .await
        .unwrap();
    assert_eq!(made["metadata"]["name"], "x");
    bench.create("configmaps", config("x")).await.unwrap();
    let again = bench.create_as("configmaps", config("x"), &dry).await;
    assert_eq!(again.unwrap_err().reason, "AlreadyExists");
    assert_eq!(bench.objects.store().version(), version + 1);
}

#[tokio::test]
async fn finalizers_hold_what_is_deleted() {
    let bench = Bench::new().await;
    let mut held = config("x");
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    bench.create("configmaps", held).await.unwrap();
    let going = bench.delete("configmaps", "x").await.unwrap();
    assert!(matches!(going, Deleted::Going(_)));
    let live = bench.get("configmaps", "x").unwrap();
    assert!(live["metadata"]["deletionTimestamp"].is_string());
    let free = json!({ "metadata": { "finalizers": null } });
    bench.patch("configmaps", "x", free).await.unwrap();
    assert_eq!(bench.get("configmaps", "x"), None);
}

#[tokio::test]
async fn a_namespace_empties_itself() {
    let bench = Bench::new().await;
    let sweeper = tokio::spawn(sweep(Arc::clone(&bench.objects)));
    let namespace = json!({ "metadata": { "name": "apps" } });
    let made = bench.create("namespaces", namespace).await.unwrap();
    assert_eq!(
        made["metadata"]["labels"]["kubernetes.io/metadata.name"],
        "apps"
    );
    let mut inside = config("x");
    inside["metadata"]["namespace"] = "apps".into();
    bench.create("configmaps", inside.clone()).await.unwrap();
    let going = bench.delete("namespaces", "apps").await.unwrap();
    let Deleted::Going(going) = going else {
        panic!("it is not gone yet");
    };
    assert_eq!(going["status"]["phase"], "Terminating");
    bench.gone("namespaces", "", "apps").await;
    bench.gone("configmaps", "apps", "x").await;
    sweeper.abort();
}

#[tokio::test]
async fn a_crd_serves_its_kind_until_it_is_gone() {
    let bench = Bench::new().await;
    let sweeper = tokio::spawn(sweep(Arc::clone(&bench.objects)));
    let crds = "customresourcedefinitions.apiextensions.k8s.io";
    let made = bench.create(crds, crd()).await.unwrap();
    assert_eq!(made["status"]["storedVersions"], json!(["v1"]));
    let object =
        json!({ "metadata": { "name": "b" }, "spec": { "size": 3 }, "status": { "phase": "x" } });
    let bucket = bench.create("buckets.example.com", object).await.unwrap();
    assert_eq!(bucket["kind"], "Bucket");
    assert_eq!(bucket.get("status"), None);
    let wrong = json!({ "metadata": { "name": "c" }, "spec": { "size": "three" } });
    let wrong = bench
        .create("buckets.example.com", wrong)
        .await
        .unwrap_err();
    let expected = "Bucket.example.com \"c\" is invalid: spec.size: Invalid value: \"string\": \
                    spec.size in body must be of type integer: \"string\"";
    assert_eq!(wrong.message, expected);
    let missing = json!({ "metadata": { "name": "c" } });
    let missing = bench
        .create("buckets.example.com", missing)
        .await
        .unwrap_err();
    assert_eq!(
        missing.message,
        "Bucket.example.com \"c\" is invalid: spec: Required value"
    );

    bench.delete(crds, "buckets.example.com").await.unwrap();
    bench.gone(crds, "", "buckets.example.com").await;
    bench.gone("buckets.example.com", "default", "b").await;
    assert!(
        bench
            .objects
            .kinds()
            .of_resource("buckets.example.com")
            .is_none()
    );
    sweeper.abort();
}

#[tokio::test]
async fn applying_creates_owns_and_removes() {
    let bench = Bench::new().await;
    let kind = bench.kind("configmaps");
    let apply = async |manager: &str, data: Value, force: bool| {
        let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x" }, "data": data });
        let writing = Writing { manager, ..WRITING };
        let place = place(&kind, "default", "x");
        bench
            .objects
            .patch(&place, Patch::Apply(object, force), &writing)
            .await
    };
    let made = apply("one", json!({ "a": "1", "b": "1" }), false)
        .await
        .unwrap();
    assert!(made.created);
    let conflict = apply("two", json!({ "a": "2" }), false).await.unwrap_err();
    assert_eq!((conflict.code, conflict.reason), (409, "Conflict"));
    assert_eq!(
        conflict.message,
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    apply("two", json!({ "a": "2" }), true).await.unwrap();
    let left = apply("one", json!({}), false).await.unwrap();
    assert_eq!(left.object["data"], json!({ "a": "2" }));
}

#[tokio::test]
async fn services_get_and_keep_their_addresses() {
    let bench = Bench::new().await;
    let service = |name: &str| json!({ "metadata": { "name": name }, "spec": { "type": "NodePort", "ports": [{ "port": 80 }] } });
    let one = bench.create("services", service("one")).await.unwrap();
    let two = bench.create("services", service("two")).await.unwrap();
    assert_ne!(one["spec"]["clusterIP"], two["spec"]["clusterIP"]);
    assert_ne!(
        one["spec"]["ports"][0]["nodePort"],
        two["spec"]["ports"][0]["nodePort"]
    );
    let mut sent = service("one");
    sent["metadata"]["namespace"] = "default".into();
    let kept = bench.update("services", "", sent.clone()).await.unwrap();
    assert_eq!(kept["spec"]["clusterIP"], one["spec"]["clusterIP"]);
    assert_eq!(kept["spec"]["ports"], one["spec"]["ports"]);
    sent["spec"]["clusterIP"] = "10.96.9.9".into();
    let moved = bench.update("services", "", sent).await.unwrap_err();
    assert!(
        moved.message.contains("may not change once set"),
        "{}",
        moved.message
    );
}

#[tokio::test]
async fn a_secret_takes_text_and_keeps_base64() {
    let bench = Bench::new().await;
    let secret = json!({ "metadata": { "name": "s" }, "stringData": { "a": "b" } });
    let made = bench.create("secrets", secret).await.unwrap();
    assert_eq!(made["data"], json!({ "a": "Yg==" }));
    assert_eq!(
        (made.get("stringData"), &made["type"]),
        (None, &json!("Opaque"))
    );
}
