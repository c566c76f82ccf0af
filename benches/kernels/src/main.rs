//! What the int8 convolutions make of a core:
//! - `leukoscope-kernels` times each kernel of this machine on the shipped networks' layers, in turn with the kernel's
//!   multiply-add instruction alone on registers, and prints a table.
//! - `leukoscope-kernels KERNEL SIDE REPEATS` only runs the layers of one kernel side, for a program that counts
//!   instructions (`benches/kernels/count`), and prints the multiply-adds of one repeat.

mod layers;
mod peak;

use std::time::Instant;

use anyhow::Context as _;
use leukoscope_kernels::int8::{Kernel, LayerError};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, side, repeats] = &arguments[..] else { return table() };
    let kernel = Kernel::ALL.into_iter().find(|kernel| kernel.to_string() == *name);
    let kernel = kernel.context("no such instruction set")?;
    let mut layers = layers::of_side(kernel, side.parse()?)?;
    for _ in 0..repeats.parse()? {
        layers.iter_mut().try_for_each(layers::Ready::run)?;
    }
    println!("{}", layers.iter().map(|layer| layer.multiply_adds).sum::<usize>());
    Ok(())
}

/// Rounds of timing, of which the fastest counts: what other programs take can only slow one down.
const ROUNDS: usize = 60;

fn table() -> anyhow::Result<()> {
    println!("| kernel | multiply-adds a cycle: peak | 3x3, share of the peak | 1x1, share of the peak |");
    println!("| --- | --- | --- | --- |");
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        let (mut three, mut one) = (layers::of_side(kernel, 3)?, layers::of_side(kernel, 1)?);
        let (mut cycles, mut peak) = (0.0_f64, 0.0_f64);
        let (mut speed_three, mut speed_one) = (vec![0.0_f64; three.len()], vec![0.0_f64; one.len()]);
        for _ in 0..ROUNDS {
            cycles = cycles.max(per_second(|| Ok(Some(peak::wait(500_000))))?);
            peak = peak.max(per_second(|| Ok(peak::multiply_adds(kernel, 30_000)))?);
            for (layers, speeds) in [(&mut three, &mut speed_three), (&mut one, &mut speed_one)] {
                for (layer, speed) in layers.iter_mut().zip(speeds) {
                    *speed = speed.max(per_second(|| layer.run().map(|()| Some(layer.multiply_adds)))?);
                }
            }
        }
        let share = |layers: &[layers::Ready], speeds: &[f64]| {
            let products = layers.iter().map(|layer| layer.multiply_adds as f64);
            let seconds: f64 = products.clone().zip(speeds).map(|(products, speed)| products / speed).sum();
            products.sum::<f64>() / seconds
        };
        let (three, one) = (share(&three, &speed_three), share(&one, &speed_one));
        // No one instruction multiplies and adds in portable code, and the compiler knows none for 32-bit ARM.
        let cell = |speed: f64| match peak {
            0.0 => format!("{:.1}", speed / cycles),
            peak => format!("{:.1}, {:.2}", speed / cycles, speed / peak),
        };
        println!("| {kernel} | {:.1} | {} | {} |", peak / cycles, cell(three), cell(one));
    }
    Ok(())
}

/// How much `work` does in a second; 0 where it does nothing.
fn per_second(work: impl FnOnce() -> Result<Option<usize>, LayerError>) -> Result<f64, LayerError> {
    let start = Instant::now();
    let done = work()?;
    Ok(done.map_or(0.0, |done| done as f64 / start.elapsed().as_secs_f64()))
}
