//! What is going on right now, for whoever watches: the counting thread puts it here, and never waits for anybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, RgbImage, imageops};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::counting::session::snapshot::Snapshot;
use crate::domain::class::{CellClass, Kind};
use crate::domain::geometry::Rect;
use crate::store::records::SessionId;

/// The shortest time between two pictures, or two states, that one watcher is sent.
pub(crate) const PACE: Duration = Duration::from_millis(200);

/// Pictures are not wider, px.
const WIDEST: u32 = 800;

/// JPEG quality: a frame of 800x600 px is some 60 kB.
const QUALITY: u8 = 75;

/// The place between the counting thread and the page; clones share it. The newest state and frame lie here, and what a
/// slow watcher missed is gone.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Places>);

#[derive(Debug, Default)]
struct Places {
    state: watch::Sender<State>,
    view: watch::Sender<Option<Arc<LiveView>>>,
    shown: watch::Sender<Option<Arc<EncodedView>>>,
}

/// Where the count stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) session: Option<SessionId>,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
}

/// A frame and what was found on it.
#[derive(Clone, Debug)]
pub struct LiveView {
    /// The frame as the camera gave it.
    pub picture: Arc<RgbImage>,
    /// The cells on it.
    pub boxes: Vec<LiveBox>,
}

/// A cell on a frame.
#[derive(Clone, Copy, Debug)]
pub struct LiveBox {
    /// Its box, px of the frame.
    pub area: Rect,
    /// What detection took it for.
    pub kind: Kind,
    /// What it is called; white cells only, and only once they were looked at.
    pub class: Option<CellClass>,
    /// Probability of `class`, 0..=1.
    pub probability: Option<f64>,
}

impl Live {
    /// Tells where the count stands: to be called with every snapshot that the other sinks get, and the number that the
    /// store gave the session that the snapshot is of.
    pub fn tell(&self, session: Option<SessionId>, snapshot: Arc<Snapshot>) {
        self.0.state.send_replace(State { session, snapshot: Some(snapshot) });
    }

    /// Whether anybody watches: without, [`Live::show`] is of no use and making its boxes a waste.
    #[must_use]
    pub fn watched(&self) -> bool {
        self.0.shown.receiver_count() > 0
    }

    /// Shows a frame. Costs the caller no more than putting it here.
    pub fn show(&self, view: LiveView) {
        self.0.view.send_replace(Some(Arc::new(view)));
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Pictures for one watcher, from the next one on.
    pub(crate) fn pictures(&self) -> watch::Receiver<Option<Arc<EncodedView>>> {
        self.0.shown.subscribe()
    }

    /// How many watch.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.0.shown.receiver_count()
    }

    /// Makes pictures of frames for as long as the server runs: once for all watchers, and none while nobody watches.
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
                // The server is ending.
                Err(_) => return,
            }
            tokio::time::sleep(PACE.saturating_sub(began.elapsed())).await;
        }
    }
}

/// A frame as it is sent.
#[derive(Debug)]
pub(crate) struct EncodedView {
    /// What is on it, as JSON.
    pub(crate) words: String,
    /// The picture.
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
    /// The cells on it.
    boxes: Vec<BoxMessage>,
}

/// A cell on the picture, in px of the picture.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BoxMessage {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    /// `WBC`, `RBC` or `PLT`.
    kind: Kind,
    /// Code of the class.
    class: Option<CellClass>,
    /// Its probability.
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
            imageops::thumbnail(picture.as_ref(), WIDEST, height).write_with_encoder(encoder)?;
            (WIDEST, height)
        } else {
            picture.write_with_encoder(encoder)?;
            picture.dimensions()
        };
        // Tenths of a pixel are finer than anybody sees, and keep the message short.
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
