//! Watches: changes as they come, one JSON document a line.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Response, body::Frame, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    accept::Form,
    answer::{self, Answer},
    list,
    query::Query,
    selector::Selector,
    table::{self, Include},
};
use crate::sandbox::{
    kinds::Kind,
    objects::{Objects, in_version},
    refusal::Refusal,
    store::{Change, Forgotten},
};

/// Between bookmarks, for those who want them.
const BOOKMARK: Duration = Duration::from_mins(1);
/// For clients that do not say how long they want to watch.
const LONGEST: Duration = Duration::from_hours(1);

#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
struct Watch {
    objects: Arc<Objects>,
    kind: Arc<Kind>,
    namespace: Option<String>,
    selector: Selector,
    form: Form,
    include: Include,
    bookmarks: bool,
    /// Everything up to it has been said.
    seen: u64,
    /// Before the first event.
    begun: bool,
    /// What is said before the first change.
    first: Vec<u8>,
    /// No column definitions have been sent yet.
    headed: bool,
    ended: bool,
    end: Instant,
    bookmark: Instant,
}

/// Begins a watch. What is wrong with the request is said at once.
pub(super) fn watch(
    objects: &Arc<Objects>,
    kind: &Arc<Kind>,
    namespace: Option<String>,
    query: &Query,
    form: Form,
) -> Result<Answer, Refusal> {
    let timeout = query
        .number::<u64>("timeoutSeconds")?
        .filter(|seconds| *seconds > 0);
    let timeout = timeout.map_or(LONGEST, Duration::from_secs).min(LONGEST);
    let now = Instant::now();
    let mut watch = Watch {
        objects: Arc::clone(objects),
        kind: Arc::clone(kind),
        namespace,
        selector: list::selector(kind, query)?,
        form,
        include: Include::parse(query.get("includeObject")),
        bookmarks: query.is_true("allowWatchBookmarks"),
        seen: 0,
        begun: false,
        first: Vec::new(),
        headed: false,
        ended: false,
        end: now + timeout,
        bookmark: now + BOOKMARK,
    };
    let from = query.number::<u64>("resourceVersion")?.unwrap_or(0);
    let initial = query.is_true("sendInitialEvents");
    if initial && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(Refusal::unprocessable(
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
             sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    // Without a version to begin with, what is there comes first.
    if initial || from == 0 {
        watch.list();
        if initial && watch.bookmarks {
            let bookmark = watch.bookmark_object(true);
            watch.first.extend(line("BOOKMARK", &bookmark));
        }
    } else {
        watch.seen = from;
    }
    let events = stream::unfold(watch, |mut watch| async move {
        let bytes = watch.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), watch))
    });
    let mut answer = Response::new(StreamBody::new(events).boxed());
    answer::set(&mut answer, CONTENT_TYPE, "application/json");
    Ok(answer)
}

impl Watch {
    /// What is said next; `None` is the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if !self.begun {
            self.begun = true;
            if !self.first.is_empty() {
                return Some(std::mem::take(&mut self.first).into());
            }
        }
        loop {
            let mut said = Vec::new();
            match self.objects.store().since(self.seen) {
                Ok(changes) => {
                    for change in &changes {
                        said.extend(self.event(change).unwrap_or_default());
                        self.seen = change.version;
                    }
                }
                Err(forgotten) => return Some(self.fail(forgotten)),
            }
            if !said.is_empty() {
                return Some(said.into());
            }
            tokio::select! {
                () = self.objects.store().wait_past(self.seen) => {}
                () = tokio::time::sleep_until(self.end) => return None,
                () = tokio::time::sleep_until(self.bookmark), if self.bookmarks => {
                    self.bookmark = Instant::now() + BOOKMARK;
                    return Some(line("BOOKMARK", &self.bookmark_object(false)).into());
                }
            }
        }
    }

    /// Everything that is there, as if it were created now.
    fn list(&mut self) {
        let listing = self.objects.list(&self.kind, self.namespace.as_deref());
        for object in &listing.items {
            if self.selector.fits(object) {
                let shown = self.shown(object);
                self.first.extend(line("ADDED", &shown));
            }
        }
        self.seen = listing.version;
    }

    /// A change as the watcher sees it: an object that begins to fit is new to it, one that stops
    /// is gone.
    fn event(&mut self, change: &Change) -> Option<Vec<u8>> {
        let elsewhere = |namespace: &String| *namespace != change.key.namespace;
        if change.key.resource != self.kind.resource
            || self.namespace.as_ref().is_some_and(elsewhere)
        {
            return None;
        }
        let before = change
            .before
            .as_ref()
            .is_some_and(|before| self.selector.fits(before));
        let after = !change.deleted && self.selector.fits(&change.object);
        let what = match (before, after) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return None,
        };
        let object = in_version(&self.kind, Arc::clone(&change.object));
        Some(line(what, &self.shown(&object)))
    }

    fn shown(&mut self, object: &Value) -> Value {
        match self.form {
            Form::Whole | Form::Aggregated => object.clone(),
            Form::Metadata => table::partial(object),
            Form::Table => {
                let version = &object["metadata"]["resourceVersion"];
                let metadata = json!({ "resourceVersion": version });
                let headed = std::mem::replace(&mut self.headed, true);
                table::table(&self.kind, &[object], &metadata, self.include, !headed)
            }
        }
    }

    fn bookmark_object(&mut self, initial: bool) -> Value {
        let mut metadata = json!({ "resourceVersion": self.seen.to_string() });
        if initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let bookmark = json!({
            "kind": self.kind.kind,
            "apiVersion": self.kind.api_version(),
            "metadata": metadata,
        });
        self.shown(&bookmark)
    }

    /// The watcher is too far behind: it has to list again.
    fn fail(&mut self, forgotten: Forgotten) -> Bytes {
        self.ended = true;
        line("ERROR", &Refusal::expired(self.seen, forgotten).to_json()).into()
    }
}

fn line(what: &str, object: &Value) -> Vec<u8> {
    format!("{{\"type\":\"{what}\",\"object\":{object}}}\n").into_bytes()
}
