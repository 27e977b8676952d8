//! The run folder and the write-ahead event journal.
