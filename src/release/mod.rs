//! Helm's release records: codec, store, marks.
