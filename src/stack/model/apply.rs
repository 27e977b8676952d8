//! How Helm brings a chart's objects to the cluster: choices of its own, in its words.

/// How Helm brings objects to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Apply {
    /// How it changes what is there.
    pub mode: ApplyMode,
    /// `take_ownership`: objects that are not the release's become its own (Helm 3.17 and later).
    pub take_ownership: bool,
    /// `skip_schema_validation`: values need not be as the chart's schema says (Helm 3.16 and
    /// later).
    pub skip_schema_validation: bool,
}

/// `force_replace`, `server_side` and `force_conflicts`, of which not all go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApplyMode {
    /// As Helm does by itself: Helm 3 from the client's side, Helm 4 as the release was made, a new
    /// one server-side.
    #[default]
    Auto,
    /// `server_side = false`.
    ClientSide,
    /// `server_side = true` (Helm 4).
    ServerSide {
        /// `force_conflicts`: takes over fields that others own.
        force_conflicts: bool,
    },
    /// `force_replace`: replaces objects instead of patching them (Helm's `--force`,
    /// `--force-replace`).
    Replace,
}
