//! Words that a key may hold, and what each of them means to the model.

use crate::{
    name::Action,
    stack::model::{
        CrdPolicy, ErrorClass, FailurePolicy, Intent, OnError, OnLiveObjects, Parse, PatchKind,
        Propagation, RollbackOnFailure, Schedule, Unlock,
    },
};

/// Words a key accepts, and what they mean.
pub(crate) type Words<T> = [(&'static str, T)];

pub(crate) const FAILURE_POLICIES: [(&str, FailurePolicy); 3] = [
    ("stop", FailurePolicy::Stop),
    ("continue", FailurePolicy::Continue),
    ("rollback", FailurePolicy::Rollback),
];

pub(crate) const SCHEDULES: [(&str, Schedule); 2] =
    [("eager", Schedule::Eager), ("waves", Schedule::Waves)];

pub(crate) const FORMS: [(&str, Parse); 3] = [
    ("text", Parse::Text),
    ("json", Parse::Json),
    ("yaml", Parse::Yaml),
];

pub(crate) const INTENTS: [(&str, Intent); 3] = [
    ("deploy", Intent::Deploy),
    ("destroy", Intent::Destroy),
    ("skip", Intent::Skip),
];

/// Whether a chart is fetched late.
pub(crate) const FETCHES: [(&str, bool); 2] = [("early", false), ("late", true)];

pub(crate) const ROLLBACKS: [(&str, RollbackOnFailure); 3] = [
    ("never", RollbackOnFailure::Never),
    ("upgrades", RollbackOnFailure::Upgrades),
    ("always", RollbackOnFailure::Always),
];

pub(crate) const UNLOCKS: [(&str, Unlock); 3] = [
    ("never", Unlock::Never),
    ("stale", Unlock::Stale),
    ("always", Unlock::Always),
];

pub(crate) const CRD_POLICIES: [(&str, CrdPolicy); 3] = [
    ("upgrade", CrdPolicy::Upgrade),
    ("create", CrdPolicy::Create),
    ("skip", CrdPolicy::Skip),
];

pub(crate) const LIVE_OBJECTS: [(&str, OnLiveObjects); 3] = [
    ("ignore", OnLiveObjects::Ignore),
    ("refuse", OnLiveObjects::Refuse),
    ("delete", OnLiveObjects::Delete),
];

/// Actions a step can be limited to.
pub(crate) const ACTIONS: [(&str, Action); 6] = [
    ("install", Action::Install),
    ("upgrade", Action::Upgrade),
    ("reinstall", Action::Reinstall),
    ("uninstall", Action::Uninstall),
    ("unchanged", Action::Unchanged),
    ("skip", Action::Skip),
];

pub(crate) const ON_ERRORS: [(&str, OnError); 3] = [
    ("fail", OnError::Fail),
    ("warn", OnError::Warn),
    ("ignore", OnError::Ignore),
];

pub(crate) const PATCHES: [(&str, PatchKind); 3] = [
    ("merge", PatchKind::Merge),
    ("strategic", PatchKind::Strategic),
    ("json", PatchKind::Json),
];

/// Of a JSON patch.
pub(crate) const OPERATIONS: [(&str, ()); 6] = [
    ("add", ()),
    ("remove", ()),
    ("replace", ()),
    ("move", ()),
    ("copy", ()),
    ("test", ()),
];

pub(crate) const PROPAGATIONS: [(&str, Propagation); 3] = [
    ("background", Propagation::Background),
    ("foreground", Propagation::Foreground),
    ("orphan", Propagation::Orphan),
];

/// Classes of errors that `retry.on` can name.
pub(crate) fn classes() -> Vec<(&'static str, ErrorClass)> {
    let all = ErrorClass::ALL.into_iter();
    all.filter(|class| class.can_pass())
        .map(|class| (class.as_str(), class))
        .collect()
}

/// The words alone.
pub(super) fn said<T>(words: &Words<T>) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}
