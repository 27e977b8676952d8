//! Where a value was said, in eight bytes and a bit, so that every leaf of a large stack can know.

use std::{ops::Range, sync::Arc};

use crate::diagnostic::{Place, Source};

/// A byte range of one of the [`Sources`]. Ordered as a reader meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    source: u16,
    start: u32,
    end: u32,
}

/// The texts a stack is made of, in order of precedence: the file first, the command line last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Vec<Arc<Source>>);

/// Which of the [`Sources`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceIx(u16);

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
            source: self.0,
            start: cut(span.start),
            end: cut(span.end),
        }
    }
}

impl Sources {
    /// Adds a text.
    pub(crate) fn add(&mut self, source: Source) -> SourceIx {
        let index = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        self.0.push(Arc::new(source));
        SourceIx(index)
    }

    /// The place an origin stands for.
    pub(crate) fn place(&self, origin: Origin) -> Option<Place> {
        let source = self.0.get(usize::from(origin.source))?;
        Some(Place {
            source: Arc::clone(source),
            span: origin.start as usize..origin.end as usize,
        })
    }

    /// The origin of a part of a text. TOML escapes shift offsets; a text that does not stand in
    /// the file as it is read is marked as a whole.
    pub(crate) fn within(&self, text: Text<'_>, part: &Range<usize>) -> Origin {
        let whole = text.origin;
        let range = whole.start as usize..whole.end as usize;
        let found = self
            .0
            .get(usize::from(whole.source))
            .and_then(|source| source.text.get(range))
            .and_then(|raw| raw.find(text.value))
            .filter(|_| !text.value.is_empty() && part.end <= text.value.len());
        match found {
            Some(at) => {
                let base = whole.start as usize + at;
                SourceIx(whole.source).origin(base + part.start..base + part.end)
            }
            None => whole,
        }
    }
}
