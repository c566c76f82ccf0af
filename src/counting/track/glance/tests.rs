//! Which frames are looked at.

use super::*;

/// A slide with dark discs in irregular places.
fn slide(cells: u32) -> RgbImage {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut slide = RgbImage::from_pixel(1600, 1000, image::Rgb([225, 222, 228]));
    for _ in 0..cells {
        let (left, top) = (rng.u32(0..1550), rng.u32(0..950));
        for (x, y) in (0..48).flat_map(|y| (0..48).map(move |x| (x, y))) {
            if (f64::from(x) - 24.0).hypot(f64::from(y) - 24.0) < 22.0 {
                slide.put_pixel(left + x, top + y, image::Rgb([190, 120, 140]));
            }
        }
    }
    slide
}

fn frame(slide: &RgbImage, x: u32, y: u32) -> RgbImage {
    image::imageops::crop_imm(slide, x, y, 640, 480).to_image()
}

/// Shows frames; says which were looked at.
fn looks(glances: &mut Glances, frames: impl IntoIterator<Item = RgbImage>) -> Vec<bool> {
    let mut looked = Vec::new();
    for frame in frames {
        let look = matches!(glances.at(&frame), Glance::Look(_));
        if look {
            glances.looked(&FieldOfView::whole(frame.dimensions()), &[]);
        }
        looked.push(look);
    }
    looked
}

/// After the first frames of a slide.
fn settled(slide: &RgbImage) -> Glances {
    let mut glances = Glances::default();
    looks(&mut glances, (0..FIRST).map(|_| frame(slide, 0, 0)));
    glances
}

#[test]
fn a_moving_stage_is_looked_at_before_a_quarter_of_the_field_is_new() {
    let slide = slide(150);
    let looked = looks(&mut settled(&slide), (1..25).map(|at| frame(&slide, 36 * at, 0)));
    let gaps: Vec<usize> = looked.split(|look| *look).map(<[bool]>::len).collect();
    assert!(gaps[..gaps.len() - 1].iter().all(|passed| *passed == 3), "{gaps:?}");
}

#[test]
fn the_motion_of_frames_that_pass_is_known_to_a_pixel() {
    let slide = slide(150);
    let mut glances = settled(&slide);
    for (x, y) in [(20, 0), (40, 10), (60, 20)] {
        let Glance::Same { moved, rests, more, .. } = glances.at(&frame(&slide, x, y)) else { panic!("{x}, {y}") };
        assert!((moved.0 - f64::from(x)).abs() < 1.0 && (moved.1 - f64::from(y)).abs() < 1.0, "{moved:?}");
        assert!(!rests && more == (x >= 40));
    }
}

#[test]
fn a_resting_stage_is_looked_at_less_and_less() {
    let slide = slide(150);
    let looked = looks(&mut settled(&slide), (0..200).map(|_| frame(&slide, 0, 0)));
    let gaps: Vec<usize> = looked.split(|look| *look).map(<[bool]>::len).collect();
    assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1]) || gaps.last() < Some(&31), "{gaps:?}");
    assert!(looked.iter().filter(|look| **look).count() < 14, "{gaps:?}");
}

#[test]
fn the_place_where_the_stage_stops_or_turns_is_looked_at() {
    let slide = slide(150);
    let mut glances = settled(&slide);
    assert_eq!(looks(&mut glances, [36, 72].map(|x| frame(&slide, x, 0))), [false; 2]);
    assert_eq!(looks(&mut glances, [(72, 0), (72, 0)].map(|(x, y)| frame(&slide, x, y))), [true, true], "it stops");
    let mut glances = settled(&slide);
    assert_eq!(looks(&mut glances, [36, 72].map(|x| frame(&slide, x, 0))), [false; 2]);
    assert_eq!(looks(&mut glances, [frame(&slide, 72, 36)]), [true], "it turns");
}

#[test]
fn a_white_cell_is_looked_at_when_it_becomes_whole_and_before_it_leaves() {
    let slide = slide(150);
    // 100 px wide, at 600 px: cut by the border at first.
    let cell = |x: f64, w: f64| Detection { kind: Kind::Wbc, area: Rect::new(x, 200.0, w, 100.0), score: 0.9 };
    let mut glances = settled(&slide);
    glances.at(&frame(&slide, 900, 400));
    glances.at(&frame(&slide, 0, 0));
    glances.looked(&FieldOfView::whole((640, 480)), &[cell(600.0, 40.0)]);
    let look = |glances: &mut Glances, x| matches!(glances.at(&frame(&slide, x, 0)), Glance::Look(_));
    assert_eq!([30, 60, 90].map(|x| look(&mut glances, x)), [false, false, true]);
    let mut glances = settled(&slide);
    glances.at(&frame(&slide, 900, 400));
    glances.at(&frame(&slide, 0, 0));
    glances.looked(&FieldOfView::whole((640, 480)), &[cell(165.0, 100.0)]);
    assert_eq!([30, 60, 90].map(|x| look(&mut glances, x)), [false, false, true], "soon it is cut");
}

#[test]
fn another_place_other_light_and_another_focus_are_looked_at() {
    let slide = slide(150);
    let sharp = frame(&slide, 0, 0);
    let dim = |share: f64| {
        let mut dim = sharp.clone();
        dim.iter_mut().for_each(|value| *value = (f64::from(*value) * share) as u8);
        dim
    };
    let blurred = image::imageops::blur(&sharp, 4.0);
    let mut glances = settled(&slide);
    assert_eq!(looks(&mut glances, [frame(&slide, 900, 500)]), [true], "nothing of it was in view");
    let mut glances = settled(&slide);
    // The second frame at rest is due anyway.
    looks(&mut glances, [sharp.clone(), sharp.clone(), sharp.clone()]);
    assert_eq!(looks(&mut glances, [dim(0.9), dim(0.6)]), [false, true]);
    let mut glances = settled(&slide);
    looks(&mut glances, std::iter::repeat_n(sharp.clone(), 20));
    assert_eq!(looks(&mut glances, std::iter::repeat_n(blurred.clone(), 3)), [false, false, true], "no tremor");
    assert_eq!(looks(&mut glances, [sharp]), [true], "sharp again");
}

#[test]
fn shade_and_few_cells_do_not_hide_that_the_stage_moves() {
    let slide = slide(4);
    let shaded = |x: u32| {
        let mut frame = frame(&slide, x, 0);
        for (column, row, pixel) in frame.enumerate_pixels_mut() {
            let far = (f64::from(column) - 320.0).hypot(f64::from(row) - 240.0) / 400.0;
            pixel.0 = pixel.0.map(|value| (f64::from(value) * (1.0 - 0.5 * far * far)) as u8);
        }
        frame
    };
    let mut glances = Glances::default();
    looks(&mut glances, (0..FIRST).map(|_| shaded(0)));
    for x in [30, 60, 90, 120, 150] {
        let at = shaded(x);
        match glances.at(&at) {
            Glance::Look(_) => glances.looked(&FieldOfView::whole((640, 480)), &[]),
            Glance::Same { rests, .. } => assert!(!rests, "{x}"),
        }
    }
}

#[test]
fn empty_and_tiny_pictures_are_looked_at() {
    let mut glances = Glances::default();
    for size in [(640, 480), (1, 1), (3, 900), (900, 3), (0, 0), (640, 480)] {
        let empty = RgbImage::from_pixel(size.0, size.1, image::Rgb([230; 3]));
        assert_eq!(looks(&mut glances, [empty.clone(), empty]), [true, true], "{size:?}");
    }
}
