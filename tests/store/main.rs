//! What is kept, and what becomes of it in bad times.

#[path = "../common/mod.rs"]
mod common;
mod audit;
mod export;
mod import;
mod kill;
mod recorder;
mod retention;
mod store;
mod trouble;
