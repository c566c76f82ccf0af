//! What is kept, and what becomes of it in bad times.

mod audit;
#[path = "../common/mod.rs"]
mod common;
mod export;
mod kill;
mod recorder;
mod retention;
mod store;
mod trouble;
