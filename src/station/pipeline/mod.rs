//! The counting thread: takes frames and commands, gives snapshots and results. The only place that knows every stage.

mod calibrating;
mod commands;
mod fields;
mod judged;
mod keeping;
mod ports;
mod publishing;
mod rate;
mod resuming;
mod signed;
mod switching;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::calibrating::{Calibrated, CalibrationRequest, Calibrator};
use self::fields::Fields;
use self::judged::QualityLog;
use self::keeping::{NextSample, Unkept};
pub use self::ports::PipelinePorts;
use self::rate::Rate;
use self::signed::Signed;
pub use self::switching::WeightsRequest;
use self::view::SessionView;
use crate::camera::supervise::{CameraCounts, CameraState};
use crate::counting::counter::{Counted, CountedCell, Counter, DetectedFrame, Revision};
use crate::counting::platelets::WholeField;
use crate::counting::quality_control::ControlOf;
use crate::counting::session::Session;
use crate::counting::session::snapshot::{CameraCheck, Command, EarlierResult, Ending, Phase, Snapshot};
use crate::counting::statistics::absolute::Entered;
use crate::domain::frame::Frame;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::station::in_force::Current;
use crate::station::requests::Asked;
use crate::station::trouble::Part;
use crate::store::records::Settings;
use crate::vision::optics::calibration::scale_doubt;
use crate::vision::profile::ProfileMark;
use crate::vision::quality::Gate;
use crate::vision::{Lighting, Vision, VisionError};

/// How long to wait for a frame before checking everything else.
const WAIT: Duration = Duration::from_millis(50);

/// How long a detected frame waits for the next one, so that counting one and detecting on the other overlap.
const SOON: Duration = Duration::from_millis(5);

/// How often an unchanged state is published again, so that trouble and frame rate stay current.
const REFRESH: Duration = Duration::from_secs(1);

/// Frames slower than this are logged: somebody is waiting.
const SLOW: Duration = Duration::from_secs(1);

/// Who gave the first command, by the name for the audit trail.
const DEVICE: &str = "device";

struct Counting {
    station: String,
    vision: Arc<Vision>,
    counter: Counter,
    /// The detected frame that is counted while the next one is detected.
    detected: Option<(DetectedFrame, Frame)>,
    view: SessionView,
    fields: Fields,
    /// Time the detection took when no other frame was counted meanwhile.
    detected_alone: Duration,
    session: Session,
    connections: PipelinePorts,
    /// Settings in force in this loop: a session, its record and its result use the same ones.
    current: Arc<Current>,
    /// A result that is not on disk yet.
    unkept: Option<Unkept>,
    /// Ids made for samples that nobody named, of the newest second.
    made: Vec<String>,
    /// The red count that the trail holds for the running sample.
    noted: Vec<Entered>,
    /// The sample to begin once the previous result is on disk.
    next: Option<NextSample>,
    /// The camera's counts when the session began.
    at_start: CameraCounts,
    used: u64,
    failed: u64,
    judged: QualityLog,
    um_per_px: Option<f64>,
    /// Colour of the sample's red cells.
    red_cells: Option<RedCellColour>,
    /// The profile that the sample was named with.
    named_with: Option<ProfileMark>,
    /// A signed result that the sample had before.
    earlier: Option<EarlierResult>,
    /// The control that is counted; none for a sample.
    control: Option<ControlOf>,
    /// Whether the camera was checked when the sample began, or when its result was stored.
    camera_check: Option<CameraCheck>,
    rate: Rate,
    /// The signed result of the session shown, if it has one.
    signed: Signed,
    /// The state published last, and when.
    state: Option<Arc<Snapshot>>,
    published: Instant,
}

/// Counts into `session` until the stop signal. `first`, if given, is carried out at once.
pub fn count(station: &str, vision: Arc<Vision>, session: Session, first: Option<Command>, connections: PipelinePorts) {
    let mut counting = Counting {
        station: station.to_owned(),
        counter: Counter::behind(Arc::clone(&vision), Gate::new(connections.gate)),
        vision,
        detected: None,
        detected_alone: Duration::ZERO,
        view: SessionView::new(connections.live.clone()),
        fields: Fields::new(connections.fields),
        session,
        current: connections.in_force.now(),
        connections,
        unkept: None,
        made: Vec::new(),
        noted: Vec::new(),
        next: None,
        at_start: CameraCounts::default(),
        used: 0,
        failed: 0,
        judged: QualityLog::new(),
        um_per_px: None,
        red_cells: None,
        named_with: None,
        earlier: None,
        control: None,
        camera_check: None,
        rate: Rate::default(),
        signed: Signed::default(),
        state: None,
        published: Instant::now(),
    };
    counting.take_what_is_in_force();
    counting.connections.in_force.look_with(Arc::clone(&counting.vision));
    if let Some(command) = first {
        counting.command(Asked::by(DEVICE, command));
    }
    counting.publish();
    while !counting.connections.stop.requested() {
        counting.step();
    }
    // A sample still waiting behind a result that is not stored does not begin any more.
    counting.next = None;
    counting.end(Ending::Shutdown, None);
    counting.keep();
    counting.publish();
}

impl Counting {
    fn step(&mut self) {
        self.connections.pulse.beat();
        self.take_what_is_in_force();
        while let Ok(asked) = self.connections.commands.try_recv() {
            self.command(asked);
        }
        while let Ok(request) = self.connections.calibration_requests.try_recv() {
            self.calibrate(&request);
        }
        while let Ok(request) = self.connections.weights_requests.try_recv() {
            self.switch(request);
        }
        if self.session.phase() == Phase::Counting {
            // A detected frame waits for the next one only as long as that one takes to arrive.
            let patience = if self.detected.is_some() { SOON } else { WAIT };
            match self.connections.frames.take(patience) {
                Some(frame) => self.frame(&frame),
                None if self.detected.is_some() => self.count_detected(),
                // During shutdown the camera ends too; that is not the end of a recording.
                None if self.camera_ended() && !self.connections.stop.requested() => {
                    self.end(Ending::RecordingOver, None);
                }
                None => {}
            }
        } else {
            // A live camera's frames are out of date by the time a count begins; a recording waits for the count.
            if !self.connections.recording
                && let Some(frame) = self.connections.frames.take(Duration::ZERO)
            {
                self.view.show(&frame, &[], &[]);
            }
            let _ = self.connections.stop.wait(WAIT);
        }
        if self.unkept.as_ref().is_some_and(|unkept| Instant::now() >= unkept.again) {
            self.keep();
            self.publish();
        }
        if self.published.elapsed() >= REFRESH || self.was_signed() {
            self.publish();
        }
    }

    fn take_what_is_in_force(&mut self) {
        self.current = self.connections.in_force.now();
        let Settings { session, flags, .. } = &self.current.settings;
        self.session.set(session, flags);
    }

    fn camera_ended(&self) -> bool {
        self.connections.camera.state() == CameraState::Ended
    }

    /// Detects on a frame while the one before it is counted.
    fn frame(&mut self, frame: &Frame) {
        let pixels = &frame.pixels;
        let began = Instant::now();
        if self.does_not_fit(pixels.dimensions()) {
            return;
        }
        let detected = match self.detected.take() {
            None => {
                let detected = self.counter.detect(pixels);
                self.detected_alone = began.elapsed();
                detected
            }
            Some((before, its_frame)) => {
                let (counted, detected) = self.counter.frame_while(before, pixels);
                self.detected_alone = Duration::ZERO;
                self.rate.step(began.elapsed());
                self.counted(Ok(counted), &its_frame);
                detected
            }
        };
        if began.elapsed() > SLOW {
            log::warn!("a frame of {}x{} px took {:.1?}", pixels.width(), pixels.height(), began.elapsed());
        }
        match detected {
            // The frame counted meanwhile may have ended the session.
            Ok(detected) => {
                self.detected = Some((detected, frame.clone())).filter(|_| self.session.phase() == Phase::Counting);
            }
            Err(error) => self.counted(Err(error), frame),
        }
    }

    /// Counts the detected frame, if there is one.
    fn count_detected(&mut self) {
        if let Some((detected, frame)) = self.detected.take() {
            let began = Instant::now();
            let counted = self.counter.take(detected);
            self.rate.step(began.elapsed().max(std::mem::take(&mut self.detected_alone)));
            self.counted(Ok(counted), &frame);
        }
    }

    fn counted(&mut self, counted: Result<Counted, VisionError>, frame: &Frame) {
        match counted {
            Ok(Counted {
                cells,
                revisions,
                jumped,
                um_per_px,
                red_cells,
                quality,
                in_view,
                names,
                looked_at,
                unnamed,
                whole,
                ..
            }) => {
                self.used += 1;
                self.view.learn(&cells, &revisions);
                self.view.show(frame, &in_view, &names);
                if looked_at {
                    self.connections.troubles.set(Part::Vision, unnamed);
                }
                self.um_per_px = um_per_px.map(MicrometresPerPixel::get).or(self.um_per_px);
                self.red_cells = red_cells.or(self.red_cells);
                self.judged.note(quality, self.connections.gate);
                let refused = Some(quality.verdict).filter(|verdict| self.connections.gate && verdict.refuses());
                self.connections.tallies.used(refused, self.counter.newest_times());
                self.doubt_optics();
                if jumped {
                    log::warn!(
                        "the stage moved in a way that could not be followed, or more was seen than is remembered: cells may \
                         be counted twice"
                    );
                }
                if looked_at {
                    self.fields.see(frame, &in_view, &names, self.um_per_px);
                }
                if self.take_in(&cells, &revisions, whole, jumped) {
                    self.ended(None);
                }
            }
            Err(error) => {
                self.failed += 1;
                self.connections.tallies.failed();
                log::error!("a frame was passed over: {error}");
                self.connections.troubles.set(Part::Vision, Some(error.to_string()));
            }
        }
        self.publish();
    }

    /// Adds cells to record and count; whether the count is over.
    fn take_in(
        &mut self,
        cells: &[CountedCell],
        revisions: &[Revision],
        whole: Option<WholeField>,
        jumped: bool,
    ) -> bool {
        self.connections.recorder.counted(cells, revisions);
        self.keep_fields(cells, revisions);
        self.session.see(whole);
        self.session.revise(revisions);
        self.session.add(cells, jumped)
    }

    /// Keeps the fields of cells that a person must look at, by the flags that the sample has so far.
    fn keep_fields(&mut self, cells: &[CountedCell], revisions: &[Revision]) {
        let flags = self.state.as_ref().map_or(&[][..], |state| &state.flags);
        for field in self.fields.wanted(cells, revisions, flags) {
            self.connections.recorder.field(field);
        }
    }

    /// Whether the frame size differs from the one the light was calibrated with: the flat field would be wrong.
    fn does_not_fit(&mut self, size: (u32, u32)) -> bool {
        let fixed = matches!(self.vision.lighting(), Lighting::Fixed(_));
        let lit = self.current.calibration.as_ref().filter(|_| fixed);
        let Some(problem) = lit.and_then(|calibration| calibration.fits(size).err()) else { return false };
        self.connections.troubles.set(Part::Vision, Some(problem.to_string()));
        self.publish();
        true
    }

    /// Reports a problem if the scale from red cells and the calibrated scale disagree, or lines are drawn into the picture.
    fn doubt_optics(&self) {
        let calibrated = self.current.calibration.as_ref().and_then(|calibration| calibration.um_per_px);
        let doubt = calibrated.zip(self.um_per_px).and_then(|(calibrated, live)| scale_doubt(calibrated, live));
        let warning = self.judged.newest.and_then(|quality| quality.warning());
        self.connections.troubles.set(Part::Optics, doubt.or(warning.map(str::to_owned)));
    }

    /// Ends a running count, whether by command, end of recording or shutdown. The detected frame is counted first,
    /// then the cells of a lone last field that its border cuts. If either reaches the target, that is the recorded
    /// ending, and nobody stopped it.
    fn end(&mut self, ending: Ending, stopped_by: Option<String>) {
        if self.session.phase() == Phase::Counting {
            self.count_detected();
        }
        if self.session.phase() == Phase::Counting {
            let Counted { cells, revisions, whole, jumped, unnamed, .. } = self.counter.finish();
            if let Some(problem) = unnamed {
                log::warn!("{problem}");
            }
            if self.take_in(&cells, &revisions, whole, jumped) {
                self.ended(None);
            } else if self.session.finish(ending) {
                self.ended(stopped_by);
            }
        }
    }
}
