//! Instruction sets for the convolution.

use std::fmt;

use super::round::LANES;

/// An implementation of the convolution's multiply-add. All give the same integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Portable Rust.
    Plain,
    /// x86-64 with AVX2: 16-bit products added in pairs.
    Avx2,
    /// x86-64 with AVX-VNNI: four byte products added at once, 256 bits wide.
    AvxVnni,
    /// x86-64 with AVX-512 VNNI: the same, 512 bits wide.
    Avx512Vnni,
    /// Any aarch64, and 32-bit ARM with NEON: two byte products added in 16 bits.
    Neon,
    /// aarch64 with the dot product instructions (ARMv8.2 option; Cortex-A55, A76 and later).
    NeonDot,
    /// aarch64 with matrix products of bytes (ARMv8.6; Cortex-A510, A710, X2 and later).
    NeonMatrix,
}

/// Layout of activations and weights that a kernel expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Bytes; weights `[block][k / 4][16][4]`.
    Bytes,
    /// Bytes with 128 subtracted from the activations, so that both factors are signed; weights as `Bytes`.
    ShiftedBytes,
    /// The same activations; weights `[block][k / 4][16 / 4][2][4][2]`: of four channels two products each, then two more.
    ShiftedPairs,
    /// Bytes; weights `[block][k / 8][16][8]`.
    Octets,
    /// 16 bits; weights `[block][k / 2][16][2]`.
    Pairs,
    /// 16 bits; weights `[block][k][16]`.
    Words,
}

impl Kernel {
    /// All kernels; those that one machine may have are in order from slowest to fastest.
    pub const ALL: [Self; 7] =
        [Self::Plain, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni, Self::Neon, Self::NeonDot, Self::NeonMatrix];

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Plain => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => {
                std::arch::is_aarch64_feature_detected!("neon") && std::arch::is_aarch64_feature_detected!("dotprod")
            }
            #[cfg(target_arch = "aarch64")]
            Self::NeonMatrix => {
                std::arch::is_aarch64_feature_detected!("neon") && std::arch::is_aarch64_feature_detected!("i8mm")
            }
            #[cfg(target_arch = "arm")]
            Self::Neon => {
                /// The kernel's bit for NEON.
                const HWCAP_NEON: usize = 1 << 12;
                rustix::param::linux_hwcap().0 & HWCAP_NEON != 0
            }
            _ => false,
        }
    }

    /// The fastest one this machine can run.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|kernel| kernel.is_available()).unwrap_or(Self::Plain)
    }

    pub(super) fn layout(self) -> Layout {
        match self {
            Self::AvxVnni | Self::Avx512Vnni => Layout::Bytes,
            Self::NeonDot => Layout::ShiftedBytes,
            Self::Neon => Layout::ShiftedPairs,
            Self::NeonMatrix => Layout::Octets,
            Self::Avx2 => Layout::Pairs,
            Self::Plain => Layout::Words,
        }
    }
}

impl Layout {
    /// Whether 128 is subtracted from the activations.
    pub(super) fn is_shifted(self) -> bool {
        matches!(self, Self::ShiftedBytes | Self::ShiftedPairs)
    }

    /// Input channels are padded to a multiple of this.
    pub(super) fn multiple(self) -> usize {
        if self == Self::Octets { 8 } else { 4 }
    }

    /// Where in a block of 16 output channels the weight of a channel (`lane`) for product `k` is.
    pub(super) fn offset(self, lane: usize, k: usize) -> usize {
        let together = match self {
            Self::Bytes | Self::ShiftedBytes => 4,
            Self::ShiftedPairs => return k / 4 * 64 + lane / 4 * 16 + k % 4 / 2 * 8 + lane % 4 * 2 + k % 2,
            Self::Octets => 8,
            Self::Pairs => 2,
            Self::Words => 1,
        };
        k / together * together * LANES + lane * together + k % together
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Avx2 => "AVX2",
            Self::AvxVnni => "AVX-VNNI",
            Self::Avx512Vnni => "AVX-512 VNNI",
            Self::Neon => "NEON",
            Self::NeonDot => "NEON with dot product",
            Self::NeonMatrix => "NEON with matrix product",
        })
    }
}
