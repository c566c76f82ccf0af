//! Loads, checks and overrides.
