//! Analyses the next frame on a thread of its own while the one before it is counted. The thread stays: starting one for each
//! frame costs more than handing a frame over.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use image::RgbImage;

use super::analyzer::{DetectedFrame, FrameAnalyzer};
use crate::vision::VisionError;

/// What an analyser found, and the analyser.
type Analyzed = (FrameAnalyzer, Result<DetectedFrame, VisionError>);

/// The thread, from the first frame that it is given on.
#[derive(Debug, Default)]
pub(super) struct Ahead(Option<Worker>);

#[derive(Debug)]
struct Worker {
    /// None once the thread is to end.
    jobs: Option<Sender<(FrameAnalyzer, Arc<RgbImage>)>>,
    done: Receiver<thread::Result<Analyzed>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Analyses a frame while `meanwhile` runs here; one after the other where the system gives no thread.
    ///
    /// Analysis does not panic; if it ever did, this thread would, too, because it is the one that is watched.
    pub(super) fn analyze<T>(
        &mut self,
        analyzer: FrameAnalyzer,
        frame: &Arc<RgbImage>,
        meanwhile: impl FnOnce() -> T,
    ) -> (T, Analyzed) {
        if self.0.is_none() {
            self.0 = Worker::start().inspect_err(|problem| log::warn!("no thread for analysis: {problem}")).ok();
        }
        let Some(worker) = &self.0 else { return (meanwhile(), analyzed(analyzer, frame)) };
        worker.give(analyzer, Arc::clone(frame));
        (meanwhile(), worker.take())
    }
}

impl Worker {
    fn start() -> std::io::Result<Self> {
        let (jobs, given) = bounded::<(FrameAnalyzer, Arc<RgbImage>)>(1);
        let (sender, done) = bounded(1);
        let thread = thread::Builder::new().name("analysis".to_owned()).spawn(move || {
            for (analyzer, frame) in given {
                let done = catch_unwind(AssertUnwindSafe(move || analyzed(analyzer, &frame)));
                if sender.send(done).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), done, thread: Some(thread) })
    }

    fn give(&self, analyzer: FrameAnalyzer, frame: Arc<RgbImage>) {
        if let Some(jobs) = &self.jobs {
            // Fails only if the thread is gone, and then there is nothing to take.
            let _ = jobs.send((analyzer, frame));
        }
    }

    fn take(&self) -> Analyzed {
        match self.done.recv().expect("the thread answers whatever it is given") {
            Ok(analyzed) => analyzed,
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It caught its panics.
            let _ = thread.join();
        }
    }
}

fn analyzed(mut analyzer: FrameAnalyzer, frame: &RgbImage) -> Analyzed {
    let detected = analyzer.analyze(frame);
    (analyzer, detected)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::vision::Vision;
    use crate::vision::models::Models;
    use crate::vision::quality::{Gate, Quality};

    fn analyzer() -> FrameAnalyzer {
        let models = Models::read(&Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models")).unwrap();
        FrameAnalyzer::behind(Arc::new(Vision::new(&models, Some(0.14), None).unwrap()), Gate::new(true))
    }

    /// An empty frame is always looked at.
    fn looked(detected: Result<DetectedFrame, VisionError>) -> (usize, Quality) {
        match detected.unwrap() {
            DetectedFrame::Looked(frame) => (frame.cells.len(), frame.quality),
            DetectedFrame::Same { .. } => panic!("it passed"),
        }
    }

    #[test]
    fn frames_are_analysed_on_one_thread_that_ends_with_its_counter() {
        let frame = Arc::new(RgbImage::from_pixel(160, 120, image::Rgb([230; 3])));
        let mut ahead = Ahead::default();
        let mut analyzer = analyzer();
        let mut alone = looked(analyzer.analyze(&frame));
        let mut threads = std::collections::HashSet::new();
        for turn in 0..3 {
            let (said, (back, detected)) = ahead.analyze(analyzer, &frame, || turn);
            assert_eq!(said, turn);
            let detected = looked(detected);
            assert_eq!(detected, alone);
            (analyzer, alone) = (back, detected);
            threads.insert(ahead.0.as_ref().unwrap().thread.as_ref().unwrap().thread().id());
        }
        assert_eq!(threads.len(), 1);
        drop(ahead);
        assert_eq!(Arc::strong_count(&frame), 1, "the thread is over and holds no frame");
    }

    #[test]
    fn a_panic_of_the_analysis_comes_out_on_the_thread_that_is_watched() {
        let (sender, done) = bounded(1);
        sender.send(catch_unwind(|| panic!("broken"))).unwrap();
        let broken = Worker { jobs: None, done, thread: None };
        let panic = catch_unwind(AssertUnwindSafe(|| broken.take())).expect_err("it is passed on");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"broken"));
    }
}
