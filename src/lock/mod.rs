//! The lease that keeps two runs of a stack apart, as a pure state machine.
