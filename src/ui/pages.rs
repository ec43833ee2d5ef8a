//! The pages: one for each address.

pub mod interview;
pub mod not_found;
pub mod start;
