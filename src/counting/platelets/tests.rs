//! Platelets laid on drawn fields.

use proptest::prelude::*;

use super::*;
use crate::domain::flag::Flag;
use crate::domain::geometry::Rect;

const UM: f64 = 0.1;
/// Diameter of a usual platelet's box, px.
const PLATELET: f64 = 28.0;

fn field(patch: u32, stated: bool) -> WholeField {
    WholeField { patch, area: Rect::new(0.0, 0.0, 1000.0, 800.0), um_per_px: UM, stated }
}

fn at(patch: u32, x: f64, y: f64, size: f64) -> OnSlide {
    OnSlide { patch, area: Rect::around((x, y), size, size) }
}

/// Platelets of a field on a wide grid: none touches another.
fn apart(n: u32) -> impl Iterator<Item = (f64, f64)> {
    (0..n).map(|index| (100.0 + 90.0 * f64::from(index % 9), 100.0 + 90.0 * f64::from(index / 9)))
}

/// A film of lone fields, each with these platelets.
fn film(fields: u32, stated: bool, platelets: &[(f64, f64, f64)]) -> (PlateletFilm, u32) {
    let (mut film, mut next) = (PlateletFilm::default(), 0);
    for patch in 0..fields {
        film.see(field(patch, stated));
        for (x, y, size) in platelets {
            film.add(CellId(next), at(patch, *x, *y, *size), true);
            next += 1;
        }
        film.settle();
    }
    film.finish(true);
    (film, next)
}

fn usual(n: u32) -> Vec<(f64, f64, f64)> {
    apart(n).map(|(x, y)| (x, y, PLATELET)).collect()
}

#[test]
fn ten_whole_fields_give_an_estimate_and_nine_give_the_reason_why_not() {
    let (ten, counted) = film(10, true, &usual(20));
    let report = ten.report(counted).unwrap();
    // Of 100 x 80 um, 2.5 um of border on each side: 95 x 75 um.
    let per_field = report.per_oil_field.unwrap();
    assert!((per_field.value - 20.0 * OIL_FIELD_UM2 / 7125.0).abs() < 1e-6, "{report:?}");
    assert!(per_field.low < per_field.value && per_field.value < per_field.high);
    let per_ul = report.per_ul_by_fields.unwrap();
    assert!((per_ul.value / per_field.value - 17_500.0).abs() < 1e-6);
    assert!(
        (per_ul.low / per_field.low - 15_000.0).abs() < 1e-6 && (per_ul.high / per_field.high - 20_000.0).abs() < 1e-6
    );
    assert_eq!((report.fields, report.in_fields, report.notes.as_slice()), (10, 200, &[][..]));

    let (nine, counted) = film(9, true, &usual(20));
    let report = nine.report(counted).unwrap();
    assert_eq!((report.per_ul_by_fields, report.notes), (None, vec![PlateletNote::FewFields]));
}

#[test]
fn a_scale_that_nobody_stated_is_told_with_the_estimate() {
    let (film, counted) = film(10, false, &usual(5));
    let report = film.report(counted).unwrap();
    assert!(report.per_ul_by_fields.is_some());
    assert_eq!(report.notes, [PlateletNote::ScaleByRedCells]);
}

#[test]
fn clumps_are_counted_flagged_and_take_the_estimate_away() {
    let mut platelets = usual(10);
    platelets.extend([(600.0, 600.0, PLATELET), (630.0, 600.0, PLATELET), (615.0, 626.0, PLATELET)]);
    let (clumped, counted) = film(12, true, &platelets);
    let report = clumped.report(counted).unwrap();
    assert_eq!((report.clumps, report.in_clumps, report.largest_clump), (12, 36, 3));
    assert_eq!((report.per_oil_field, report.per_ul_by_fields), (None, None));
    assert_eq!(report.flags().collect::<Vec<_>>(), [Flag::PlateletClumps]);
    assert!(report.to_string().contains("too low"), "{report}");

    platelets.pop();
    let (pairs, counted) = film(12, true, &platelets);
    let report = pairs.report(counted).unwrap();
    assert_eq!((report.clumps, report.touching), (0, 24), "two side by side are no clump");
    assert_eq!(
        report.flags().collect::<Vec<_>>(),
        [Flag::PlateletClumps],
        "but so many pairs are what is found of clumps"
    );
    let (mut few, counted) = film(12, true, &usual(10));
    few.add(CellId(9000), at(3, 130.0, 100.0, PLATELET), true);
    few.finish(true);
    let report = few.report(counted + 1).unwrap();
    assert_eq!((report.touching, report.flags().count()), (2, 0), "one pair is chance");
}

#[test]
fn one_clump_among_many_platelets_is_told_but_raises_no_flag() {
    let (mut film, counted) = film(12, true, &usual(20));
    for (id, x) in [(9000, 600.0), (9001, 630.0), (9002, 660.0)] {
        film.add(CellId(id), at(3, x, 700.0, PLATELET), true);
    }
    film.finish(true);
    let report = film.report(counted + 3).unwrap();
    assert_eq!((report.clumps, report.in_clumps), (1, 3));
    assert_eq!(report.flags().count(), 0);
    assert!(report.per_ul_by_fields.is_some());
}

#[test]
fn crowded_platelets_that_touch_by_chance_raise_no_flag() {
    // Some 250 platelets of 2.8 um on 8000 um², laid by a generator without any pattern.
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let platelets: Vec<_> = (0..250).map(|_| (random() * 1000.0, random() * 800.0, PLATELET)).collect();
    let (film, counted) = film(1, true, &platelets);
    let report = film.report(counted).unwrap();
    assert!(report.clumps > 5 && report.clumps_by_chance > 20.0, "{report:?}");
    assert_eq!(report.flags().count(), 0, "{report:?}");
}

#[test]
fn a_platelet_as_wide_as_a_red_cell_is_a_giant_and_some_of_them_raise_the_flag() {
    // Boxes are 1.12 times as wide as what they hold.
    let mut platelets = usual(19);
    platelets.push((800.0, 600.0, 7.1 * 1.12 / UM));
    let (with, counted) = film(12, true, &platelets);
    let report = with.report(counted).unwrap();
    assert_eq!((report.giant, report.measured), (12, 240));
    assert_eq!(report.flags().collect::<Vec<_>>(), [Flag::GiantPlatelets]);
    let last = platelets.len() - 1;
    platelets[last].2 = 6.9 * 1.12 / UM;
    let (without, counted) = film(12, true, &platelets);
    assert_eq!(without.report(counted).unwrap().giant, 0);
}

#[test]
fn frames_that_overlap_are_one_field() {
    let mut film = PlateletFilm::default();
    for step in 0..100 {
        let area = Rect::new(f64::from(step) * 100.0, 0.0, 1000.0, 800.0);
        film.see(WholeField { area, ..field(0, true) });
    }
    film.finish(true);
    assert_eq!(film.report(0).unwrap().fields, 10);
}

#[test]
fn a_field_whose_cells_are_not_all_counted_is_left_out() {
    let (mut film, _) = film(3, true, &usual(5));
    film.see(field(3, true));
    film.finish(false);
    assert_eq!(film.report(15).unwrap().fields, 3);
}

#[test]
fn what_is_withdrawn_or_named_otherwise_is_in_no_clump() {
    let mut film = PlateletFilm::default();
    for (id, x) in [(0, 500.0), (1, 530.0), (2, 560.0)] {
        film.add(CellId(id), at(0, x, 500.0, PLATELET), id != 2);
    }
    film.finish(true);
    assert_eq!(film.report(2).unwrap().clumps, 0, "the third is a white cell so far");
    film.rename(CellId(2), true);
    film.finish(true);
    let report = film.report(3).unwrap();
    assert_eq!((report.clumps, report.largest_clump), (1, 3));
    assert_eq!(report.flags().collect::<Vec<_>>(), [Flag::PlateletClumps], "all of the few there are");
    film.remove(CellId(0));
    film.rename(CellId(7), true);
    film.finish(true);
    assert_eq!(film.report(2).unwrap().clumps, 0);
}

#[test]
fn without_platelets_and_fields_there_is_no_report() {
    assert_eq!(PlateletFilm::default().report(0), None);
    let (film, _) = film(12, true, &[]);
    let report = film.report(0).unwrap();
    let per_field = report.per_oil_field.unwrap();
    assert!(per_field.value.abs() < f64::EPSILON && per_field.high > 0.0, "none seen is not none there: {report:?}");
}

proptest! {
    #[test]
    fn any_places_give_finite_figures_and_no_more_platelets_in_clumps_than_there_are(
        cells in prop::collection::vec((0_u32..3, -1e6..1e6_f64, prop::num::f64::ANY, prop::num::f64::ANY), 0..60),
        fields in prop::collection::vec((0_u32..3, 0.0..5000.0_f64, 1e-3..10.0_f64), 0..20),
    ) {
        let mut film = PlateletFilm::default();
        for (patch, x, um_per_px) in fields {
            film.see(WholeField { area: Rect::new(x, 0.0, 640.0, 480.0), um_per_px, ..field(patch, false) });
        }
        for (id, (patch, x, y, size)) in (0..).zip(&cells) {
            film.add(CellId(id), at(*patch, *x, *y, *size), true);
        }
        film.finish(true);
        if let Some(report) = film.report(cells.len() as u32) {
            prop_assert!(report.in_clumps as usize <= cells.len() && report.in_clumps >= 3 * report.clumps);
            prop_assert!(report.clumps_by_chance.is_finite() && report.fields_um2.is_finite());
            prop_assert!(report.per_ul_by_fields.is_none_or(|figure| figure.is_finite() && figure.low <= figure.value));
        }
    }

    #[test]
    fn the_order_in_which_cells_come_does_not_matter(
        places in prop::collection::vec((0.0..400.0_f64, 0.0..400.0_f64), 1..60),
    ) {
        let report = |order: &[usize]| {
            let mut film = PlateletFilm::default();
            film.see(field(0, true));
            for index in order {
                film.add(CellId(*index as u32), at(0, places[*index].0, places[*index].1, PLATELET), true);
            }
            film.finish(true);
            film.report(places.len() as u32)
        };
        let order: Vec<usize> = (0..places.len()).collect();
        prop_assert_eq!(report(&order), report(&order.iter().rev().copied().collect::<Vec<_>>()));
    }

    #[test]
    fn the_interval_holds_the_figure_and_narrows_with_the_fields(
        counts in prop::collection::vec(0_u32..40, 10..40),
    ) {
        let of = |counts: &[u32]| {
            let fields: Vec<(u32, f64)> = counts.iter().map(|count| (*count, 3000.0)).collect();
            super::fields::per_oil_field(&fields).unwrap()
        };
        let (once, often) = (of(&counts), of(&counts.repeat(9)));
        prop_assert!(0.0 <= once.low && once.low <= once.value && once.value <= once.high);
        prop_assert!((once.value - often.value).abs() < 1e-6);
        prop_assert!(often.width() < once.width());
    }
}
