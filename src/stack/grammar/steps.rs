//! The frame of a step, and how objects of the cluster are named.

use super::{
    ACTIONS, Group, Holds, Key, NAME, ON_ERRORS, ONE_OR_MORE, RETRY, Rule, Shape, VERBS, said,
};
use crate::stack::model::Verb;

/// One step.
pub(crate) static STEP: Shape = Shape {
    what: "a step",
    name: "step",
    head: "A step",
    doc: "`[[charts.NAME.pre]]`, `post`, `validate`, `on_failure`. Each has exactly one verb.",
    retold: false,
    groups: &[
        &Group::own(&[
            Key::new(
                "name",
                Holds::Text,
                "For people: one line of text without `/`. By default the verb.",
            ),
            Key::new(
                "when",
                Holds::Table(&WHEN),
                "Whether it runs. All that is said must hold.",
            ),
            Key::new(
                "on_error",
                Holds::Word(|| said(&ON_ERRORS)),
                "What its failure means, after the last attempt: `fail` fails the chart, `warn` \
                 warns, `ignore` does nothing.",
            )
            .or(r#""fail""#),
            Key::new(
                "timeout",
                Holds::Duration,
                "Deadline of one attempt. By default that of the chart for what may have to wait \
                 (`run`, `wait`, `delete`, `scale`, `restart`, `helm_test`), `1m` for the others.",
            ),
            Key::new(
                "retry",
                Holds::Table(&RETRY),
                "How often it is tried. By default for every class of errors that can pass.",
            ),
        ]),
        &VERBS,
    ],
    rules: &[Rule::One(&Verb::WORDS)],
};

/// `when`.
pub(crate) static WHEN: Shape = Shape {
    what: "`when`",
    name: "when",
    head: "`when`",
    doc: "",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "action",
            Holds::List(&Holds::Word(|| said(&ACTIONS))),
            "What is done to the chart is one of these. By default all but `uninstall`.",
        ),
        Key::new(
            "changed",
            Holds::Text,
            "What was captured under this name is something else by now.",
        ),
        Key::new(
            "installed",
            Holds::Flag,
            "Whether the release was `deployed` when the chart's turn came.",
        ),
        Key::new(
            "input",
            Holds::Names(
                "NAME",
                Some(NAME),
                &Holds::Or(&[Holds::Text, Holds::Flag, Holds::Number(f64::MIN, f64::MAX)]),
            ),
            "Inputs, and the values these must have.",
        ),
    ])],
    rules: &[],
};

/// A field of one object, that a chart offers.
pub(crate) static OUTPUT: Shape = Shape {
    what: "an output",
    name: "output",
    head: "`[charts.NAME.outputs.NAME]`",
    doc: "A field of a live object, read when a chart that refers to it starts.",
    retold: false,
    groups: &[
        &ONE_OBJECT,
        &FIELD,
        &Group::own(&[Key::new(
            "secret",
            Holds::Flag,
            "Masked wherever it would be shown. What comes from a Secret always is.",
        )
        .or("false")]),
    ],
    rules: &[],
};

/// A text that names one object.
pub(super) const SHORT: Holds = Holds::TextLike("/");

/// Objects of any kind, in any way.
pub(super) static OBJECTS: Group = Group {
    shared: Some((
        "How objects are named",
        "In short `\"KIND/NAME\"`, where a verb says nothing else about them. In a table they are \
         named by `object`, or found by `selector` and `where`, or `all` of a kind are meant.",
    )),
    keys: &[KIND, API_VERSION, NAMESPACE, OBJECT, SELECTOR, WHERE, ALL],
};

/// Pods, in any way.
pub(super) static OF_PODS: Group = Group::own(&[NAMESPACE, OBJECT, SELECTOR, WHERE, ALL]);

/// Objects by name.
pub(super) static NAMED: Group = Group::own(&[KIND, API_VERSION, NAMESPACE, OBJECT.required()]);

/// One object by name.
pub(super) static ONE_OBJECT: Group = Group::own(&[
    KIND,
    API_VERSION,
    NAMESPACE,
    Key::new("object", Holds::Text, "Its name.").required(),
]);

/// A field of objects.
pub(super) static FIELD: Group = Group::own(&[FIELD_PATH.required()]);

pub(super) const FIELD_PATH: Key = Key::new(
    "field",
    Holds::Text,
    "Path to a field: `spec.clusterIP`, `spec.ports[0].port`, `metadata.annotations.a\\.b`.",
);

/// One way to name objects.
pub(super) const NAMES_OBJECTS: Rule = Rule::Some(&["object", "selector", "where", "all"]);

const KIND: Key = Key::new(
    "kind",
    Holds::Text,
    "Their kind, in any word that kubectl knows: `Deployment`, `deployments`, `deploy`.",
)
.required();

const API_VERSION: Key = Key::new(
    "api_version",
    Holds::Text,
    "`v1`, or `GROUP/VERSION`. Needed only where several groups have such a kind.",
);

const NAMESPACE: Key = Key::new(
    "namespace",
    Holds::Text,
    "Where they are; `*` is everywhere. By default the namespace of the release.",
);

const OBJECT: Key = Key::new(
    "object",
    ONE_OR_MORE,
    "Names of objects: all of them are meant.",
);

const SELECTOR: Key = Key::new(
    "selector",
    Holds::Text,
    "Those with such labels, as Kubernetes writes it: `app=web`, `tier!=base`, `env in (a, b)`, \
     `!legacy`, joined by `,`.",
);

const WHERE: Key = Key::new(
    "where",
    Holds::Names("PATH", None, &Holds::Anything),
    "Those whose fields have these values: `{ \"spec.type\" = \"LoadBalancer\" }`.",
);

const ALL: Key = Key::new("all", Holds::True, "All of the kind.");
