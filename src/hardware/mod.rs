//! Buttons and lights.
