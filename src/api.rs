//! Server functions and their errors.
