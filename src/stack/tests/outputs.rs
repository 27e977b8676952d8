//! What charts let others read of their objects.

use super::{steps::told, *};
use crate::{name::Action, stack::Reference};

#[test]
fn outputs_can_be_used_by_charts_that_need_them_directly_or_not() {
    let stack = sound(
        r#"
[stack]
name = "demo"
[inputs]
suffix = { default = "x" }
[charts.loki]
chart = "./charts/loki"
namespace = "logging"
outputs.url = { kind = "Service", object = "loki-${inputs.suffix}", field = "spec.clusterIP" }
outputs.password = { kind = "Secret", object = "loki", field = "data.password", secret = true }
[charts.between]
chart = "./charts/between"
needs = ["loki"]
[charts.promtail]
chart = "./charts/promtail"
needs = ["between:deployed"]
values = { url = "http://${charts.loki.outputs.url}" }
[[charts.promtail.post]]
run = { command = "x", env = { P = "${charts.loki.outputs.password}" } }
when = { action = ["upgrade"] }
"#,
    );
    let loki = &stack.charts["loki"];
    assert_eq!(
        told(&loki.outputs["url"].objects),
        "- Service release loki-${inputs.suffix}"
    );
    assert!(loki.outputs["password"].secret && !loki.outputs["url"].secret);
    let promtail = &stack.charts["promtail"];
    let of = |action| -> Vec<_> {
        let outputs = promtail.outputs_in_use(action).into_iter();
        outputs
            .map(|(chart, name)| format!("{chart}.{name}"))
            .collect()
    };
    assert_eq!(of(Action::Install), ["loki.url"]);
    assert_eq!(of(Action::Upgrade), ["loki.password", "loki.url"]);
    assert_eq!(of(Action::Uninstall), [""; 0]);
    // A run that deploys it refers to what the output itself refers to.
    let uses = stack.uses(|name| (name.as_str() == "promtail").then_some(Action::Install));
    let references: Vec<_> = uses.references.into_iter().collect();
    assert_eq!(references, [&Reference::Input("suffix".into())]);
}

#[test]
fn each_wrong_output_says_why() {
    insta::assert_snapshot!(
        messages(
            r#"
[stack]
name = "demo-${charts.loki.outputs.url}"
[charts.loki]
chart = "./charts/loki"
values = { own = "${charts.loki.outputs.url}" }
outputs.url = { kind = "Service", object = "loki", field = "spec.clusterIP" }
outputs."a b" = { kind = "Service", object = "${capture.x}", field = "a" }
outputs.several = { kind = "Service", selector = "a=b", field = "a" }
outputs.what = "Service/loki"
outputs.bare = {}
[charts.off]
chart = "./charts/off"
enabled = false
outputs.x = { kind = "Service", object = "x", field = "a" }
[charts.web]
chart = "./charts/web"
needs = ["loki"]
values = { a = "${charts.loki.outputs.ulr}", b = "${charts.web.outputs.x}", c = "${charts.nope.outputs.x}", d = "${charts.off.outputs.x}" }
[charts.stranger]
chart = "./charts/stranger"
after = ["loki"]
values = { a = "${charts.loki.outputs.url}" }
"#
        )
        .join("\n"),
        @r#"
    stack.toml:3: `${charts.loki.outputs.url}` cannot be used here | what is read from the cluster may be used in a chart's values and steps
    stack.toml:6: outputs are for other charts | a `capture` step reads the same for this one
    stack.toml:8: `a b` is not a name (use letters, digits, `-` and `_`)
    stack.toml:8: `${capture.x}` cannot be used here | what is read from the cluster may be used in a chart's values and steps
    stack.toml:9: an output names its objects: `selector` cannot be used here | say `object = "NAME"`
    stack.toml:10: `outputs`: expected a table, found a string
    stack.toml:11: an output has no `kind`
    stack.toml:11: an output names no objects | say `object = "NAME"`
    stack.toml:11: an output has no `field`
    stack.toml:19: chart `loki` has no output `ulr` | did you mean `url`? | its outputs: `url`, `a b`, `several`, `what` and `bare`
    stack.toml:19: chart `web` has no output `x` | add `outputs.x = { kind = …, object = …, field = … }` to it
    stack.toml:19: undefined chart `nope` | defined charts: `loki`, `off`, `stranger` and `web`
    stack.toml:19: chart `off` is disabled
    stack.toml:23: chart `stranger` does not need `loki` | what it refers to must be there first: add `"loki"` to its `needs`
    "#
    );
}
