use serde_json::json;

use super::*;

fn key(name: &str) -> Key {
    Key::new("configmaps", "apps", name)
}

fn object(value: u64) -> Value {
    json!({ "metadata": { "name": "x" }, "data": { "value": value.to_string() } })
}

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("objects.redb")).unwrap();
    (folder, store)
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let (folder, store) = opened();
    let one = store.create(key("one"), object(1)).await.unwrap();
    let two = store.create(key("two"), object(2)).await.unwrap();
    let one = store
        .update(key("one"), version_of(&one), object(3))
        .await
        .unwrap();
    store.delete(key("two"), version_of(&two)).await.unwrap();
    let version = store.version();
    drop(store);
    let store = Store::open(&folder.path().join("objects.redb")).unwrap();
    assert_eq!(store.version(), version);
    assert_eq!(store.list("configmaps", None).items, [one]);
    assert!(matches!(
        store.since(version - 1),
        Err(Forgotten { oldest }) if oldest == version
    ));
}

#[tokio::test]
async fn a_write_finds_what_it_expects_or_does_nothing() {
    let (_folder, store) = opened();
    let first = store.create(key("one"), object(1)).await.unwrap();
    let again = store.create(key("one"), object(2)).await;
    assert_eq!(again, Err(WriteError::Exists));
    let second = store
        .update(key("one"), version_of(&first), object(2))
        .await
        .unwrap();
    let late = store
        .update(key("one"), version_of(&first), object(3))
        .await;
    assert_eq!(late, Err(WriteError::Stale));
    let late = store.delete(key("one"), version_of(&first)).await;
    assert_eq!(late, Err(WriteError::Stale));
    assert_eq!(store.get(&key("one")), Some(second));
    let missing = store.delete(key("none"), 1).await;
    assert_eq!(missing, Err(WriteError::Missing));
}

#[tokio::test]
async fn an_equal_object_is_no_change() {
    let (_folder, store) = opened();
    let first = store.create(key("one"), object(1)).await.unwrap();
    let same = store
        .update(key("one"), version_of(&first), object(1))
        .await;
    assert_eq!(same, Ok(first));
    assert_eq!(store.version(), 1);
}

#[tokio::test]
async fn changes_come_in_order_with_what_was_before() {
    let (_folder, store) = opened();
    let first = store.create(key("one"), object(1)).await.unwrap();
    let from = store.version();
    let writes = (0..50).map(|number| store.create(key(&format!("n{number}")), object(number)));
    futures::future::join_all(writes).await;
    store.delete(key("one"), version_of(&first)).await.unwrap();
    store.wait_past(from).await;
    let changes = store.since(from).unwrap();
    let versions: Vec<u64> = changes.iter().map(|change| change.version).collect();
    assert_eq!(versions, (2..=52).collect::<Vec<_>>());
    let last = changes.last().unwrap();
    assert!(last.deleted);
    assert_eq!(last.before, Some(first));
    assert_eq!(version_of(&last.object), 52);
}

#[tokio::test]
async fn lists_keep_to_their_namespace_and_are_sorted() {
    let (_folder, store) = opened();
    for (namespace, name) in [("b", "1"), ("a", "2"), ("a", "1"), ("ab", "1")] {
        let object = json!({ "metadata": { "name": name, "namespace": namespace } });
        let key = Key::new("secrets", namespace, name);
        store.create(key, object).await.unwrap();
    }
    let names = |namespace| -> Vec<String> {
        let listing = store.list("secrets", namespace);
        let path = |object: &Arc<Value>| {
            let text = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
            format!("{}/{}", text("namespace"), text("name"))
        };
        listing.items.iter().map(path).collect()
    };
    assert_eq!(names(None), ["a/1", "a/2", "ab/1", "b/1"]);
    assert_eq!(names(Some("a")), ["a/1", "a/2"]);
    assert_eq!(names(Some("c")), [""; 0]);
    assert_eq!(store.resources(), ["secrets"]);
}
