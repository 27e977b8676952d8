//! Where a value was said, in eight bytes and a bit, so that every leaf of a large stack can know.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::diagnostic::{Place, Source};

/// A byte range of one of the [`Sources`]. Ordered as a reader meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    source: u16,
    start: u32,
    end: u32,
    section: Section,
}

/// Which part of a stack file says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Section {
    /// The file itself.
    File,
    /// A top-level table that is none of those below.
    Table,
    /// `[defaults]`.
    Defaults,
    /// `[environments]`.
    Environments,
    /// `[environments.NAME]`.
    Environment,
    /// A table of an environment.
    OfEnvironment,
    /// `[environments.NAME.defaults]`.
    EnvironmentDefaults,
}

impl Section {
    /// Of what stands under a key.
    fn under(self, key: &str) -> Self {
        match (self, key) {
            (Self::File, "defaults") => Self::Defaults,
            (Self::File, "environments") => Self::Environments,
            (Self::File, _) => Self::Table,
            (Self::Environments, _) => Self::Environment,
            (Self::Environment, "defaults") => Self::EnvironmentDefaults,
            (Self::Environment, _) => Self::OfEnvironment,
            (deeper, _) => deeper,
        }
    }
}

/// The texts a stack is made of, in the order findings are told: the file, what it includes, the
/// command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    source: Arc<Source>,
    /// Where its relative paths start and its commands run.
    folder: Option<Arc<Path>>,
}

/// Which of the [`Sources`], and where in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceIx {
    index: u16,
    section: Section,
}

/// A value and where it was said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// A text of the file, not yet expanded.
pub(crate) type Text<'a> = Located<&'a str>;

impl<T: AsRef<str>> Located<T> {
    pub(crate) fn text(&self) -> Text<'_> {
        Located {
            value: self.value.as_ref(),
            origin: self.origin,
        }
    }
}

impl SourceIx {
    /// Spans beyond 4 GiB are cut: the finding is then under a wrong line, nothing else.
    pub(crate) fn origin(self, span: Range<usize>) -> Origin {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Origin {
            source: self.index,
            start: cut(span.start),
            end: cut(span.end),
            section: self.section,
        }
    }

    /// For what stands under a key of a table that is read with `self`.
    pub(crate) fn under(self, key: &str) -> Self {
        let section = self.section.under(key);
        Self { section, ..self }
    }
}

impl Origin {
    /// The part of the stack file.
    pub(crate) fn section(self) -> Section {
        self.section
    }

    /// Another span of the same text.
    fn moved(self, span: Range<usize>) -> Self {
        let source = SourceIx {
            index: self.source,
            section: self.section,
        };
        source.origin(span)
    }
}

impl Sources {
    /// Adds a text that says no paths.
    pub(crate) fn add(&mut self, source: Source) -> SourceIx {
        self.push(source, None)
    }

    /// Adds a stack file, whose relative paths start from a folder.
    pub(crate) fn add_file(&mut self, source: Source, folder: &Path) -> SourceIx {
        self.push(source, Some(folder.into()))
    }

    fn push(&mut self, source: Source, folder: Option<Arc<Path>>) -> SourceIx {
        let index = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        let source = Arc::new(source);
        self.0.push(Known { source, folder });
        SourceIx {
            index,
            section: Section::File,
        }
    }

    /// The folder of the file that says something: its relative paths start there, its commands
    /// run there.
    pub(crate) fn folder(&self, origin: Origin) -> PathBuf {
        let known = self.0.get(usize::from(origin.source));
        let folder = known.and_then(|known| known.folder.as_deref());
        folder.unwrap_or(Path::new(".")).to_owned()
    }

    /// The place an origin stands for.
    pub(crate) fn place(&self, origin: Origin) -> Option<Place> {
        let source = &self.0.get(usize::from(origin.source))?.source;
        Some(Place {
            source: Arc::clone(source),
            span: origin.start as usize..origin.end as usize,
        })
    }

    /// The origin of a part of a text.
    pub(crate) fn within(&self, text: Text<'_>, part: &Range<usize>) -> Origin {
        self.parts(text).origin(part)
    }

    /// For the origins of many parts of a text.
    pub(crate) fn parts<'a>(&self, text: Text<'a>) -> Parts<'a> {
        Parts {
            text,
            start: self.start(text),
        }
    }

    /// Where a text begins in its file. TOML escapes shift offsets; a text that does not stand in
    /// the file as it is read has no such place.
    fn start(&self, text: Text<'_>) -> Option<usize> {
        let whole = text.origin;
        let range = whole.start as usize..whole.end as usize;
        let known = self.0.get(usize::from(whole.source))?;
        let at = known.source.text.get(range)?.find(text.value)?;
        (!text.value.is_empty()).then_some(whole.start as usize + at)
    }
}

/// Makes origins of parts of one text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    text: Text<'a>,
    start: Option<usize>,
}

impl Parts<'_> {
    /// Of one part: the whole text if that is all that is known.
    pub(crate) fn origin(&self, part: &Range<usize>) -> Origin {
        match self.start {
            Some(start) if part.end <= self.text.value.len() => {
                let span = start + part.start..start + part.end;
                self.text.origin.moved(span)
            }
            _ => self.text.origin,
        }
    }
}
