//! The live state and picture for the page. The counting thread publishes here and never blocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, RgbImage};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::counting::session::snapshot::Snapshot;
use crate::domain::class::{CellClass, Kind};
use crate::domain::geometry::Rect;
use crate::store::records::SessionId;
use crate::vision::optics::resample::shrunk;

/// Shortest interval between two pictures, or two states, sent to one watcher.
pub(crate) const PACE: Duration = Duration::from_millis(200);

/// Maximum width of a picture, px.
const WIDEST: u32 = 800;

/// JPEG quality, 1..=100: a frame of 800x600 px takes about 60 kB.
const QUALITY: u8 = 75;

/// Connects the counting thread and the page; clones share it. Holds only the newest state and frame: a slow watcher
/// misses the ones in between.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Places>);

#[derive(Debug, Default)]
struct Places {
    state: watch::Sender<State>,
    view: watch::Sender<Option<Arc<LiveView>>>,
    shown: watch::Sender<Option<Arc<EncodedView>>>,
}

/// The newest snapshot and the session it belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) session: Option<SessionId>,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
}

/// A frame and the cells found in it.
#[derive(Clone, Debug)]
pub struct LiveView {
    /// The frame as it came from the camera.
    pub picture: Arc<RgbImage>,
    /// The cells found in it.
    pub boxes: Vec<LiveBox>,
}

/// A cell in a frame.
#[derive(Clone, Copy, Debug)]
pub struct LiveBox {
    /// Its box, in px of the frame.
    pub area: Rect,
    /// Its kind according to the detector.
    pub kind: Kind,
    /// Its class; white cells only, once classified.
    pub class: Option<CellClass>,
    /// Probability of `class`, 0..=1.
    pub probability: Option<f64>,
}

impl Live {
    /// Publishes the state. Call it with every snapshot the other sinks get, and the store's id of the session it
    /// belongs to.
    pub fn publish(&self, session: Option<SessionId>, snapshot: Arc<Snapshot>) {
        self.0.state.send_replace(State { session, snapshot: Some(snapshot) });
    }

    /// Whether anybody watches. If not, skip [`Live::show`] and the work of making its boxes.
    #[must_use]
    pub fn watched(&self) -> bool {
        self.0.shown.receiver_count() > 0
    }

    /// Publishes a frame. The caller only hands it over; encoding happens elsewhere.
    pub fn show(&self, view: LiveView) {
        self.0.view.send_replace(Some(Arc::new(view)));
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Subscribes one watcher to the pictures from the next one on.
    pub(crate) fn pictures(&self) -> watch::Receiver<Option<Arc<EncodedView>>> {
        self.0.shown.subscribe()
    }

    /// Number of watchers.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.0.shown.receiver_count()
    }

    /// Encodes frames for as long as the server runs: once for all watchers, and not at all while nobody watches.
    pub(crate) async fn encode(self) {
        let mut views = self.0.view.subscribe();
        while views.changed().await.is_ok() {
            let Some(view) = views.borrow_and_update().clone().filter(|_| self.watched()) else { continue };
            let began = Instant::now();
            match tokio::task::spawn_blocking(move || EncodedView::of(&view)).await {
                Ok(Ok(shown)) => {
                    self.0.shown.send_replace(Some(Arc::new(shown)));
                }
                Ok(Err(problem)) => log::warn!("page: a frame could not be shown: {problem}"),
                // The server is shutting down.
                Err(_) => return,
            }
            tokio::time::sleep(PACE.saturating_sub(began.elapsed())).await;
        }
    }
}

/// A frame encoded for sending.
#[derive(Debug)]
pub(crate) struct EncodedView {
    /// The message with its boxes, as JSON.
    pub(crate) words: String,
    /// The picture as JPEG.
    pub(crate) jpeg: Vec<u8>,
}

/// The message before a picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename = "view")]
pub(crate) struct ViewMessage {
    /// Width of the picture, px.
    width: u32,
    /// Height of the picture, px.
    height: u32,
    /// The cells in it.
    boxes: Vec<BoxMessage>,
}

/// A cell in the picture, in px of the picture.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BoxMessage {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    /// `WBC`, `RBC` or `PLT`.
    kind: Kind,
    /// Code of its class.
    class: Option<CellClass>,
    /// Probability of the class, 0..=1.
    probability: Option<f64>,
}

impl EncodedView {
    fn of(view: &LiveView) -> Result<Self, ImageError> {
        let picture = &view.picture;
        let factor = (f64::from(WIDEST) / f64::from(picture.width().max(1))).min(1.0);
        let mut jpeg = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
        let (width, height) = if factor < 1.0 {
            let height = ((f64::from(picture.height()) * factor).round() as u32).max(1);
            shrunk(picture, WIDEST, height).write_with_encoder(encoder)?;
            (WIDEST, height)
        } else {
            picture.write_with_encoder(encoder)?;
            picture.dimensions()
        };
        // Tenths of a pixel are finer than the eye can see, and keep the message short.
        let tenths = |length: f64| (length * factor * 10.0).round() / 10.0;
        let boxes = view.boxes.iter().map(|LiveBox { area, kind, class, probability }| BoxMessage {
            x: tenths(area.x),
            y: tenths(area.y),
            w: tenths(area.w),
            h: tenths(area.h),
            kind: *kind,
            class: *class,
            probability: probability.map(|probability| (probability * 1000.0).round() / 1000.0),
        });
        let message = ViewMessage { width, height, boxes: boxes.collect() };
        let words = serde_json::to_string(&message).map_err(|problem| ImageError::IoError(problem.into()))?;
        Ok(Self { words, jpeg })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: u32, height: u32) -> (EncodedView, RgbImage) {
        let found = LiveBox {
            area: Rect::new(100.0, 50.0, 40.0, 30.0),
            kind: Kind::Wbc,
            class: Some(CellClass::Ngs),
            probability: Some(0.987_654),
        };
        let picture = Arc::new(RgbImage::from_pixel(width, height, image::Rgb([200, 180, 190])));
        let shown = EncodedView::of(&LiveView { picture, boxes: vec![found] }).unwrap();
        let back = image::load_from_memory(&shown.jpeg).unwrap().to_rgb8();
        (shown, back)
    }

    #[test]
    fn a_small_frame_is_sent_as_it_is_with_its_boxes() {
        let (shown, back) = shown(640, 480);
        assert_eq!(back.dimensions(), (640, 480));
        assert_eq!(
            shown.words,
            r#"{"type":"view","width":640,"height":480,"boxes":[{"x":100.0,"y":50.0,"w":40.0,"h":30.0,"kind":"WBC","class":"NGS","probability":0.988}]}"#
        );
    }

    #[test]
    fn a_large_frame_is_sent_800_px_wide_and_its_boxes_with_it() {
        let (shown, back) = shown(1600, 1201);
        assert_eq!(back.dimensions(), (800, 601));
        assert!(shown.words.contains(r#""width":800,"height":601,"boxes":[{"x":50.0,"y":25.0,"w":20.0,"h":15.0"#));
    }

    #[test]
    fn an_endlessly_tall_or_narrow_frame_does_no_harm() {
        assert_eq!(shown(4000, 1).1.dimensions(), (800, 1));
        assert_eq!(shown(1, 3000).1.dimensions(), (1, 3000));
    }
}
