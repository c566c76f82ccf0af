//! One image to its cells: white balance, scale, detection, crops, classes. No memory from image to image.

mod single_cell;
mod stored;

use std::sync::Arc;

use image::RgbImage;

use crate::domain::class::{CellClass, Kind};
use crate::domain::geometry::Rect;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::system::parallel::both;
use crate::vision::classify::Classifier;
use crate::vision::classify::saliency::Saliency;
use crate::vision::colour_map::{ColourMap, StainCard};
use crate::vision::crop::CropForm;
use crate::vision::detect::scale::{self, Scale, ScaleEstimates};
use crate::vision::detect::{Detection, Detector};
use crate::vision::field::{Cell, Field, SAME_PLATELET, VisionError};
use crate::vision::models::{ModelError, Models};
use crate::vision::optics::field_of_view::{BalancedPicture, FieldOfView};
use crate::vision::optics::flat_field::{FlatField, Illumination};
use crate::vision::optics::white_balance::WhiteBalance;
use crate::vision::prediction::Prediction;
use crate::vision::prevalence::PriorShift;
use crate::vision::profile::ProfileMark;
use crate::vision::red_cells::RedClassifier;
use crate::vision::stain;
use crate::vision::tempering::DistanceCard;

/// Fall-off of the light from which a single picture is evened out by its own background: below it, what a few cells do to
/// the estimate is as large as the shade.
const OWN_FALL_OFF: f64 = 0.15;

/// How uneven light is taken out.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Lighting {
    /// Pictures are taken as they are.
    #[default]
    AsIs,
    /// Each picture by its own background, where its light is clearly uneven.
    Own,
    /// By what a counter learns from its frames while the stage moves; a picture on its own is taken as it is.
    Learned,
    /// By one flat field; frames of another size are taken as they are.
    Fixed(FlatField),
}

/// Everything that looks at pixels. Clones share the networks; using it from several threads is safe.
#[derive(Clone, Debug)]
pub struct Vision {
    detector: Arc<Detector>,
    classifier: Arc<Classifier>,
    /// None where the models have none, or red cells need no names.
    red: Option<Arc<RedClassifier>>,
    balance: WhiteBalance,
    form: CropForm,
    stated: Option<MicrometresPerPixel>,
    lighting: Lighting,
    stain: Option<StainCard>,
    /// None with a profile, which was taught the laboratory's own cells.
    distance: Option<DistanceCard>,
    /// Red cells under this camera and objective, as calibrated.
    calibrated_colour: Option<RedCellColour>,
}

impl Vision {
    /// Makes the models ready. `um_per_px` states the scale of every image; `unknown_below` overrides the model's.
    ///
    /// # Errors
    /// When a network is broken or does not fit `model.toml`.
    pub fn new(models: &Models, um_per_px: Option<f64>, unknown_below: Option<f64>) -> Result<Self, ModelError> {
        // At the same time: the first frame waits for both.
        let (detector, classifier) = both(|| Detector::new(models), || Classifier::new(models, unknown_below));
        Ok(Self {
            detector: Arc::new(detector?),
            classifier: Arc::new(classifier?),
            red: None,
            balance: models.card.white_balance,
            form: CropForm::of(&models.card),
            stated: um_per_px.and_then(MicrometresPerPixel::new),
            lighting: Lighting::AsIs,
            stain: models.card.stain,
            distance: models.card.distance.filter(|_| models.profile.is_none()),
            calibrated_colour: None,
        })
    }

    /// The same for a camera and objective under which red cells have this colour; used where a picture shows too few.
    #[must_use]
    pub fn calibrated(self, colour: Option<RedCellColour>) -> Self {
        Self { calibrated_colour: colour, ..self }
    }

    /// The same with names for red cells, where these models have a network for them.
    ///
    /// # Errors
    /// When that network is broken or does not fit `model.toml`.
    pub fn naming_red_cells(self, models: &Models) -> Result<Self, ModelError> {
        Ok(Self { red: RedClassifier::new(models)?.map(Arc::new), ..self })
    }

    /// Whether the scale of every image is stated, so that it does not come from the red cells.
    #[must_use]
    pub fn scale_is_stated(&self) -> bool {
        self.stated.is_some()
    }

    /// What names red cells, if anything does.
    #[must_use]
    pub fn red_cells(&self) -> Option<&RedClassifier> {
        self.red.as_deref()
    }

    /// The calibrated colour of red cells.
    #[must_use]
    pub fn calibrated_colour(&self) -> Option<RedCellColour> {
        self.calibrated_colour
    }

    /// Whether the classifier wants colours brought to those it learned on.
    #[must_use]
    pub fn maps_colour(&self) -> bool {
        self.stain.is_some()
    }

    /// The colour of the red cells among `cells`, found in this white-balanced image; none where there are too few.
    #[must_use]
    pub fn red_cell_colour(&self, balanced: &BalancedPicture, cells: &[Detection]) -> Option<RedCellColour> {
        stain::red_cell_colour(balanced, cells, self.balance.level)
    }

    /// The same, taking out uneven light in this way.
    #[must_use]
    pub fn lit(self, lighting: Lighting) -> Self {
        Self { lighting, ..self }
    }

    /// The same networks under this light, measuring the scale of every image even where one is stated.
    #[must_use]
    pub fn measuring(&self, lighting: Lighting) -> Self {
        Self { stated: None, ..self.clone() }.lit(lighting)
    }

    /// How uneven light is taken out.
    #[must_use]
    pub fn lighting(&self) -> &Lighting {
        &self.lighting
    }

    /// The classes the model knows.
    #[must_use]
    pub fn classes(&self) -> &[CellClass] {
        self.classifier.classes()
    }

    /// Classes the model learned from too few images to be trusted.
    #[must_use]
    pub fn experimental(&self) -> &[CellClass] {
        self.classifier.experimental()
    }

    /// The profile of a laboratory that names the cells, if any.
    #[must_use]
    pub fn profile(&self) -> Option<&ProfileMark> {
        self.classifier.profile()
    }

    /// Probability under which a cell is left without a name, 0..1.
    #[must_use]
    pub fn unknown_below(&self) -> f64 {
        self.classifier.unknown_below()
    }

    /// What brings answers to the composition `form` says; none chooses by the number of white cells.
    #[must_use]
    pub fn correction(&self, form: Option<PrevalenceMode>) -> PriorShift {
        PriorShift::new(form, self.classes(), self.classifier.prior(), self.unknown_below()).tempered_by(self.distance)
    }

    /// The image evenly lit and with its background made white, as every other step wants it; what lies outside its field
    /// of view becomes background.
    #[must_use]
    pub fn balanced(&self, image: &RgbImage) -> BalancedPicture {
        self.balanced_by(image, FieldOfView::of(image), None)
    }

    /// The same in a known field of view, by the flat field that a counter has learned, if there is one; frames of another
    /// size are taken as they are.
    #[must_use]
    pub(crate) fn balanced_by(
        &self,
        image: &RgbImage,
        view: FieldOfView,
        learned: Option<&FlatField>,
    ) -> BalancedPicture {
        let mut pixels = image.clone();
        match (learned.filter(|field| field.size() == image.dimensions()), &self.lighting) {
            (Some(field), _) | (None, Lighting::Fixed(field)) => field.even_out(&mut pixels),
            (None, Lighting::AsIs | Lighting::Learned) => {}
            (None, Lighting::Own) => {
                let light = Illumination::of_view(image, &view).filter(|light| light.fall_off() >= OWN_FALL_OFF);
                if let Some(light) = light {
                    light.even_out(&mut pixels);
                }
            }
        }
        self.balance.apply_in(&mut pixels, &view);
        view.blank_outside(&mut pixels, self.balance.level);
        BalancedPicture::new(pixels, view)
    }

    /// What this white-balanced image tells of its scale; nothing but the stated one if there is one.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn estimate_scale(&self, balanced: &BalancedPicture) -> Result<ScaleEstimates, VisionError> {
        match self.stated {
            Some(_) => Ok(ScaleEstimates { stated: self.stated, ..ScaleEstimates::default() }),
            None => Ok(scale::estimate_scale(&self.detector, balanced)?),
        }
    }

    /// The scale: the stated one, else what the cells of this white-balanced image tell.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn scale(&self, balanced: &BalancedPicture) -> Result<Option<Scale>, VisionError> {
        Ok(self.estimate_scale(balanced)?.scale())
    }

    /// Finds the cells of a white-balanced image, in its field of view.
    ///
    /// # Errors
    /// When the scale is too coarse to tell cells apart, or the detector fails.
    pub fn detect(&self, balanced: &BalancedPicture, scale: Scale) -> Result<Vec<Detection>, VisionError> {
        Ok(in_view(self.detector.detect(balanced, told_apart(scale)?)?, &balanced.view))
    }

    /// The same down to the score `lowest` (0..1) for every kind, for measuring the detector.
    ///
    /// # Errors
    /// As [`Vision::detect`].
    pub fn detect_from(
        &self,
        balanced: &BalancedPicture,
        scale: Scale,
        lowest: f64,
    ) -> Result<Vec<Detection>, VisionError> {
        Ok(in_view(self.detector.detect_from(balanced, told_apart(scale)?, lowest)?, &balanced.view))
    }

    /// The crops of the classifier around `centres` (px of the white-balanced image).
    ///
    /// # Errors
    /// When a centre lies far outside the image.
    pub fn crops(
        &self,
        balanced: &RgbImage,
        scale: Scale,
        centres: impl IntoIterator<Item = (f64, f64)>,
    ) -> Result<Vec<RgbImage>, VisionError> {
        let cut = |centre| self.form.cut(balanced, centre, scale.um_per_px);
        Ok(centres.into_iter().map(cut).collect::<Result<_, _>>()?)
    }

    /// Says what crops show, cut from pictures whose red cells have this colour; where it is not known, the calibrated one
    /// counts, and without one crops are taken as they are.
    ///
    /// # Errors
    /// When the classifier fails.
    pub fn classify(
        &self,
        crops: &[RgbImage],
        red_cells: Option<RedCellColour>,
    ) -> Result<Vec<Prediction>, VisionError> {
        match self.colour_map(red_cells) {
            None => Ok(self.classifier.classify(crops)?),
            Some(map) => {
                let mut crops = crops.to_vec();
                for crop in &mut crops {
                    map.apply(crop);
                }
                Ok(self.classifier.classify(&crops)?)
            }
        }
    }

    fn colour_map(&self, red_cells: Option<RedCellColour>) -> Option<ColourMap> {
        let found = red_cells.or(self.calibrated_colour)?;
        Some(self.stain?.map(found, self.balance.level))
    }

    /// Gives every white cell among `detections` its opinion, and every red one where red cells are named; leaves out what both
    /// networks doubt.
    ///
    /// # Errors
    /// When cropping or the classifier fails.
    pub fn name(
        &self,
        balanced: &BalancedPicture,
        scale: Scale,
        detections: Vec<Detection>,
    ) -> Result<Vec<Cell>, VisionError> {
        let white = detections.iter().filter(|cell| cell.kind == Kind::Wbc).map(|cell| cell.area.centre());
        let crops = self.crops(balanced, scale, white)?;
        let mut opinions = self.classify(&crops, self.red_cell_colour(balanced, &detections))?.into_iter();
        let named = |detection: Detection| Cell {
            opinion: if detection.kind == Kind::Wbc { opinions.next() } else { None },
            detection,
            red: None,
        };
        let red = match &self.red {
            None => Vec::new(),
            Some(red) => red.name(balanced, scale.um_per_px, &detections)?,
        };
        let mut cells: Vec<Cell> = detections.into_iter().map(named).collect();
        for (cell, red) in cells.iter_mut().zip(red) {
            cell.red = red;
        }
        cells.retain(Cell::is_believed);
        let platelets: Vec<Rect> =
            cells.iter().filter(|cell| cell.detection.kind == Kind::Plt).map(|cell| cell.detection.area).collect();
        // A platelet found as a white cell, too, and named a platelet there, is one platelet.
        let twice = |cell: &Cell| {
            cell.detection.kind != cell.kind()
                && platelets.iter().any(|platelet| platelet.iou(&cell.detection.area) > SAME_PLATELET)
        };
        cells.retain(|cell| !twice(cell));
        Ok(cells)
    }

    /// All that one image on its own shows.
    ///
    /// # Errors
    /// When a network fails.
    pub fn analyze(&self, image: &RgbImage) -> Result<Field, VisionError> {
        let balanced = self.balanced(image);
        let scale = self.scale(&balanced)?;
        self.analyze_at(&balanced, scale)
    }

    /// All that a white-balanced image shows at this scale; no cells where there is none, or one too coarse to tell them
    /// apart.
    ///
    /// # Errors
    /// When a network fails.
    pub fn analyze_at(&self, balanced: &BalancedPicture, scale: Option<Scale>) -> Result<Field, VisionError> {
        let Some(scale) = scale.filter(|scale| !scale.is_too_coarse()) else {
            return Ok(Field { scale, ..Field::default() });
        };
        let detections = self.detect(balanced, scale)?;
        let red_cells = self.red_cell_colour(balanced, &detections);
        Ok(Field { scale: Some(scale), red_cells, cells: self.name(balanced, scale, detections)? })
    }

    /// Whether the model can say where in a crop it looks.
    #[must_use]
    pub fn explains(&self) -> bool {
        self.classifier.explains()
    }

    /// Where in a crop, cut from a picture whose red cells have this colour, the evidence for a class lies.
    ///
    /// # Errors
    /// When the model gives no evidence or does not know the class, or the network fails.
    pub fn saliency(
        &self,
        crop: &RgbImage,
        class: CellClass,
        red_cells: Option<RedCellColour>,
    ) -> Result<Saliency, VisionError> {
        Ok(self.classifier.saliency(&self.in_learned_colours(crop, red_cells), class)?)
    }
}

/// The micrometres per pixel of a scale at which cells can be told apart.
fn told_apart(scale: Scale) -> Result<MicrometresPerPixel, VisionError> {
    if scale.is_too_coarse() {
        return Err(VisionError::TooCoarse { um_per_px: scale.um_per_px.get() });
    }
    Ok(scale.um_per_px)
}

/// The cells whose middle lies in the field of view.
fn in_view(mut cells: Vec<Detection>, view: &FieldOfView) -> Vec<Detection> {
    cells.retain(|cell| view.contains(cell.area.centre()));
    cells
}
