//! The shape of a stack file: its tables, the keys of each, what every key holds and means.
//!
//! The one place that says so. `raw` and `validate` read tables by these shapes, so a key that is
//! not here cannot be read; [`super::schema`] makes the JSON Schema and the reference page of them.
//! What goes beyond the shape (names that must exist, keys that exclude each other) is checked, and
//! worded, where it is read.
//!
//! - this file: the language; `words`: what may be said where only a few words may;
//! - `file`: everything but charts; `chart`, and the `tables` that its keys hold;
//! - `steps`: the frame of a step, and how objects are named; `verbs`: what each verb says.

mod chart;
mod file;
mod steps;
mod tables;
mod verbs;
mod words;

pub(crate) use self::{chart::*, file::*, steps::*, tables::*, verbs::*, words::*};

/// A table with known keys.
#[derive(Debug)]
pub(crate) struct Shape {
    /// With its article, for messages: "a chart".
    pub(crate) what: &'static str,
    /// Its definition in the JSON Schema.
    pub(crate) name: &'static str,
    /// How it begins in a file, in Markdown; what it is for.
    pub(crate) head: &'static str,
    pub(crate) doc: &'static str,
    /// Its keys are those of another table, where the reference page tells of them.
    pub(crate) retold: bool,
    pub(crate) groups: &'static [&'static Group],
    pub(crate) rules: &'static [Rule],
}

/// Keys that several tables share, or all of one.
#[derive(Debug)]
pub(crate) struct Group {
    /// For those that are told of once: the heading, and what they are for.
    pub(crate) shared: Option<(&'static str, &'static str)>,
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    /// What it means, in Markdown.
    pub(crate) doc: &'static str,
    /// What it is where nothing is said, in JSON. None where that depends.
    pub(crate) default: Option<&'static str>,
    /// It has to be there: in the table itself or, where tables are merged, in one of them.
    pub(crate) required: bool,
}

/// What a key holds.
#[derive(Debug)]
pub(crate) enum Holds {
    Flag,
    /// Only `true` means something.
    True,
    Text,
    /// A text that matches a regular expression.
    TextLike(&'static str),
    /// One of a few words.
    Word(fn() -> Vec<&'static str>),
    /// A whole number, from and to.
    Whole(i64, Option<i64>),
    /// Any number, from and to.
    Number(f64, f64),
    Duration,
    /// Any table.
    Tree,
    Anything,
    List(&'static Self),
    /// A table whose keys are names: what one is called in the documentation, what it must match
    /// (nothing: anything goes), and what it names.
    Names(&'static str, Option<&'static str>, &'static Self),
    Table(&'static Shape),
    Or(&'static [Self]),
}

/// Which keys of a table go together. Only where the table stands in an array: others are merged
/// from several places, none of which needs to be whole.
#[derive(Debug)]
pub(crate) enum Rule {
    /// Exactly one of these.
    One(&'static [&'static str]),
    /// At least one of these.
    Some(&'static [&'static str]),
    /// The first goes with the second only.
    With(&'static str, &'static str),
}

/// A whole number that is never negative, in the range of `u32`.
const COUNT: Holds = Holds::Whole(0, Some(u32::MAX as i64));

/// As [`COUNT`], and not 0.
const POSITIVE: Holds = Holds::Whole(1, Some(u32::MAX as i64));

const TEXTS: Holds = Holds::List(&Holds::Text);

const ONE_OR_MORE: Holds = Holds::Or(&[Holds::Text, TEXTS]);

/// A table of texts.
const TEXT_TABLE: Holds = Holds::Names("NAME", None, &Holds::Text);

/// A line for a shell, or a program and its arguments.
const COMMAND: Holds = ONE_OR_MORE;

/// What inputs, outputs and captures are called.
const NAME: &str = "^[A-Za-z0-9_-]+$";

/// A DNS label, or a text that becomes one.
const LABEL: Holds = Holds::TextLike(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$|\$\{");

impl Shape {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.keys)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys().any(|one| one.name == key)
    }
}

impl Group {
    const fn own(keys: &'static [Key]) -> Self {
        Self { shared: None, keys }
    }
}

impl Key {
    const fn new(name: &'static str, holds: Holds, doc: &'static str) -> Self {
        Self {
            name,
            holds,
            doc,
            default: None,
            required: false,
        }
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}
