//! The graph as text, Graphviz, Mermaid and JSON.
//!
//! Arrows go from what is needed to what needs it: the order of work. Soft edges (`after`) are
//! dashed; an edge says what it waits for unless that is `validated`.

use serde::Serialize;

use super::{Dag, Graph, Selection};
use crate::name::{ChartName, Milestone};

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
    /// charts by wave, then as in the file; waves count from 0.
    Json,
}

/// Writes the selected part of a graph, ending with a line end. Edges that leave the selection are
/// not part of it, and waves are its own.
pub fn export(graph: &Graph<'_>, selection: &Selection, format: Format) -> String {
    let view = View::new(graph, selection);
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
    charts: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a ChartName,
    wave: usize,
    needs: Vec<Arrow<'a>>,
    after: Vec<Arrow<'a>>,
}

#[derive(Serialize)]
struct Arrow<'a> {
    chart: &'a ChartName,
    until: Milestone,
}

impl<'a> View<'a> {
    fn new(graph: &Graph<'a>, selection: &Selection) -> Self {
        let mut part = Dag::new(graph.dag().len());
        for index in selection.indices() {
            for (other, edge) in graph.before(index) {
                if selection.holds(other) {
                    part.add(other, index, edge);
                }
            }
        }
        let layers = part
            .layers()
            .expect("a part of an acyclic graph is acyclic");
        let chosen = layers.waves.iter().flatten();
        let charts = chosen
            .filter(|&&index| selection.holds(index))
            .map(|&index| {
                let mut before: Vec<_> = part.before(index).collect();
                before.sort_unstable_by_key(|&(other, edge)| (other, edge.until));
                let arrows = |soft| {
                    let edges = before.iter().filter(move |(_, edge)| edge.soft == soft);
                    edges
                        .map(|&(other, edge)| Arrow {
                            chart: graph.name(other),
                            until: edge.until,
                        })
                        .collect()
                };
                Node {
                    name: graph.name(index),
                    wave: layers.wave[index],
                    needs: arrows(false),
                    after: arrows(true),
                }
            })
            .collect();
        Self {
            stack: graph.stack().name.as_str(),
            charts,
        }
    }

    /// Every edge: from, to, what it waits for, soft.
    fn edges(&self) -> impl Iterator<Item = (&ChartName, &ChartName, Milestone, bool)> {
        self.charts.iter().flat_map(|node| {
            let needs = node.needs.iter().map(|arrow| (arrow, false));
            let after = node.after.iter().map(|arrow| (arrow, true));
            let both = needs.chain(after);
            both.map(|(arrow, soft)| (arrow.chart, node.name, arrow.until, soft))
        })
    }
}

/// What an edge says; nothing for the usual `validated`.
fn label(until: Milestone) -> Option<&'static str> {
    (until != Milestone::Validated).then(|| until.as_str())
}

fn text(view: &View<'_>) -> String {
    let n_waves = view.charts.last().map_or(0, |node| node.wave + 1);
    let charts = counted(view.charts.len(), "chart");
    let waves = counted(n_waves, "wave");
    let mut lines = vec![format!("{}: {charts} in {waves}", view.stack)];
    let names = view.charts.iter().map(|node| node.name.as_str().len());
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

fn list(arrows: &[Arrow<'_>]) -> String {
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
        lines.push(format!("  {};", quoted(node.name.as_str())));
    }
    for (from, to, until, soft) in view.edges() {
        let mut attributes = Vec::new();
        attributes.extend(label(until).map(|text| format!("label={}", quoted(text))));
        attributes.extend(soft.then(|| "style=dashed".to_owned()));
        let (from, to) = (quoted(from.as_str()), quoted(to.as_str()));
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
    let ids: std::collections::BTreeMap<&ChartName, usize> =
        nodes.map(|(id, node)| (node.name, id)).collect();
    let mut lines = vec!["flowchart LR".to_owned()];
    for (id, node) in view.charts.iter().enumerate() {
        let name = node.name.as_str().replace('"', "#quot;");
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
    use crate::graph::{Request, fixture};

    fn exported(format: Format, names: &[&str]) -> String {
        let stack = fixture::stack(&[
            ("web", &["api", "~loki:deployed"]),
            ("api", &["db:ready", "db:deployed"]),
            ("db", &[]),
            ("loki", &["~db"]),
        ]);
        let graph = Graph::new(&stack);
        let request = Request {
            names: names.iter().map(ToString::to_string).collect(),
            ..Request::default()
        };
        export(&graph, &graph.select(&request).unwrap(), format)
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
