//! The convolutions of `src/int8`, without tract around them.

#[cfg(target_arch = "aarch64")]
#[path = "../../../src/int8/aarch64.rs"]
mod aarch64;
#[cfg(target_arch = "arm")]
#[path = "../../../src/int8/arm.rs"]
mod arm;
#[path = "../../../src/int8/conv.rs"]
mod conv;
#[path = "../../../src/int8/kernel.rs"]
mod kernel;
#[path = "../../../src/int8/padded.rs"]
mod padded;
#[path = "../../../src/int8/plain.rs"]
mod plain;
#[path = "../../../src/int8/round.rs"]
mod round;
#[cfg(target_arch = "x86_64")]
#[path = "../../../src/int8/x86.rs"]
mod x86;

pub mod int8 {
    pub use crate::conv::{Convolution, Layer, LayerError};
    pub use crate::kernel::Kernel;
}
