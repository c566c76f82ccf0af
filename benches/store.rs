//! Cost of the store for counting and review: cells as they arrive, a result, a cell given another class.
//!
//! The disk dominates: `TMPDIR` selects the one to measure.

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::Store;
use leukoscope::store::records::CellChange;

#[path = "../tests/common/stored.rs"]
#[allow(dead_code, reason = "shared with the tests, each of which uses its own part")]
mod stored;

/// Typical size of a cell picture, bytes.
const PICTURE: usize = 3500;

/// White cells with a picture each, then red ones, numbered from `first`.
fn cells(first: i64, white: i64, red: i64) -> Vec<CellChange> {
    let mut noise = 1_u32;
    let picture: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    })
    .take(PICTURE)
    .collect();
    let seen = |number| stored::put(stored::cell(number, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&picture));
    let white_cells = (first..first + white).map(seen);
    let red_cells = first + white..first + white + red;
    white_cells.chain(red_cells.map(|number| stored::put(stored::cell(number, Kind::Rbc, None, 0.0), None))).collect()
}

fn store(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let session = store.begin(&stored::start("cells")).expect("a session");
    let mut first = 1;
    criterion.bench_function("50 white cells with pictures, 1150 red", |b| {
        b.iter(|| {
            store.change_cells(session, &cells(first, 50, 1150)).expect("kept");
            first += 1200;
        });
    });
    store.finish(session, &[], &stored::result("cells"), &stored::start("cells").settings).expect("kept");
    criterion.bench_function("a session begun and its result kept", |b| {
        b.iter(|| {
            let session = store.begin(&stored::start("result")).expect("a session");
            store.finish(session, &[], &stored::result("result"), &stored::start("result").settings).expect("kept")
        });
    });
    let session = store.begin(&stored::start("review")).expect("a session");
    store
        .finish(session, &cells(1, 200, 4600), &stored::result("review"), &stored::start("review").settings)
        .expect("kept");
    let mut turn = 0;
    criterion.bench_function("a cell of 4800 given another class", |b| {
        b.iter(|| {
            turn += 1;
            let class = if turn % 2 == 0 { CellClass::Ngs } else { CellClass::Lyt };
            store.reclassify(session, 7, Some(class), "rita", Timestamp::now()).expect("changed")
        });
    });
    criterion.bench_function("the 200 white cells of a session listed", |b| {
        b.iter(|| store.cells(session, Some(Kind::Wbc), None).expect("cells").len());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = store
}
criterion_main!(benches);
