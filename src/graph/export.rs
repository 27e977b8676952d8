//! The graph as text, Graphviz, Mermaid and JSON.
//!
//! Arrows go from what is needed to what needs it: the order of work. Soft edges (`after`) are
//! dashed; an edge says what it waits for unless that is `validated`, or the node says it already
//! (`db:crds`).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Dag, Edge, Graph, Selection};
use crate::name::{ChartName, Milestone, NodeName};

/// How to write a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Waves and what each chart waits for, for people.
    Text,
    /// Graphviz.
    Dot,
    /// Mermaid flowchart.
    Mermaid,
    /// `{"stack":…,"charts":[{"name":…,"wave":0,"needs":[{"chart":…,"until":…}…],"after":[…]}…]}`,
    /// charts by wave, then as in the file; waves count from 0. CRDs are `{"name":"db:crds",…}`.
    Json,
}

/// Writes the selected part of a graph, ending with a line end. Edges that leave the selection are
/// not part of it, and waves are its own. CRDs are drawn of the charts whose CRDs another one
/// waits for, and of the `carriers`: those that are known to have some.
pub fn export(
    graph: &Graph<'_>,
    selection: &Selection,
    carriers: &BTreeSet<ChartName>,
    format: Format,
) -> String {
    let view = View::new(graph, selection, carriers);
    match format {
        Format::Text => text(&view),
        Format::Dot => dot(&view),
        Format::Mermaid => mermaid(&view),
        Format::Json => json(&view),
    }
}

/// What all formats are written from; also the JSON format itself.
#[derive(Serialize)]
struct View<'a> {
    stack: &'a str,
    charts: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    name: NodeName,
    wave: usize,
    needs: Vec<Arrow>,
    after: Vec<Arrow>,
}

#[derive(Serialize)]
struct Arrow {
    chart: NodeName,
    until: Milestone,
}

impl<'a> View<'a> {
    fn new(graph: &Graph<'a>, selection: &Selection, carriers: &BTreeSet<ChartName>) -> Self {
        let drawn = Drawn::new(graph, selection, carriers);
        let part = drawn.dag(graph, selection);
        let layers = part
            .layers()
            .expect("a validated stack has no cycles among its nodes");
        let in_waves = layers.waves.iter().flatten();
        let charts = in_waves.map(|&node| {
            let mut before: Vec<_> = part.before(node).collect();
            before.sort_unstable_by_key(|&(other, edge)| (other, edge.until));
            let arrows = |soft| {
                let edges = before.iter().filter(move |(_, edge)| edge.soft == soft);
                let arrow = |&(other, edge): &(usize, &Edge)| Arrow {
                    chart: drawn.nodes[other].clone(),
                    until: edge.until,
                };
                edges.map(arrow).collect()
            };
            Node {
                name: drawn.nodes[node].clone(),
                wave: layers.wave[node],
                needs: arrows(false),
                after: arrows(true),
            }
        });
        Self {
            stack: graph.stack().name.as_str(),
            charts: charts.collect(),
        }
    }

    /// Every edge: from, to, what it waits for, soft.
    fn edges(&self) -> impl Iterator<Item = (&NodeName, &NodeName, Milestone, bool)> {
        self.charts.iter().flat_map(|node| {
            let needs = node.needs.iter().map(|arrow| (arrow, false));
            let after = node.after.iter().map(|arrow| (arrow, true));
            let both = needs.chain(after);
            both.map(|(arrow, soft)| (&arrow.chart, &node.name, arrow.until, soft))
        })
    }
}

/// The nodes of a selection: its charts, in the order of the file, and before each its CRDs if it
/// is known or said to bring some.
struct Drawn {
    nodes: Vec<NodeName>,
    /// By position of the chart in the file: position of its node, and of its CRDs'.
    of_chart: BTreeMap<usize, (usize, Option<usize>)>,
}

impl Drawn {
    fn new(graph: &Graph<'_>, selection: &Selection, carriers: &BTreeSet<ChartName>) -> Self {
        let named: BTreeSet<usize> = selection
            .indices()
            .flat_map(|index| graph.before(index))
            .filter(|(_, edge)| !edge.is_of_chart())
            .map(|(other, _)| other)
            .collect();
        let mut nodes = Vec::new();
        let mut of_chart = BTreeMap::new();
        for index in selection.indices() {
            let chart = &graph.stack().charts[index];
            let brings = named.contains(&index) || carriers.contains(&chart.name);
            let crds = (brings && chart.brings_crds()).then(|| {
                nodes.push(NodeName::crds(chart.name.clone()));
                nodes.len() - 1
            });
            of_chart.insert(index, (nodes.len(), crds));
            nodes.push(chart.name.clone().into());
        }
        Self { nodes, of_chart }
    }

    fn dag(&self, graph: &Graph<'_>, selection: &Selection) -> Dag<Edge> {
        let mut dag = Dag::new(self.nodes.len());
        for index in selection.indices() {
            let (node, own) = self.of_chart[&index];
            if let Some(own) = own {
                let (until, soft) = (Milestone::Crds, false);
                dag.add(own, node, Edge { until, soft });
            }
            for (other, edge) in graph.before(index) {
                let Some(&(chart, crds)) = self.of_chart.get(&other) else {
                    continue;
                };
                let first = if edge.is_of_chart() {
                    Some(chart)
                } else {
                    crds
                };
                if let Some(first) = first {
                    dag.add(first, node, edge);
                }
            }
        }
        dag
    }
}

/// What an edge says; nothing for the usual `validated`, and for CRDs, whose node says it.
fn label(until: Milestone) -> Option<&'static str> {
    (!matches!(until, Milestone::Validated | Milestone::Crds)).then(|| until.as_str())
}

fn text(view: &View<'_>) -> String {
    let n_waves = view.charts.last().map_or(0, |node| node.wave + 1);
    let n_crds = view
        .charts
        .iter()
        .filter(|node| node.name.is_crds())
        .count();
    let charts = counted(view.charts.len() - n_crds, "chart");
    let crds = match n_crds {
        0 => String::new(),
        n => format!(", the CRDs of {n},"),
    };
    let waves = counted(n_waves, "wave");
    let mut lines = vec![format!("{}: {charts}{crds} in {waves}", view.stack)];
    let names = view.charts.iter().map(|node| node.name.to_string().len());
    let width = names.max().unwrap_or(0);
    let mut wave = None;
    for node in &view.charts {
        if wave != Some(node.wave) {
            wave = Some(node.wave);
            lines.push(format!("\nwave {}", node.wave + 1));
        }
        let groups = [("needs", &node.needs), ("after", &node.after)];
        let words: Vec<String> = groups
            .iter()
            .filter(|(_, arrows)| !arrows.is_empty())
            .map(|(word, arrows)| format!("{word} {}", list(arrows)))
            .collect();
        let line = format!("  {:width$}  {}", node.name, words.join("; "));
        lines.push(line.trim_end().to_owned());
    }
    joined(&lines)
}

fn list(arrows: &[Arrow]) -> String {
    let each = arrows.iter().map(|arrow| match label(arrow.until) {
        Some(until) => format!("{}:{until}", arrow.chart),
        None => arrow.chart.to_string(),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn joined(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn counted(n: usize, word: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {word}{plural}")
}

fn dot(view: &View<'_>) -> String {
    let quoted = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    let mut lines = vec![
        format!("digraph {} {{", quoted(view.stack)),
        "  rankdir=LR;".into(),
        "  node [shape=box];".into(),
    ];
    for node in &view.charts {
        lines.push(format!("  {};", quoted(&node.name.to_string())));
    }
    for (from, to, until, soft) in view.edges() {
        let mut attributes = Vec::new();
        attributes.extend(label(until).map(|text| format!("label={}", quoted(text))));
        attributes.extend(soft.then(|| "style=dashed".to_owned()));
        let (from, to) = (quoted(&from.to_string()), quoted(&to.to_string()));
        let attributes = if attributes.is_empty() {
            String::new()
        } else {
            format!(" [{}]", attributes.join(", "))
        };
        lines.push(format!("  {from} -> {to}{attributes};"));
    }
    lines.push("}".into());
    joined(&lines)
}

/// Nodes get ids of their own: words such as `end` break a Mermaid graph when used as ids.
fn mermaid(view: &View<'_>) -> String {
    let nodes = view.charts.iter().enumerate();
    let ids: BTreeMap<&NodeName, usize> = nodes.map(|(id, node)| (&node.name, id)).collect();
    let mut lines = vec!["flowchart LR".to_owned()];
    for (id, node) in view.charts.iter().enumerate() {
        let name = node.name.to_string().replace('"', "#quot;");
        lines.push(format!("  c{id}[\"{name}\"]"));
    }
    for (from, to, until, soft) in view.edges() {
        let arrow = if soft { "-.->" } else { "-->" };
        let label = label(until).map_or(String::new(), |text| format!("|{text}|"));
        let (from, to) = (ids[from], ids[to]);
        lines.push(format!("  c{from} {arrow}{label} c{to}"));
    }
    joined(&lines)
}

fn json(view: &View<'_>) -> String {
    let text = serde_json::to_string_pretty(view);
    text.expect("names and numbers are always JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::{Request, fixture},
        stack::{CrdPolicy, Stack},
    };

    fn exported(format: Format, names: &[&str]) -> String {
        let stack = fixture::stack(&[
            ("web", &["api", "~loki:deployed"]),
            ("api", &["db:ready", "db:deployed"]),
            ("db", &[]),
            ("loki", &["~db"]),
        ]);
        exported_of(&stack, &[], format, names)
    }

    fn exported_of(stack: &Stack, carriers: &[&str], format: Format, names: &[&str]) -> String {
        let graph = Graph::new(stack);
        let request = Request {
            names: names.iter().map(ToString::to_string).collect(),
            ..Request::default()
        };
        let selection = graph.select(&request).unwrap();
        let carriers = carriers.iter().map(|name| ChartName::new(name).unwrap());
        export(&graph, &selection, &carriers.collect(), format)
    }

    /// Two charts that use each other's kinds, one that uses them both, one that brings its own.
    fn platform() -> Stack {
        fixture::stack(&[
            ("certs", &["metrics:crds"]),
            ("metrics", &["certs"]),
            ("issuers", &["certs:crds", "~metrics:crds"]),
            ("queue", &[]),
            ("bare", &[]),
        ])
    }

    #[test]
    fn crds_that_are_known_or_waited_for_are_nodes() {
        let mut stack = platform();
        stack.charts["bare"].crds = CrdPolicy::Skip;
        let carriers = ["queue", "bare"];
        insta::assert_snapshot!(exported_of(&stack, &carriers, Format::Text, &[]), @"
        shop: 5 charts, the CRDs of 3, in 3 waves

        wave 1
          certs:crds
          metrics:crds
          queue:crds
          bare

        wave 2
          certs         needs certs:crds, metrics:crds
          issuers       needs certs:crds; after metrics:crds
          queue         needs queue:crds

        wave 3
          metrics       needs certs, metrics:crds
        ");
        insta::assert_snapshot!(
            exported_of(&stack, &carriers, Format::Dot, &["certs", "metrics"]), @r#"
        digraph "shop" {
          rankdir=LR;
          node [shape=box];
          "metrics:crds";
          "certs";
          "metrics";
          "metrics:crds" -> "certs";
          "certs" -> "metrics";
          "metrics:crds" -> "metrics";
        }
        "#);
        insta::assert_snapshot!(
            exported_of(&stack, &[], Format::Mermaid, &["metrics", "issuers"]), @r#"
        flowchart LR
          c0["metrics:crds"]
          c1["metrics"]
          c2["issuers"]
          c0 --> c1
          c0 -.-> c2
        "#);
        let json = exported_of(&stack, &carriers, Format::Json, &["queue"]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!([
            {"name": "queue:crds", "wave": 0, "needs": [], "after": []},
            {"name": "queue", "wave": 1, "needs": [{"chart": "queue:crds", "until": "crds"}],
             "after": []},
        ]);
        assert_eq!(json["charts"], expected);
    }

    #[test]
    fn text_shows_waves_and_edges() {
        insta::assert_snapshot!(exported(Format::Text, &[]), @"
        shop: 4 charts in 3 waves

        wave 1
          db

        wave 2
          api   needs db:deployed, db:ready
          loki  after db

        wave 3
          web   needs api; after loki:deployed
        ");
    }

    #[test]
    fn a_selection_has_its_own_waves() {
        insta::assert_snapshot!(exported(Format::Text, &["web", "loki"]), @"
        shop: 2 charts in 2 waves

        wave 1
          loki

        wave 2
          web   after loki:deployed
        ");
    }

    #[test]
    fn dot_quotes_and_dashes() {
        insta::assert_snapshot!(exported(Format::Dot, &["web", "api", "loki"]), @r#"
        digraph "shop" {
          rankdir=LR;
          node [shape=box];
          "api";
          "loki";
          "web";
          "api" -> "web";
          "loki" -> "web" [label="deployed", style=dashed];
        }
        "#);
    }

    #[test]
    fn mermaid_has_ids_that_are_no_keywords() {
        insta::assert_snapshot!(exported(Format::Mermaid, &["api", "db", "loki"]), @r#"
        flowchart LR
          c0["db"]
          c1["api"]
          c2["loki"]
          c0 -->|deployed| c1
          c0 -->|ready| c1
          c0 -.-> c2
        "#);
    }

    #[test]
    fn json_is_what_its_doc_says() {
        let json: serde_json::Value =
            serde_json::from_str(&exported(Format::Json, &["web", "loki"])).unwrap();
        let expected = serde_json::json!({"stack": "shop", "charts": [
            {"name": "loki", "wave": 0, "needs": [], "after": []},
            {"name": "web", "wave": 1, "needs": [],
             "after": [{"chart": "loki", "until": "deployed"}]},
        ]});
        assert_eq!(json, expected);
    }
}
