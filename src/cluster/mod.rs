//! The Kubernetes API, as far as a run needs it, behind one client with deadlines.
