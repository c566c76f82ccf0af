//! A blood-cell counter for a microscope and a small board.
//!
//! A [`camera`] gives [`frame`]s. [`optics`] takes out uneven light, makes their background white and finds their scale by
//! the red cells; [`detect`] boxes the cells; [`quality`] says whether the frame counts; [`track`] says which of them are
//! new on the slide; [`mod@crop`] brings the white ones to the classifier's scale and [`classify`] names them, or does not. [`tally`] counts, with exact intervals and flags, and a
//! [`session`] says when it is enough and keeps the result. Then [`sink`]s show it: a display, serial lines, metrics; buttons
//! and lights are [`hardware`]. What is worth keeping is in a [`store`]; [`web`] shows it in browsers.
//!
//! Data flows from left to right, and a stage knows only the data of those before it. [`vision`] is one image to its
//! cells, [`counter`] a stream of frames to cells counted once, [`pipeline`] the thread that wires it all. Before
//! detection only a live camera's newest frame is kept; after it nothing is dropped. Two things must not happen: a cell
//! counted twice while it stays in view, and a result lost once it was shown.

pub mod annotate;
pub mod calibrate;
pub mod camera;
pub mod class;
pub mod classify;
pub mod cli;
pub mod config;
pub mod counter;
pub mod crop;
pub mod detect;
pub mod export;
pub mod file;
pub mod frame;
pub mod geometry;
pub mod hardware;
pub mod int8;
pub mod latest;
pub mod logging;
pub mod models;
pub mod net;
pub mod optics;
pub mod pipeline;
pub mod prevalence;
pub mod quality;
pub mod report;
pub mod service;
pub mod session;
pub mod sink;
pub mod statistics;
pub mod stop;
pub mod store;
pub mod tally;
pub mod timing;
pub mod track;
pub mod trouble;
pub mod validate;
pub mod vision;
pub mod web;
pub mod words;
