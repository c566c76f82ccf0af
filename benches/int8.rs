//! Cost of the int8 networks with every kernel of this machine, and of the same layers in `f32` with tract.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use leukoscope::int8::Kernel;
use leukoscope::vision::models::Models;
use leukoscope::vision::net::{Array, Net};
use tract_onnx::prelude::*;

#[path = "../tests/common/float_twin.rs"]
mod float_twin;

use float_twin::float_twin;

fn models() -> Models {
    Models::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("the shipped models")
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

fn classifier(criterion: &mut Criterion) {
    let models = models();
    let side = models.card.classifier.size as usize;
    let crop = Array { shape: [1, 3, side, side], values: vec![0.5; 3 * side * side] };

    for kernel in kernels() {
        let net = Net::read_for(&models.classifier, kernel).expect("the shipped classifier");
        criterion.bench_function(&format!("one crop, int8, {kernel}"), |b| {
            b.iter(|| net.run::<2>(black_box(&crop)).expect("an answer"));
        });
    }
    let plan = float_twin(&models.classifier, crop.shape).expect("a network of floats");
    let tensor = Tensor::from_shape(&crop.shape, &crop.values).expect("a crop's numbers");
    criterion.bench_function("one crop, float32, tract", |b| {
        b.iter(|| plan.run(tvec!(tensor.clone().into())).expect("an answer"));
    });
}

/// Input sizes of the detector: the smallest that shows a field, 640x480 px and 1920x1080 px with red cells of 51 px.
const FIELDS: [(usize, usize); 3] = [(208, 160), (368, 272), (1088, 608)];

fn detector(criterion: &mut Criterion) {
    let models = models();
    for (width, height) in FIELDS {
        let pixels: Vec<u8> = (0..3 * width * height).map(|at| (at % 251) as u8).collect();
        for kernel in kernels() {
            let net = Net::read_for(&models.detector, kernel).expect("the shipped detector");
            criterion.bench_function(&format!("field of {width}x{height}, int8, {kernel}"), |b| {
                b.iter(|| net.run_pixels::<4>(black_box(&pixels), [1, height, width]).expect("an answer"));
            });
        }
        let shape = [1, 3, height, width];
        let plan = float_twin(&models.detector, shape).expect("a network of floats");
        let values = vec![0.5_f32; 3 * width * height];
        let tensor = Tensor::from_shape(&shape, &values).expect("a field's numbers");
        criterion.bench_function(&format!("field of {width}x{height}, float32, tract"), |b| {
            b.iter(|| plan.run(tvec!(tensor.clone().into())).expect("an answer"));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = classifier, detector
}
criterion_main!(benches);
