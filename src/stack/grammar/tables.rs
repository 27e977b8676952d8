//! Tables that keys of a chart hold; of `retry`, also a step.

use super::{COMMAND, Group, Holds, Key, LIVE_OBJECTS, POSITIVE, Shape, TEXTS, classes, said};

/// A command among `values_files`.
pub(crate) static VALUES_COMMAND: Shape = Shape {
    what: "an entry of `values_files`",
    name: "values-command",
    head: "A command of `values_files`",
    doc: "What it prints is a values file. Run once, in the folder of the file, never for `check`.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "command",
            COMMAND,
            "A line for `sh -c`, or a program and its arguments.",
        )
        .required(),
        Key::new("timeout", Holds::Duration, "Its deadline.").or(r#""1m""#),
        Key::new(
            "secret",
            Holds::Flag,
            "All of it is masked wherever it would be shown.",
        )
        .or("false"),
    ])],
    rules: &[],
};

/// `retry`.
pub(crate) static RETRY: Shape = Shape {
    what: "`retry`",
    name: "retry",
    head: "`retry`",
    doc: "Of a chart, and of a step. Wrong charts, values or rights and what somebody ended are \
          never tried again.",
    retold: false,
    groups: &[&Group::own(&[
        Key::new("attempts", POSITIVE, "In total.").or("1"),
        Key::new("delay", Holds::Duration, "Between two attempts.").or(r#""5s""#),
        Key::new(
            "backoff",
            Holds::Number(1.0, 100.0),
            "The delay is longer each time by this factor, up to ten minutes.",
        )
        .or("1"),
        Key::new(
            "on",
            Holds::List(&Holds::Word(|| said(&classes()))),
            "Classes of errors that are worth another attempt.",
        ),
    ])],
    rules: &[],
};

/// `on_live_objects` as a table.
pub(crate) static LIVE: Shape = Shape {
    what: "`on_live_objects`",
    name: "live-objects",
    head: "`on_live_objects`",
    doc: "",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "policy",
            Holds::Word(|| said(&LIVE_OBJECTS)),
            "What is done with them.",
        )
        .or(r#""ignore""#),
        Key::new(
            "crds",
            TEXTS,
            "Names of CRDs that count as the chart's, although another one brings them.",
        )
        .or("[]"),
    ])],
    rules: &[],
};

/// `reinstall_below` as a table.
pub(crate) static REINSTALL: Shape = Shape {
    what: "`reinstall_below`",
    name: "reinstall-below",
    head: "`reinstall_below`",
    doc: "",
    retold: false,
    groups: &[&Group::own(&[
        Key::new(
            "version",
            Holds::Text,
            "Installed charts that are strictly older are uninstalled first.",
        )
        .required(),
        Key::new(
            "accept_data_loss",
            Holds::Flag,
            "Consent to a reinstall that would delete claims, CRDs or namespaces; without it, it \
             is refused.",
        )
        .or("false"),
    ])],
    rules: &[],
};
