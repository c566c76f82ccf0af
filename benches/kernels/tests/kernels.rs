//! The main program's tests of the convolutions, for any processor: `cargo test -p leukoscope-kernels --target …` under
//! emulation.

extern crate leukoscope_kernels as leukoscope;

#[path = "../../../tests/vision/int8_kernels.rs"]
mod int8_kernels;
