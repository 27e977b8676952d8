//! Why a chart could not be had.

/// A chart could not be had. Messages are whole: they say what was asked, of whom, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// The chart that is there cannot be used.
    #[error(transparent)]
    Chart(#[from] super::ChartError),
}
