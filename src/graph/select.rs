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
    /// run then needs nothing from outside. Closures follow hard needs only.
    pub fn select(&self, request: &Request) -> Result<Selection, SelectError> {
        let stack = self.stack();
        let named = self.named(&request.names)?;
        let mut chosen: Vec<bool> = stack
            .charts
            .values()
            .zip(named)
            .map(|(chart, named)| {
                let any = request.selectors.is_empty();
                named && (any || request.selectors.iter().any(|one| one.matches(chart)))
            })
            .collect();
        let asked = !(request.names.is_empty() && request.selectors.is_empty());
        let found = self.names_of(&chosen, true);
        if asked && found.is_empty() {
            let request = words(request);
            return Err(SelectError::NothingMatched { request });
        }
        if request.with_dependents {
            self.dag().mark_after(&mut chosen, |edge| !edge.soft);
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
        let mut named = vec![names.is_empty(); charts.len()];
        let mut unknown = Vec::new();
        for name in names {
            match charts.get_index_of(name.as_str()) {
                Some(index) => named[index] = true,
                None => unknown.push(UnknownChart {
                    name: name.clone(),
                    similar: similar(name, charts.keys()),
                }),
            }
        }
        if unknown.is_empty() {
            Ok(named)
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

/// The most similar name, if it is similar enough to be a slip.
fn similar<'n>(text: &str, names: impl Iterator<Item = &'n ChartName>) -> Option<ChartName> {
    let scored = names.map(|name| (strsim::jaro_winkler(text, name.as_str()), name));
    let likely = scored.filter(|&(score, _)| score > 0.8);
    let best = likely.max_by(|(a, _), (b, _)| a.total_cmp(b));
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
