//! All controllers at work on a store of their own.

use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use super::{
    conditions::is_true,
    template::is_ready,
    world::{controller, going, uid},
    *,
};
use crate::sandbox::{
    objects::{Propagation, begin, sweep},
    store::Store,
};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

const SETS: &str = "statefulsets.apps";
const CLAIMS: &str = "persistentvolumeclaims";

struct Cluster {
    world: World,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("objects.redb")).unwrap();
        let objects = Arc::new(Objects::new(Arc::new(store)));
        begin(&objects).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(control(Arc::clone(&objects), Options::default()));
        tasks.spawn(sweep(Arc::clone(&objects)));
        Self {
            world: World::new(objects, Options::default()),
            _tasks: tasks,
            _folder: folder,
        }
    }

    async fn create(&self, resource: &str, object: Value) -> Arc<Value> {
        let namespace = object["metadata"]["namespace"].as_str();
        let namespace = namespace.unwrap_or("default").to_owned();
        let namespace = if resource == "namespaces" {
            ""
        } else {
            &namespace
        };
        let made = self.world.create(resource, namespace, object).await;
        made.unwrap()
    }

    async fn delete(&self, resource: &str, object: &Value, how: Propagation) {
        self.world.delete(resource, object, how).await.unwrap();
    }

    fn get(&self, resource: &str, name: &str) -> Option<Arc<Value>> {
        self.world.get(resource, "default", name)
    }

    fn names(&self, resource: &str) -> Vec<String> {
        let all = self.world.list(resource, "default");
        let names = all.iter().map(|it| text(it, "/metadata/name").to_owned());
        names.collect()
    }

    /// Waits for a change after which it holds.
    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let store = self.world.store();
        let wait = async {
            loop {
                let seen = store.version();
                if holds(self) {
                    return;
                }
                store.wait_past(seen).await;
            }
        };
        let held = timeout(DEADLINE, wait).await;
        assert!(held.is_ok(), "not within {DEADLINE:?}: {what}");
    }

    /// Changes an object as a user does: again if a controller did in between.
    async fn change(&self, resource: &str, name: &str, change: impl Fn(&mut Value)) {
        loop {
            let mut next = Value::clone(&self.get(resource, name).unwrap());
            change(&mut next);
            match self.world.write(resource, next).await {
                Err(refusal) if refusal.code == 409 => {}
                written => return drop(written.unwrap()),
            }
        }
    }
}

fn stateful_set(when_deleted: &str) -> Value {
    json!({
        "metadata": {"name": "db"},
        "spec": {
            "replicas": 2,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "c", "image": "x:1"}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
        },
    })
}

fn is_ready_with(cluster: &Cluster, replicas: i64) -> bool {
    let set = cluster.get(SETS, "db");
    set.is_some_and(|set| integer(&set, "/status/readyReplicas") == Some(replicas))
}

#[tokio::test]
async fn a_stateful_set_comes_in_order_and_keeps_its_claims() {
    let cluster = Cluster::new().await;
    let set = cluster.create(SETS, stateful_set("Retain")).await;
    cluster
        .until("both are ready", |it| is_ready_with(it, 2))
        .await;
    let changes = cluster.world.store().since(0).ok().unwrap();
    let first =
        |fits: &dyn Fn(&Change) -> bool| changes.iter().find(|it| fits(it)).unwrap().version;
    let ready = first(&|it| it.key.name == "db-0" && is_ready(&it.object));
    let second = first(&|it| it.key.name == "db-1");
    assert!(ready < second, "db-1 came before db-0 was ready");
    let claimed = cluster.get("pods", "db-1").unwrap();
    let volume = &claimed["spec"]["volumes"][0]["persistentVolumeClaim"];
    assert_eq!(volume["claimName"], "data-db-1");

    let one = |set: &mut Value| set["spec"]["replicas"] = 1.into();
    cluster.change(SETS, "db", one).await;
    cluster
        .until("the last one goes", |it| it.names("pods") == ["db-0"])
        .await;
    let claim = cluster.get(CLAIMS, "data-db-1").unwrap();
    let two = |set: &mut Value| set["spec"]["replicas"] = 2.into();
    cluster.change(SETS, "db", two).await;
    cluster
        .until("it comes back", |it| is_ready_with(it, 2))
        .await;
    let again = cluster.get(CLAIMS, "data-db-1").unwrap();
    assert_eq!(uid(&again), uid(&claim), "with its claim");

    cluster.delete(SETS, &set, Propagation::Background).await;
    cluster
        .until("the pods go", |it| it.names("pods").is_empty())
        .await;
    let claims = ["data-db-0", "data-db-1"];
    assert_eq!(cluster.names(CLAIMS), claims);
    let bound = |name: &str| cluster.get(CLAIMS, name).unwrap()["status"]["phase"].clone();
    assert_eq!(claims.map(bound), ["Bound", "Bound"]);
}

#[tokio::test]
async fn claims_go_with_a_stateful_set_that_says_so() {
    let cluster = Cluster::new().await;
    let set = cluster.create(SETS, stateful_set("Delete")).await;
    cluster
        .until("both are ready", |it| is_ready_with(it, 2))
        .await;
    cluster.delete(SETS, &set, Propagation::Background).await;
    let empty = |it: &Cluster| it.names("pods").is_empty() && it.names(CLAIMS).is_empty();
    cluster.until("all is gone", empty).await;
}

fn job(spec: &Value, exit_code: &str) -> Value {
    let mut job = json!({"metadata": {"name": "job"}, "spec": spec});
    job["spec"]["template"] = json!({
        "metadata": {"annotations": {"stackctl.test/exit-code": exit_code}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]},
    });
    job
}

#[tokio::test]
async fn a_job_fails_when_more_pods_failed_than_it_may() {
    let cluster = Cluster::new().await;
    cluster
        .create("jobs.batch", job(&json!({"backoffLimit": 1}), "3"))
        .await;
    let failed = |it: &Cluster| is_true(&it.get("jobs.batch", "job").unwrap(), "Failed");
    cluster.until("it fails", failed).await;
    let job = cluster.get("jobs.batch", "job").unwrap();
    assert_eq!(job["status"]["failed"], 2, "one more than the limit");
    assert!(job["status"]["active"].is_null() && job["status"]["completionTime"].is_null());
    let conditions = job["status"]["conditions"].as_array().unwrap();
    let reasons = conditions.iter().map(|it| text(it, "/reason"));
    assert!(reasons.into_iter().all(|it| it == "BackoffLimitExceeded"));
    let pods = cluster.world.list("pods", "default");
    let codes = pods.iter().map(|pod| {
        let path = "/status/containerStatuses/0/state/terminated/exitCode";
        integer(pod, path)
    });
    assert_eq!(codes.collect::<Vec<_>>(), [Some(3), Some(3)]);
    let events = cluster.world.list("events", "default");
    let told = events
        .iter()
        .filter(|it| it["reason"] == "BackoffLimitExceeded");
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn a_job_completes_with_its_last_completion() {
    let cluster = Cluster::new().await;
    let spec = json!({"completions": 3, "parallelism": 2, "completionMode": "Indexed"});
    cluster.create("jobs.batch", job(&spec, "0")).await;
    let complete = |it: &Cluster| is_true(&it.get("jobs.batch", "job").unwrap(), "Complete");
    cluster.until("it completes", complete).await;
    let job = cluster.get("jobs.batch", "job").unwrap();
    assert_eq!(job["status"]["succeeded"], 3);
    assert!(job["status"]["completionTime"].is_string());
    let changes = cluster.world.store().since(0).ok().unwrap();
    let jobs = changes.iter().filter(|it| it.key.resource == "jobs.batch");
    let most = jobs.filter_map(|it| integer(&it.object, "/status/active"));
    assert!(most.max() <= Some(2), "no more than two at once");
    let pods = cluster.world.list("pods", "default");
    let index = "/metadata/annotations/batch.kubernetes.io~1job-completion-index";
    let mut indexes: Vec<&str> = pods.iter().map(|pod| text(pod, index)).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, ["0", "1", "2"]);
}

fn settings(name: &str, owners: &[&Value]) -> Value {
    let owners = owners.iter().map(|owner| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
            "uid": uid(owner), "blockOwnerDeletion": true,
        })
    });
    let owners: Vec<Value> = owners.collect();
    json!({"metadata": {"name": name, "ownerReferences": owners}})
}

#[tokio::test]
async fn what_has_lost_all_its_owners_goes() {
    let cluster = Cluster::new().await;
    let maps = "configmaps";
    let one = cluster.create(maps, settings("one", &[])).await;
    let two = cluster.create(maps, settings("two", &[])).await;
    let shared = cluster
        .create(maps, settings("shared", &[&one, &two]))
        .await;
    cluster.create(maps, settings("below", &[&shared])).await;
    cluster.delete(maps, &one, Propagation::Background).await;
    let only_two = |it: &Cluster| {
        let shared = it.get(maps, "shared").unwrap();
        let owners = shared["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| owners.len() == 1 && owners[0]["name"] == "two")
    };
    cluster.until("it forgets the one", only_two).await;
    cluster.delete(maps, &two, Propagation::Background).await;
    let gone = |it: &Cluster| it.get(maps, "shared").is_none() && it.get(maps, "below").is_none();
    cluster.until("it goes, and what it owns", gone).await;
    // Somebody else of the same name is no owner.
    let mut stranger = one.as_ref().clone();
    stranger["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
    cluster.create(maps, settings("one", &[])).await;
    cluster.create(maps, settings("lost", &[&stranger])).await;
    let gone = |it: &Cluster| it.get(maps, "lost").is_none();
    cluster.until("it never had an owner", gone).await;
}

#[tokio::test]
async fn an_owner_waits_for_its_dependents_or_leaves_them_behind() {
    let cluster = Cluster::new().await;
    let maps = "configmaps";
    let owner = cluster.create(maps, settings("owner", &[])).await;
    let mut held = settings("held", &[&owner]);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create(maps, held).await;
    cluster.delete(maps, &owner, Propagation::Foreground).await;
    let is_going = |it: &Cluster| it.get(maps, "held").is_some_and(|held| going(&held));
    cluster.until("the dependent is told to go", is_going).await;
    let waits = cluster.get(maps, "owner").unwrap();
    let finalizers = &waits["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["foregroundDeletion"]));
    let let_go = |held: &mut Value| held["metadata"]["finalizers"] = json!([]);
    cluster.change(maps, "held", let_go).await;
    let gone = |it: &Cluster| it.get(maps, "held").is_none() && it.get(maps, "owner").is_none();
    cluster.until("both are gone", gone).await;

    let set = cluster.create(SETS, stateful_set("Retain")).await;
    cluster
        .until("both are ready", |it| is_ready_with(it, 2))
        .await;
    cluster.delete(SETS, &set, Propagation::Orphan).await;
    let gone = |it: &Cluster| it.get(SETS, "db").is_none();
    cluster.until("it goes alone", gone).await;
    let pods = cluster.world.list("pods", "default");
    assert_eq!(pods.len(), 2);
    assert!(pods.iter().all(|pod| controller(pod).is_none()));
}

#[tokio::test]
async fn a_namespace_goes_when_the_last_thing_in_it_does() {
    let cluster = Cluster::new().await;
    let namespace = json!({"metadata": {"name": "shop"}});
    let namespace = cluster.create("namespaces", namespace).await;
    let has = |it: &Cluster, resource: &str, name: &str| it.world.get(resource, "shop", name);
    let own = |it: &Cluster| has(it, "configmaps", "kube-root-ca.crt").is_some();
    cluster.until("it has its own things", own).await;
    let mut held = settings("held", &[]);
    held["metadata"]["namespace"] = "shop".into();
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    cluster.create("configmaps", held).await;
    let mut set = stateful_set("Retain");
    set["metadata"]["namespace"] = "shop".into();
    cluster.create(SETS, set).await;
    let pod = |it: &Cluster| has(it, "pods", "db-0").is_some();
    cluster.until("a pod runs", pod).await;

    let how = Propagation::Background;
    cluster.delete("namespaces", &namespace, how).await;
    let emptied = |it: &Cluster| {
        ["pods", SETS, CLAIMS, "serviceaccounts"]
            .iter()
            .all(|resource| it.world.list(resource, "shop").is_empty())
    };
    cluster.until("all but one go", emptied).await;
    let left = cluster.world.get("namespaces", "", "shop").unwrap();
    assert_eq!(left["status"]["phase"], "Terminating");
    let late = cluster
        .world
        .create("configmaps", "shop", settings("late", &[]));
    let refusal = late.await.unwrap_err();
    assert_eq!(refusal.code, 403, "{}", refusal.message);

    let mut freed = Value::clone(&has(&cluster, "configmaps", "held").unwrap());
    freed["metadata"]["finalizers"] = json!([]);
    cluster.world.write("configmaps", freed).await.unwrap();
    let gone = |it: &Cluster| it.world.get("namespaces", "", "shop").is_none();
    cluster.until("it goes", gone).await;
}
