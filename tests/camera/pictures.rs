//! Pictures as people's cameras, scanners and programs write them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};
use leukoscope::camera::picture::{find_pictures, list_pictures, read_picture};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

/// A picture whose corners differ: red above left, then green, blue, and white below right.
fn corners() -> RgbImage {
    RgbImage::from_fn(40, 24, |x, y| match (x < 20, y < 12) {
        (true, true) => Rgb([200, 0, 0]),
        (false, true) => Rgb([0, 200, 0]),
        (true, false) => Rgb([0, 0, 200]),
        (false, false) => Rgb([220, 220, 220]),
    })
}

fn field(shade: u8) -> RgbImage {
    RgbImage::from_fn(64, 48, |x, y| Rgb([shade, (x * 4) as u8, (y * 5) as u8]))
}

/// Writes the images with these tags into one file.
fn tiff(path: &Path, images: &[(&RgbImage, &[(Tag, u32)])], description: &str) {
    let mut encoder = TiffEncoder::new(File::create(path).unwrap()).unwrap();
    for (picture, tags) in images {
        let mut image = encoder.new_image::<colortype::RGB8>(picture.width(), picture.height()).unwrap();
        for (tag, value) in *tags {
            image.encoder().write_tag(*tag, *value).unwrap();
        }
        if !description.is_empty() {
            image.encoder().write_tag(Tag::ImageDescription, description).unwrap();
        }
        image.write_data(picture).unwrap();
    }
}

fn names(pictures: &[PathBuf]) -> Vec<String> {
    pictures.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_picture_is_turned_as_its_tags_say() {
    let folder = tempfile::tempdir().unwrap();
    // EXIF of one entry, big-endian: orientation.
    let exif =
        |value: u8| [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[value], &[0, 0, 0, 0, 0, 0]].concat();
    let upright = corners();
    let turned = image::imageops::rotate270(&upright);
    for (value, stored) in [(1, upright.clone()), (6, turned.clone()), (3, image::imageops::rotate180(&upright))] {
        let jpeg = folder.path().join("a.jpg");
        stored.save(&jpeg).unwrap();
        let bytes = fs::read(&jpeg).unwrap();
        let segment = [&b"Exif\0\0"[..], &exif(value)].concat();
        let length = u16::try_from(segment.len() + 2).unwrap().to_be_bytes();
        fs::write(&jpeg, [&bytes[..2], &[0xff, 0xe1], &length, &segment, &bytes[2..]].concat()).unwrap();
        let tagged = folder.path().join("a.tif");
        tiff(&tagged, &[(&stored, &[(Tag::Orientation, u32::from(value))])], "");
        for path in [jpeg, tagged] {
            let read = read_picture(&path).unwrap();
            assert_eq!(read.dimensions(), (40, 24), "{path:?} with orientation {value}");
            for (x, y) in [(5, 5), (35, 5), (5, 20), (35, 20)] {
                let near =
                    read.get_pixel(x, y).0.iter().zip(upright.get_pixel(x, y).0).all(|(a, b)| a.abs_diff(b) < 12);
                assert!(near, "{path:?} with orientation {value} at {x} {y}: {:?}", read.get_pixel(x, y));
            }
        }
    }
}

#[test]
fn twelve_bits_in_sixteen_are_as_bright_as_eight() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.tif");
    for (white, shown) in [(4095_u16, 255), (16_383, 255), (65_535, 255), (1023, 255)] {
        let deep = ImageBuffer::<Rgb<u16>, _>::from_fn(20, 20, |x, _| Rgb([if x < 10 { white } else { white / 2 }; 3]));
        DynamicImage::from(deep).save(&path).unwrap();
        let read = read_picture(&path).unwrap();
        assert_eq!((read.get_pixel(0, 0)[0], read.get_pixel(15, 0)[0].abs_diff(128) < 2), (shown, true), "{white}");
    }
    let deep = ImageBuffer::<Luma<u16>, _>::from_pixel(20, 20, Luma([4000]));
    let png = folder.path().join("deep.png");
    DynamicImage::from(deep).save(&png).unwrap();
    assert!(read_picture(&png).unwrap().get_pixel(3, 3)[0] > 240);
}

#[test]
fn floating_point_pictures_are_read_from_0_to_1_and_to_255() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("float.tif");
    for white in [1.0_f32, 255.0] {
        let mut encoder = TiffEncoder::new(File::create(&path).unwrap()).unwrap();
        let values: Vec<f32> = (0..400).map(|at| if at < 200 { white } else { white / 4.0 }).collect();
        encoder.write_image::<colortype::Gray32Float>(20, 20, &values).unwrap();
        let read = read_picture(&path).unwrap();
        assert_eq!((read.get_pixel(0, 0)[0], read.get_pixel(0, 19)[0]), (255, 64), "up to {white}");
    }
}

#[test]
fn every_image_of_a_file_is_a_field_and_thumbnails_and_masks_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, small) = (field(10), field(200), RgbImage::new(20, 16));
    let several = folder.path().join("b.tif");
    tiff(&several, &[(&one, &[]), (&two, &[]), (&one, &[(Tag::NewSubfileType, 4)])], "");
    let thumbnail_first = folder.path().join("a.tif");
    tiff(&thumbnail_first, &[(&small, &[(Tag::NewSubfileType, 1)]), (&two, &[])], "");
    assert_eq!(names(&list_pictures(folder.path()).unwrap()), ["a.tif", "b.tif#1", "b.tif#2"]);
    assert_eq!(names(&list_pictures(&several).unwrap()), ["b.tif#1", "b.tif#2"]);
    assert_eq!(read_picture(&thumbnail_first).unwrap(), two);
    assert_eq!(read_picture(folder.path().join("b.tif#2")).unwrap(), two);
    assert_eq!(list_pictures(folder.path().join("b.tif#2")).unwrap().len(), 1);
    assert!(read_picture(folder.path().join("b.tif#3")).unwrap_err().to_string().contains("no such file"));
    // A preview without a tag that says so.
    let preview = folder.path().join("c.tif");
    tiff(&preview, &[(&two, &[]), (&small, &[])], "");
    assert_eq!(names(&list_pictures(&preview).unwrap()), ["c.tif"]);
}

#[test]
fn grey_channels_of_imagej_are_put_together_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("composite.tif");
    let picture = field(77);
    for channels in [3, 2] {
        let description = format!("ImageJ=1.54f\nimages={channels}\nchannels={channels}\nmode=composite\n");
        let mut encoder = TiffEncoder::new(File::create(&path).unwrap()).unwrap();
        for channel in 0..channels {
            let plane: Vec<u8> = picture.pixels().map(|pixel| pixel[channel]).collect();
            let mut image = encoder.new_image::<colortype::Gray8>(64, 48).unwrap();
            image.encoder().write_tag(Tag::ImageDescription, &description[..]).unwrap();
            image.write_data(&plane).unwrap();
        }
        if channels == 3 {
            assert_eq!(names(&list_pictures(&path).unwrap()), ["composite.tif"]);
            assert_eq!(read_picture(&path).unwrap(), picture);
        } else {
            let said = read_picture(&path).unwrap_err().to_string();
            assert!(said.contains("an ImageJ composite of 2 channels; save it as an RGB picture"), "{said}");
        }
    }
}

#[test]
fn bigtiff_and_palettes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let picture = field(90);
    let big = folder.path().join("big.tif");
    let mut encoder = TiffEncoder::new_big(File::create(&big).unwrap()).unwrap();
    encoder.write_image::<colortype::RGB8>(64, 48, &picture).unwrap();
    assert_eq!(read_picture(&big).unwrap(), picture);

    let path = folder.path().join("palette.tif");
    let mut encoder = TiffEncoder::new(File::create(&path).unwrap()).unwrap();
    let mut image = encoder.new_image::<colortype::Gray8>(32, 20).unwrap();
    let colours: Vec<u16> =
        (0..3_u16).flat_map(|channel| (0..256).map(move |at| (at * (channel + 1) % 256) * 257)).collect();
    image.encoder().write_tag(Tag::PhotometricInterpretation, 3_u16).unwrap();
    image.encoder().write_tag(Tag::ColorMap, &colours[..]).unwrap();
    image.write_data(&[100; 640]).unwrap();
    assert_eq!(read_picture(&path).unwrap().get_pixel(4, 4).0, [100, 200, 44]);
}

#[test]
fn what_a_folder_leaves_out_is_named_and_its_folders_are_read_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    let jpeg = at("6.jpg");
    field(3).save(&jpeg).unwrap();
    for name in ["1.jfif", "2.jpe", "5.JPG", "3.webp", "4.jp2", "sub/7.jpeg", ".hidden.jpg", "notes.txt"] {
        fs::copy(&jpeg, at(name)).unwrap();
    }
    let found = find_pictures(folder.path(), false).unwrap();
    assert_eq!(names(&found.pictures), ["1.jfif", "2.jpe", "5.JPG", "6.jpg"]);
    let said = found.left_out.to_string();
    for part in ["1 .webp (", "1 .jp2 (not read; save it as PNG or TIFF)", "1 file of other kinds", "1 subfolder"] {
        assert!(said.contains(part), "{said}");
    }
    let all = find_pictures(folder.path(), true).unwrap();
    assert_eq!(names(&all.pictures), ["1.jfif", "2.jpe", "5.JPG", "6.jpg", "7.jpeg"]);
    assert!(!all.left_out.to_string().contains("subfolder"));
}

#[test]
fn a_picture_of_another_kind_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    for (head, name) in [(&b"\0\0\0\x18ftypheic"[..], "a HEIC picture"), (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 picture")]
    {
        fs::write(&path, [head, &[0; 300]].concat()).unwrap();
        let said = read_picture(&path).unwrap_err().to_string();
        assert!(said.contains(name) && said.contains("save it as"), "{said}");
    }
}

#[test]
fn inputs_of_users_that_failed_are_read() {
    let Some(cases) = crate::common::cases() else { return };
    let size = |name: &str| read_picture(cases.join(name)).map(|picture| picture.dimensions());
    for name in [
        "09-mjpeg-frame-without-dht/frame.jpg",
        "10-file-with-several-images/thumbnail-first.tif",
        "10-file-with-several-images/three-fields.tif#3",
        "13-twelve-bits-in-sixteen/12bit.tif",
        "14-alpha-all-zero/extra.tif",
        "14-alpha-all-zero/v5.bmp",
        "17-tiff-kinds-called-no-tiff/t_big.tif",
        "17-tiff-kinds-called-no-tiff/t_jpeg_ycc.tif",
        "17-tiff-kinds-called-no-tiff/t_pal.tif",
        "19-mjpeg-no-eoi-and-stray-bytes/no-eoi.jpg",
    ] {
        assert_eq!(size(name).unwrap_or_else(|error| panic!("{error}")), (640, 480), "{name}");
        let picture = read_picture(cases.join(name)).unwrap();
        let bright = picture.pixels().filter(|pixel| pixel[1] > 120).count();
        let share = bright as f64 / f64::from(640 * 480);
        assert!((0.3..0.999).contains(&share), "{name}: a field is bright with dark cells, {share}");
    }
    let planar = read_picture(cases.join("05-tiled-planar-tiff-panics/2-planar-tiled.tif"));
    let fine =
        planar.as_ref().map_or_else(|error| error.to_string().contains("2-planar-tiled.tif"), |p| p.width() == 220);
    assert!(fine, "{planar:?}");
}
