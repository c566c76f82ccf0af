//! Cost of a frame: each stage alone, and the whole frame.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::counting::counter::Counter;
use leukoscope::domain::class::Kind;
use leukoscope::vision::Vision;
use leukoscope::vision::models::Models;
use leukoscope::vision::optics::flat_field::learn::Learner;
use leukoscope::vision::optics::flat_field::{FlatField, Illumination};
use leukoscope::vision::quality::assess;
use leukoscope::vision::quality::focus::FocusHistory;

fn stages(criterion: &mut Criterion) {
    let models = Models::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).expect("the shipped models");
    let vision = Arc::new(Vision::new(&models, None, None).expect("the shipped models run"));
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    let image = microscope.draw(0).0;
    let balanced = vision.balanced(&image);
    let scale = vision.scale(&balanced).expect("detection runs").expect("a field has red cells");
    let cells = vision.detect(&balanced, scale).expect("detection runs");
    let centres: Vec<_> =
        cells.iter().filter(|cell| cell.kind == Kind::Rbc).map(|cell| cell.area.centre()).take(8).collect();
    let crops = vision.crops(&balanced, scale, centres.clone()).expect("cells lie in the image");
    assert_eq!(crops.len(), 8, "a field has eight cells to crop");

    let light = Illumination::of_picture(&image).expect("a frame has light");
    let flat = FlatField::new(light, image.dimensions());
    let history = FocusHistory::default();
    criterion.bench_function("flat field, 640x480", |b| b.iter(|| flat.apply(black_box(&image))));
    criterion.bench_function("flat field of one picture, 640x480", |b| {
        b.iter(|| FlatField::of_picture(black_box(&image), 0.0));
    });
    criterion.bench_function("learn the light, 640x480", |b| {
        let mut learner = Learner::default();
        b.iter(|| learner.take(black_box(&image)));
    });
    criterion.bench_function("quality, 640x480", |b| {
        b.iter(|| assess(black_box(&image), black_box(&balanced), &cells, Some(scale), &history));
    });
    criterion.bench_function("white balance, 640x480", |b| b.iter(|| vision.balanced(black_box(&image))));
    criterion.bench_function("find the scale, 640x480", |b| b.iter(|| vision.scale(black_box(&balanced))));
    criterion.bench_function("detect, 640x480", |b| b.iter(|| vision.detect(black_box(&balanced), scale)));
    criterion
        .bench_function("crop, 8 cells", |b| b.iter(|| vision.crops(black_box(&balanced), scale, centres.clone())));
    criterion.bench_function("classify, 1 cell", |b| b.iter(|| vision.classify(black_box(&crops[..1]), None)));
    criterion.bench_function("classify, 8 cells", |b| b.iter(|| vision.classify(black_box(&crops), None)));

    let frames: Vec<_> = (0..24).map(|index| microscope.draw(index).0).collect();
    criterion.bench_function("whole frame of a moving stage, 640x480", |b| {
        let mut counter = Counter::new(Arc::clone(&vision));
        let mut turn = frames.iter().cycle();
        b.iter(|| turn.next().map(|frame| counter.frame(frame)));
    });
    let grading = Vision::clone(&vision).naming_red_cells(&models).expect("the shipped network of red cells runs");
    let grading = Arc::new(grading);
    criterion.bench_function("the same, grading red cells", |b| {
        let mut counter = Counter::new(Arc::clone(&grading));
        let mut turn = frames.iter().cycle();
        b.iter(|| turn.next().map(|frame| counter.frame(frame)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages
}
criterion_main!(benches);
