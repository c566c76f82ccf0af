//! What the core itself can do: multiply-adds on registers alone, nothing loaded or stored, and its clock.
#![expect(unsafe_code, reason = "only assembly says which instruction runs")]

use std::arch::asm;

use leukoscope_kernels::int8::Kernel;

/// Repeats an instruction on each of twelve vector registers, so that none waits for another, `rounds` times.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! repeat {
    ($rounds:expr, $before:literal, $after:literal) => {
        repeat!($rounds, $before, $after, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    ($rounds:expr, $before:literal, $after:literal, $($register:literal)*) => {
        // SAFETY: changes only registers that are named here; the caller has asked for the instruction.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            asm!(
                "2:", $(concat!($before, $register, $after),)* "dec {0}", "jnz 2b", inout(reg) $rounds => _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                options(nomem, nostack)
            );
            #[cfg(target_arch = "aarch64")]
            asm!(
                "2:", $(concat!($before, $register, $after),)* "subs {0}, {0}, 1", "b.ne 2b", inout(reg) $rounds => _,
                out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _,
                out("v6") _, out("v7") _, out("v8") _, out("v9") _, out("v10") _, out("v11") _,
                options(nomem, nostack)
            );
        }
    };
}

/// Does the kernel's multiply-add instruction 12 x `rounds` times; returns the multiply-adds done. `None` for a kernel
/// without an instruction of its own.
pub fn multiply_adds(kernel: Kernel, rounds: usize) -> Option<usize> {
    assert!(kernel.is_available(), "this machine has no {kernel}");
    let each: usize = match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => {
            repeat!(rounds, "vpmaddwd ymm", ", ymm14, ymm15");
            16
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::AvxVnni => {
            repeat!(rounds, "{{vex}} vpdpbusd ymm", ", ymm14, ymm15");
            32
        }
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => {
            repeat!(rounds, "vpdpbusd zmm", ", zmm14, zmm15");
            64
        }
        #[cfg(target_arch = "aarch64")]
        Kernel::Neon => {
            repeat!(rounds, "smull v", ".8h, v14.8b, v15.8b");
            8
        }
        #[cfg(target_arch = "aarch64")]
        Kernel::NeonDot => {
            repeat!(rounds, ".arch_extension dotprod\nsdot v", ".4s, v14.16b, v15.16b");
            16
        }
        #[cfg(target_arch = "aarch64")]
        Kernel::NeonMatrix => {
            repeat!(rounds, ".arch_extension i8mm\nusmmla v", ".4s, v14.16b, v15.16b");
            32
        }
        _ => 0,
    };
    (each > 0).then_some(12 * rounds * each)
}

/// Takes at least `cycles` clock cycles, and hardly more: instructions of which each waits for the one before. Returns how
/// many it took.
pub fn wait(cycles: usize) -> usize {
    /// Of a 64-bit multiplication on x86-64 processors of the last ten years (their additions may take no time), of an
    /// addition on ARM's.
    const LATENCY: usize = if cfg!(target_arch = "x86_64") { 3 } else { 1 };
    let rounds = cycles.div_ceil(8 * LATENCY);
    // SAFETY: changes two general registers and the flags.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "2:", "imul {1}, {1}", "imul {1}, {1}", "imul {1}, {1}", "imul {1}, {1}", "imul {1}, {1}", "imul {1}, {1}",
            "imul {1}, {1}", "imul {1}, {1}", "dec {0}", "jnz 2b", inout(reg) rounds => _, inout(reg) 1_usize => _,
            options(nomem, nostack)
        );
    }
    // SAFETY: as above.
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        asm!(
            "2:", "add {1}, {1}, {1}", "add {1}, {1}, {1}", "add {1}, {1}, {1}", "add {1}, {1}, {1}", "add {1}, {1}, {1}",
            "add {1}, {1}, {1}", "add {1}, {1}, {1}", "add {1}, {1}, {1}", "subs {0}, {0}, #1", "bne 2b",
            inout(reg) rounds => _, inout(reg) 1_usize => _, options(nomem, nostack)
        );
    }
    rounds * 8 * LATENCY
}
