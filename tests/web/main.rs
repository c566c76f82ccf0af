//! The page and its API.

mod adapting;
mod alarms;
mod amendments;
mod api;
mod calibrating;
#[path = "../common/mod.rs"]
mod common;
mod connections;
mod delta;
mod fields;
mod health;
mod laboratory;
mod live;
mod logins;
mod looks;
mod manual;
mod monitoring;
mod own_classes;
mod practice;
mod quality;
mod red_cells;
mod review;
mod samples;
mod security;
mod station;
mod support;
mod trail;
mod two_reviewers;
mod worklist;
