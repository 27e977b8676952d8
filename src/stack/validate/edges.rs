//! What charts wait for: reads `needs` and `after`, and checks them against each other.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    name::Milestone,
    stack::{
        findings::{Finding, Findings, list},
        layers::origin::{Origin, Text},
        model::{CrdPolicy, Intent, Need},
        raw::chart::RawChart,
        validate::{cycles, known::Known, names::Identity, order, redundant},
    },
};

/// One edge between charts, by their position in the file.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    /// The chart that waits.
    pub(crate) from: usize,
    /// The chart it waits for.
    pub(crate) to: usize,
    pub(crate) until: Milestone,
    /// `after`.
    pub(crate) soft: bool,
    pub(crate) origin: Origin,
}

/// Reads all edges and reports what is wrong with them. Indices are those of `charts`.
pub(crate) fn read(charts: &[RawChart<'_>], known: &Known<'_>, f: &mut Findings) -> Vec<Edge> {
    let by_name: HashMap<&str, usize> = charts
        .iter()
        .enumerate()
        .map(|(index, chart)| (chart.name.value, index))
        .collect();
    let mut edges = Vec::new();
    for (from, chart) in charts.iter().enumerate().filter(|(_, chart)| chart.enabled) {
        let first = edges.len();
        for (said, soft) in [(&chart.needs, false), (&chart.after, true)] {
            for text in said {
                let reader = EdgeReader {
                    charts,
                    by_name: &by_name,
                    from,
                    soft,
                };
                let text = known.now(*text, f);
                let edge = text.and_then(|text| reader.read(text.text(), f));
                let Some(edge) = edge else { continue };
                if !repeated(&edges[first..], &edge, charts, f) {
                    edges.push(edge);
                }
            }
        }
    }
    check(charts, &edges, f);
    edges
}

/// `needs` and `after` of the model, from the edges that leave one chart.
pub(crate) fn of_chart(
    edges: &[Edge],
    identities: &[Option<Identity>],
    f: &Findings,
) -> (Vec<Need>, Vec<Need>) {
    let of_kind = |soft| {
        let edges = edges.iter().filter(move |edge| edge.soft == soft);
        let need = |edge: &Edge| {
            Some(Need {
                chart: identities.get(edge.to)?.as_ref()?.name.clone(),
                until: edge.until,
                place: f.sources.place(edge.origin),
            })
        };
        edges.filter_map(need).collect()
    };
    (of_kind(false), of_kind(true))
}

struct EdgeReader<'a> {
    charts: &'a [RawChart<'a>],
    by_name: &'a HashMap<&'a str, usize>,
    from: usize,
    soft: bool,
}

impl EdgeReader<'_> {
    /// `chart` or `chart:milestone`. `None` if it is wrong, or soft and disabled.
    fn read(&self, said: Text<'_>, f: &mut Findings) -> Option<Edge> {
        let (name, milestone) = match said.value.split_once(':') {
            Some((name, milestone)) => (name, Some(milestone)),
            None => (said.value, None),
        };
        let until = match milestone {
            Some(word) => read_milestone(word, said, f),
            None => Some(Milestone::Validated),
        };
        let Some(&to) = self.by_name.get(name) else {
            f.add(
                Finding::error(format!("unknown chart `{name}`"))
                    .at(said.origin, "no chart of this name")
                    .suggest(name, self.by_name.keys().copied()),
            );
            return None;
        };
        let chart = &self.charts[self.from].name.value;
        if to == self.from {
            let message = format!("chart `{chart}` needs itself");
            let finding = Finding::error(message).at(said.origin, "");
            f.add(match until {
                Some(Milestone::Crds) => finding.help("a chart waits for its own CRDs anyway"),
                _ => finding,
            });
            return None;
        }
        let target = &self.charts[to];
        if !target.enabled {
            if !self.soft {
                f.add(
                    Finding::error(format!("chart `{chart}` needs `{name}`, which is disabled"))
                        .at(said.origin, "")
                        .at(target.name.origin, "`enabled = false`"),
                );
            }
            return None;
        }
        if until == Some(Milestone::Crds) && target.crds == CrdPolicy::Skip {
            f.add(
                Finding::error(format!(
                    "chart `{chart}` waits for the CRDs of `{name}`, which brings none"
                ))
                .at(said.origin, "")
                .at(target.name.origin, "`crds = \"skip\"`")
                .help("wait for the CRDs of the chart that brings them, or leave this out"),
            );
            return None;
        }
        if let (Some(Milestone::Crds), Some(late)) = (until, target.late) {
            f.add(
                Finding::error(format!(
                    "chart `{chart}` waits for the CRDs of `{name}`, which is fetched late"
                ))
                .at(said.origin, "")
                .at(late, "what it carries is known only then")
                .help(format!("wait until it is there: `{name}:deployed`")),
            );
            return None;
        }
        Some(Edge {
            from: self.from,
            to,
            until: until?,
            soft: self.soft,
            origin: said.origin,
        })
    }
}

fn read_milestone(word: &str, said: Text<'_>, f: &mut Findings) -> Option<Milestone> {
    let known = Milestone::NAMEABLE;
    let found = known.into_iter().find(|one| one.as_str() == word);
    if found.is_none() {
        let words = || known.iter().map(|one| one.as_str());
        f.add(
            Finding::error(format!("unknown milestone `{word}`"))
                .at(said.origin, format!("expected one of {}", list(words())))
                .suggest(word, words()),
        );
    }
    found
}

/// Whether a chart waits for another one twice. Once hard and once soft is only a waste, unless
/// it needs the CRDs and comes after the chart itself.
fn repeated(before: &[Edge], edge: &Edge, charts: &[RawChart<'_>], f: &mut Findings) -> bool {
    let says_more = |first: &Edge| {
        let of_crds = |one: &Edge| one.until == Milestone::Crds;
        !first.soft && of_crds(first) && edge.soft && !of_crds(edge)
    };
    let Some(first) = before.iter().find(|one| one.to == edge.to) else {
        return false;
    };
    if says_more(first) {
        return false;
    }
    let (chart, target) = (&charts[edge.from].name.value, &charts[edge.to].name.value);
    let finding = if first.soft == edge.soft {
        Finding::error(format!("chart `{chart}` names `{target}` twice"))
    } else {
        Finding::warning(format!(
            "chart `{chart}` both needs `{target}` and comes after it"
        ))
    };
    f.add(
        finding
            .at(edge.origin, "")
            .at(first.origin, "said here already"),
    );
    true
}

fn check(charts: &[RawChart<'_>], edges: &[Edge], f: &mut Findings) {
    for edge in edges.iter().filter(|edge| !edge.soft) {
        let (from, to) = (&charts[edge.from], &charts[edge.to]);
        if from.intent != Intent::Destroy && to.intent == Intent::Destroy {
            let (from, target) = (&from.name.value, &to.name.value);
            f.add(
                Finding::error(format!(
                    "chart `{from}` needs `{target}`, which is to be destroyed"
                ))
                .at(edge.origin, "")
                .at(to.name.origin, "`action = \"destroy\"`")
                .help(format!("destroy `{from}`, too, or remove the need")),
            );
        }
    }
    let edges = between_charts(edges);
    match order::levels(charts.len(), &edges) {
        None => {
            for cycle in cycles::find(charts.len(), &edges) {
                f.add(cycle_finding(charts, &cycle));
            }
        }
        Some(levels) => {
            for edge in redundant::find(&edges, &levels) {
                let (from, to) = (&charts[edge.from].name.value, &charts[edge.to].name.value);
                f.add(
                    Finding::warning(format!("chart `{from}` need not name `{to}`"))
                        .at(edge.origin, "its other needs imply this one"),
                );
            }
        }
    }
}

/// The edges that wait for charts themselves. CRDs wait for nothing: who waits for them is in no
/// cycle, and no other need implies that wait.
fn between_charts(edges: &[Edge]) -> Cow<'_, [Edge]> {
    let of_charts = |edge: &&Edge| edge.until != Milestone::Crds;
    if edges.iter().all(|edge| of_charts(&edge)) {
        return Cow::Borrowed(edges);
    }
    Cow::Owned(edges.iter().filter(of_charts).cloned().collect())
}

fn cycle_finding(charts: &[RawChart<'_>], cycle: &[&Edge]) -> Finding {
    let name = |chart: usize| charts[chart].name.value;
    let mut path: Vec<&str> = cycle.iter().map(|edge| name(edge.from)).collect();
    path.extend(path.first().copied());
    let message = format!("charts wait for each other: {}", path.join(" → "));
    let mut finding = Finding::error(message);
    for edge in cycle {
        let (from, to) = (name(edge.from), name(edge.to));
        let verb = if edge.soft { "comes after" } else { "needs" };
        finding = finding.at(edge.origin, format!("`{from}` {verb} `{to}`"));
    }
    finding.help("remove one of these")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{diagnostic::Source, stack::layers::origin::Sources};

    /// Hard edges until validated.
    pub(crate) fn edges(pairs: &[(usize, usize)]) -> Vec<Edge> {
        let source = Sources::default().add(Source {
            name: String::new(),
            text: String::new(),
        });
        pairs
            .iter()
            .map(|&(from, to)| Edge {
                from,
                to,
                until: Milestone::Validated,
                soft: false,
                origin: source.origin(0..0),
            })
            .collect()
    }
}
