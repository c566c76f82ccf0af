//! Signals and systemd.
