//! The white cells of one camera and objective over all sessions, and the colour they were counted in.

use crate::common::stored::{at, result, settings, six_cells, start, taken_with};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::CellClass;
use leukoscope::domain::red_cell_colour::RedCellColour;
use leukoscope::store::Store;
use leukoscope::store::records::{SessionId, Settings};

fn taken(store: &Store, objective: &str, colour: Option<RedCellColour>) -> SessionId {
    let settings = Settings { taken_with: Some(taken_with("usb", objective)), ..settings() };
    let id = store.begin(&start("A-1")).unwrap();
    let result = Snapshot { red_cell_density: colour, ..result("A-1") };
    store.finish(id, &six_cells(), &result, &settings).unwrap();
    id
}

#[test]
fn the_colour_of_the_red_cells_is_kept_with_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let colour = Some(RedCellColour([0.21, 0.33, 0.25]));
    assert_eq!(store.red_cell_density(taken(&store, "100x", colour)).unwrap(), colour);
    assert_eq!(store.red_cell_density(taken(&store, "100x", None)).unwrap(), None);
    let broken = Some(RedCellColour([f64::NAN, 0.3, 0.2]));
    assert_eq!(store.red_cell_density(taken(&store, "100x", broken)).unwrap(), None, "JSON has no NaN");
}

#[test]
fn looked_at_cells_are_those_of_one_objective_and_signed_results_are_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let [first, second, other] = ["100x", "100x", "40x"].map(|objective| taken(&store, objective, None));
    for (id, cell, class) in [
        (first, 1, CellClass::Ngb),
        (first, 2, CellClass::Unk),
        (second, 4, CellClass::Lyt),
        (other, 1, CellClass::Eos),
    ] {
        store.reclassify(id, cell, Some(class), "rita", at(80)).unwrap();
    }
    store.sign(first, "rita", at(90), "").unwrap();
    let of = taken_with("usb", "100x");
    assert_eq!(store.looked_at_with(&of).unwrap(), [(first, CellClass::Ngb), (second, CellClass::Lyt)]);
    let third = taken(&store, "100x", None);
    assert_eq!(store.open_for_review_with(&of, 20).unwrap(), [third, second], "newest first");
    assert_eq!(store.open_for_review_with(&of, 1).unwrap(), [third]);
}
