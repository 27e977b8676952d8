//! Which charts a run is about.

use std::fmt;

use super::{Graph, Selector};
use crate::name::ChartName;

/// What the user asked for. The default asks for everything.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Charts by name; empty = any.
    pub names: Vec<String>,
    /// Alternatives, one of which a chart must meet; empty = any.
    pub selectors: Vec<Selector>,
    /// Also what the found charts need, transitively.
    pub with_needs: bool,
    /// Also what needs the found charts, transitively.
    pub with_dependents: bool,
}

/// The charts of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    charts: Vec<ChartName>,
    left_out: Vec<ChartName>,
    sentence: String,
    /// By position in the stack.
    chosen: Vec<bool>,
}

/// A request that selects nothing sensible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Names that are not charts of the stack (or are disabled).
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unknown(Vec<UnknownChart>),
    /// No chart meets the request.
    #[error("no chart matched {request}")]
    NothingMatched {
        /// The request, in words.
        request: String,
    },
}

/// A name that is not a chart of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownChart {
    /// The name as given.
    pub name: String,
    /// A chart with a similar name.
    pub similar: Option<ChartName>,
}

impl fmt::Display for UnknownChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stack has no chart `{}`", self.name)?;
        match &self.similar {
            Some(similar) => write!(f, " (did you mean `{similar}`?)"),
            None => Ok(()),
        }
    }
}

impl Selection {
    /// Selected charts, in the order of the file.
    pub fn charts(&self) -> &[ChartName] {
        &self.charts
    }

    /// The stack's other charts, in the order of the file.
    pub fn left_out(&self) -> &[ChartName] {
        &self.left_out
    }

    /// What is selected, in words: `all 8 charts`, `2 of 8 charts: web, api`.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Whether the chart at `index` of the file is selected.
    pub(crate) fn holds(&self, index: usize) -> bool {
        self.chosen[index]
    }

    /// Positions of the selected charts in the file, ascending.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> {
        (0..self.chosen.len()).filter(|&index| self.chosen[index])
    }
}

impl Graph<'_> {
    /// Finds the charts of a request. Names and selectors must both hold when both are given. With
    /// both closures, what needs the found charts comes first, then what all of these need: the
    /// run then needs nothing from outside. Closures follow hard needs only; a need of CRDs makes no
    /// dependent: it holds whatever becomes of the chart itself.
    pub fn select(&self, request: &Request) -> Result<Selection, SelectError> {
        let stack = self.stack();
        let named = self.named(&request.names)?;
        let mut chosen: Vec<bool> = stack
            .charts
            .values()
            .zip(named)
            .map(|(chart, is_named)| {
                let any = request.selectors.is_empty();
                is_named && (any || request.selectors.iter().any(|one| one.matches(chart)))
            })
            .collect();
        let asked = !(request.names.is_empty() && request.selectors.is_empty());
        let found = self.names_of(&chosen, true);
        if asked && found.is_empty() {
            let request = words(request);
            return Err(SelectError::NothingMatched { request });
        }
        if request.with_dependents {
            self.dag()
                .mark_after(&mut chosen, |edge| !edge.soft && edge.is_of_chart());
        }
        if request.with_needs {
            self.dag().mark_before(&mut chosen, |edge| !edge.soft);
        }
        let charts = self.names_of(&chosen, true);
        let left_out = self.names_of(&chosen, false);
        Ok(Selection {
            sentence: sentence(&found, charts.len(), left_out.len(), request),
            charts,
            left_out,
            chosen,
        })
    }

    fn named(&self, names: &[String]) -> Result<Vec<bool>, SelectError> {
        let charts = &self.stack().charts;
        let mut found = vec![names.is_empty(); charts.len()];
        let mut unknown = Vec::new();
        for name in names {
            match charts.get_index_of(name.as_str()) {
                Some(index) => found[index] = true,
                None => unknown.push(UnknownChart {
                    name: name.clone(),
                    similar: similar(name, charts.keys()),
                }),
            }
        }
        if unknown.is_empty() {
            Ok(found)
        } else {
            Err(SelectError::Unknown(unknown))
        }
    }

    fn names_of(&self, chosen: &[bool], which: bool) -> Vec<ChartName> {
        let keys = self.stack().charts.keys().zip(chosen);
        keys.filter(|&(_, &is)| is == which)
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// The most similar name, if it is similar enough to be a slip: as in a stack file's own
/// suggestions, one edit (swapped neighbours are one) for every three characters.
fn similar<'n>(text: &str, names: impl Iterator<Item = &'n ChartName>) -> Option<ChartName> {
    let length = text.chars().count();
    let limit = length.div_ceil(3);
    let scored = names.map(|name| (strsim::osa_distance(text, name.as_str()), name));
    let likely = scored.filter(|&(edits, _)| edits <= limit && edits < length);
    let best = likely.min_by_key(|&(edits, _)| edits);
    best.map(|(_, name)| name.clone())
}

fn words(request: &Request) -> String {
    let mut words = Vec::new();
    if !request.names.is_empty() {
        words.push(request.names.join(", "));
    }
    if !request.selectors.is_empty() {
        let each = request.selectors.iter().map(|one| format!("-l {one}"));
        words.push(each.collect::<Vec<_>>().join(" "));
    }
    words.join(" with ")
}

/// Names that are spelled out before it says `and n more`.
const NAMES_SPELLED_OUT: usize = 8;

fn sentence(found: &[ChartName], n_chosen: usize, n_left: usize, request: &Request) -> String {
    let n_all = n_chosen + n_left;
    match (n_all, n_left) {
        (0, _) => return "none: the stack has no charts".into(),
        (1, _) => return "the only chart".into(),
        (_, 0) => return format!("all {n_all} charts"),
        _ => {}
    }
    let spelled = found.iter().take(NAMES_SPELLED_OUT).map(ChartName::as_str);
    let mut names = spelled.collect::<Vec<_>>().join(", ");
    if found.len() > NAMES_SPELLED_OUT {
        let n_more = found.len() - NAMES_SPELLED_OUT;
        names = format!("{names} and {n_more} more");
    }
    let (needs, dependents) = if found.len() == 1 {
        ("what it needs", "what needs it")
    } else {
        ("what they need", "what needs them")
    };
    let with = match (request.with_needs, request.with_dependents) {
        (false, false) => String::new(),
        (true, false) => format!(" (with {needs})"),
        (false, true) => format!(" (with {dependents})"),
        (true, true) => format!(" (with {needs} and {dependents})"),
    };
    format!("{n_chosen} of {n_all} charts: {names}{with}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{graph::fixture, stack::Stack};

    fn shop() -> Stack {
        let mut stack = fixture::stack(&[
            ("web", &["api"]),
            ("api", &["db", "cache:ready"]),
            ("db", &[]),
            ("cache", &["~db"]),
            ("jobs", &["db", "~web"]),
        ]);
        for (chart, tier) in [("db", "data"), ("cache", "data"), ("web", "edge")] {
            let labels = &mut stack.charts[chart].labels;
            labels.insert("tier".into(), tier.into());
        }
        stack
    }

    fn request(names: &[&str], selectors: &[&str]) -> Request {
        Request {
            names: names.iter().map(ToString::to_string).collect(),
            selectors: selectors.iter().map(|s| s.parse().unwrap()).collect(),
            ..Request::default()
        }
    }

    fn select(request: &Request) -> Result<(String, String), SelectError> {
        let stack = shop();
        let selection = Graph::new(&stack).select(request)?;
        let names: Vec<_> = selection.charts().iter().map(ChartName::as_str).collect();
        assert_eq!(names.len() + selection.left_out().len(), 5);
        Ok((names.join(" "), selection.sentence().to_owned()))
    }

    #[test]
    fn names_and_selectors_both_hold_and_closures_follow_needs_only() {
        type Case<'a> = (&'a [&'a str], &'a [&'a str], bool, bool, &'a str, &'a str);
        let cases: [Case<'_>; 10] = [
            (
                &[],
                &[],
                false,
                false,
                "web api db cache jobs",
                "all 5 charts",
            ),
            (
                &["db", "web"],
                &[],
                false,
                false,
                "web db",
                "2 of 5 charts: web, db",
            ),
            (
                &[],
                &["tier=data"],
                false,
                false,
                "db cache",
                "2 of 5 charts: db, cache",
            ),
            (
                &[],
                &["tier=data,name!=db", "name=jobs"],
                false,
                false,
                "cache jobs",
                "2 of 5 charts: cache, jobs",
            ),
            (
                &["db", "web"],
                &["tier=data"],
                false,
                false,
                "db",
                "1 of 5 charts: db",
            ),
            (
                &["api"],
                &[],
                true,
                false,
                "api db cache",
                "3 of 5 charts: api (with what it needs)",
            ),
            (
                &["cache"],
                &[],
                true,
                false,
                "cache",
                "1 of 5 charts: cache (with what it needs)",
            ),
            (
                &["cache"],
                &[],
                false,
                true,
                "web api cache",
                "3 of 5 charts: cache (with what needs it)",
            ),
            (
                &["cache", "api"],
                &[],
                true,
                true,
                "web api db cache",
                "4 of 5 charts: api, cache (with what they need and what needs them)",
            ),
            (
                &["db"],
                &[],
                false,
                true,
                "web api db jobs",
                "4 of 5 charts: db (with what needs it)",
            ),
        ];
        for (names, selectors, with_needs, with_dependents, expected, sentence) in cases {
            let request = Request {
                with_needs,
                with_dependents,
                ..request(names, selectors)
            };
            let selected = select(&request).unwrap();
            assert_eq!(selected, (expected.to_owned(), sentence.to_owned()));
        }
    }

    #[test]
    fn what_matches_nothing_is_an_error_that_helps() {
        for (names, selectors, expected) in [
            (
                &["ap", "web", "zzz"][..],
                &[][..],
                "the stack has no chart `ap` (did you mean `api`?); the stack has no chart `zzz`",
            ),
            (&[], &["tier=x"], "no chart matched -l tier=x"),
            (
                &["web", "api"],
                &["tier=x", "name=db"],
                "no chart matched web, api with -l tier=x -l name=db",
            ),
        ] {
            let error = select(&request(names, selectors)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn needs_across_the_border_are_found_on_both_sides() {
        let stack = shop();
        let graph = Graph::new(&stack);
        let selection = graph.select(&request(&["api", "db"], &[])).unwrap();
        let pairs = |outside: Vec<crate::graph::Outside>| {
            let pairs = outside.into_iter();
            pairs
                .map(|o| format!("{} {}", o.chart, o.other))
                .collect::<Vec<_>>()
        };
        assert_eq!(pairs(graph.needs_outside(&selection)), ["api cache"]);
        assert_eq!(
            pairs(graph.dependents_outside(&selection)),
            ["api web", "db jobs"]
        );
    }

    #[test]
    fn a_need_of_crds_selects_the_chart_but_makes_no_dependent() {
        let stack = fixture::stack(&[
            ("certs", &["metrics:crds"]),
            ("metrics", &["certs:crds", "~web"]),
            ("web", &["certs"]),
        ]);
        let graph = Graph::new(&stack);
        let closed = |name: &str, with_needs, with_dependents| {
            let request = Request {
                with_needs,
                with_dependents,
                ..request(&[name], &[])
            };
            let selection = graph.select(&request).unwrap();
            let names = selection.charts().iter().map(ChartName::as_str);
            let outside = |found: Vec<crate::graph::Outside>| {
                let pairs = found.into_iter();
                pairs
                    .map(|pair| format!("{} {}", pair.chart, pair.other))
                    .collect::<Vec<_>>()
            };
            (
                names.collect::<Vec<_>>().join(" "),
                outside(graph.needs_outside(&selection)),
                outside(graph.dependents_outside(&selection)),
            )
        };
        let none = Vec::<String>::new();
        assert_eq!(
            closed("certs", false, false),
            (
                "certs".to_owned(),
                vec!["certs metrics".to_owned()],
                vec!["certs web".to_owned()]
            )
        );
        let both = "certs metrics".to_owned();
        assert_eq!(closed("metrics", true, false).0, both);
        let with_dependents = closed("metrics", false, true);
        assert_eq!(
            (with_dependents.0.as_str(), with_dependents.2),
            ("metrics", none)
        );
    }

    #[test]
    fn many_names_are_cut_short_and_few_charts_are_said_well() {
        let names: Vec<String> = (0..20).map(|n| format!("c{n}")).collect();
        let charts: Vec<(&str, &[&str])> = names.iter().map(|n| (n.as_str(), &[][..])).collect();
        let stack = fixture::stack(&charts);
        let request = Request {
            names: names[..10].to_vec(),
            ..Request::default()
        };
        let selection = Graph::new(&stack).select(&request).unwrap();
        assert_eq!(
            selection.sentence(),
            "10 of 20 charts: c0, c1, c2, c3, c4, c5, c6, c7 and 2 more"
        );
        for (charts, sentence) in [
            (&[][..], "none: the stack has no charts"),
            (&[("web", &[][..])][..], "the only chart"),
        ] {
            let stack = fixture::stack(charts);
            let all = Graph::new(&stack).select(&Request::default()).unwrap();
            assert_eq!(all.sentence(), sentence);
        }
    }
}
