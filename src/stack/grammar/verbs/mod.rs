//! What each verb of a step says: by group, as [`crate::stack::model::VerbGroup`] has them.

mod change;
mod check;
mod look;

use super::{COMMAND, Group, Holds, Key, POSITIVE, Rule, Shape, TEXT_TABLE, TEXTS, steps::SHORT};

pub(crate) use self::{change::*, check::*, look::*};

const SHORTS: Holds = Holds::List(&SHORT);

/// Keys of a step: one of them.
pub(in crate::stack::grammar) static VERBS: Group = Group::own(&[
    Key::new(
        "adopt",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&ADOPT)]),
        "Hands objects that were made without Helm to the release, so that Helm takes them over. \
         What belongs to another release is refused.",
    ),
    Key::new(
        "apply",
        Holds::Or(&[Holds::Text, TEXTS, Holds::Table(&APPLY)]),
        "Applies manifests, server-side. In short a file or a folder, or an array of these.",
    ),
    Key::new("patch", Holds::Table(&PATCH), "Patches objects."),
    Key::new(
        "delete",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&DELETE)]),
        "Deletes objects, and waits until they are gone. What is not there is no failure; what \
         does not go is told of with the finalizers that hold it up.",
    ),
    Key::new(
        "scale",
        Holds::Table(&SCALE),
        "Sets the number of replicas, and waits for it.",
    ),
    Key::new(
        "restart",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&RESTART)]),
        "Replaces the pods of workloads as `kubectl rollout restart` does, and waits for them.",
    ),
    Key::new(
        "run",
        Holds::Or(&[Holds::Text, TEXTS, Holds::Table(&RUN)]),
        "Runs a command: a line for `sh -c`, or a program and its arguments. It gets the payload (a \
         JSON object) on standard input and may print a new one; its environment has `KUBECONFIG` \
         and `STACKCTL_STACK`, `_RUN`, `_CHART`, `_RELEASE`, `_NAMESPACE`, `_ACTION`, `_PHASE`, \
         `_STEP`. It runs in the folder of the file.",
    ),
    Key::new(
        "capture",
        Holds::Or(&[Holds::Table(&CAPTURE_FIELD), Holds::Table(&CAPTURE_COMMAND)]),
        "Takes a value, of a live object or from a command, for `${capture.NAME}` and \
         `when = { changed = \"NAME\" }`.",
    ),
    Key::new(
        "wait",
        Holds::Table(&WAIT),
        "Waits, up to `timeout`, until something is so of all that are named.",
    ),
    Key::new(
        "exists",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&EXISTS)]),
        "All that are named are there; at least one matches.",
    ),
    Key::new(
        "absent",
        Holds::Or(&[SHORT, SHORTS, Holds::Table(&ABSENT)]),
        "None is there.",
    ),
    Key::new("count", Holds::Table(&COUNTED), "As many match."),
    Key::new(
        "equals",
        Holds::Table(&EQUALS),
        "A field has this value, in every object.",
    ),
    Key::new(
        "contains",
        Holds::Table(&CONTAINS),
        "A list has this item, a text this part, a table these keys. Of several objects the fields \
         are the list.",
    ),
    Key::new(
        "pods",
        Holds::Table(&PODS),
        "All pods that match are ready (or succeeded), and enough match.",
    ),
    Key::new(
        "http",
        Holds::Table(&HTTP),
        "A request is answered as it should be.",
    ),
    Key::new(
        "helm_test",
        Holds::Or(&[Holds::True, Holds::Table(&HELM_TEST)]),
        "The chart's own tests pass: `helm test`.",
    ),
]);

const OPTIONAL: Key = Key::new("optional", Holds::Flag, "What is not there is no failure.");

const fn verb(
    what: &'static str,
    name: &'static str,
    groups: &'static [&'static Group],
    rules: &'static [Rule],
) -> Shape {
    Shape {
        what,
        name,
        head: what,
        doc: "",
        retold: false,
        groups,
        rules,
    }
}

const COMMAND_KEY: Key = Key::new(
    "command",
    COMMAND,
    "A line for `sh -c`, or a program and its arguments.",
)
.required();

const ENV: Key = Key::new(
    "env",
    TEXT_TABLE,
    "What its environment has on top of that of stackctl.",
);

/// `min`, `max`, `equals`.
static HOW_MANY: Group = Group::own(&[
    Key::new("min", POSITIVE, "At least as many match."),
    Key::new(
        "max",
        POSITIVE,
        "At least one matches, and at most as many.",
    ),
    Key::new("equals", POSITIVE, "Exactly as many match."),
]);
