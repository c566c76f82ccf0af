//! The types that all rooms share. Data only: no I/O and no waiting.

pub mod check_digit;
pub mod class;
pub mod counts;
pub mod critical;
pub mod flag;
pub mod frame;
pub mod geometry;
pub mod interval;
pub mod label;
pub mod letters;
pub mod own_class;
pub mod prevalence_mode;
pub mod red_cell_colour;
pub mod red_class;
pub mod red_grade;
pub mod scale;
pub mod source;
