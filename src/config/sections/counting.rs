//! `[quality]`, `[models]`, `[session]` and `[flags]`: what is counted, and how it is reported and flagged.

use std::path::PathBuf;

use utoipa::ToSchema;

use crate::config::keys::Accepts::{File, Flag, Folder, Number, OneOf, Whole};
use crate::config::keys::{GROUPS, key, optional};
use crate::domain::class::Group;
use crate::domain::prevalence_mode::PrevalenceMode;

section! {
    "quality", QualityConfig {
        /// Leave out frames that are blurred, too dark, too bright, too thick, too thin or empty. They are counted by reason.
        gate: bool = true => key(Flag);
    }
}

section! {
    "models", ModelsConfig {
        /// Folder of model.toml. Empty: $LEUKOSCOPE_MODELS, else what `leukoscope model install` installed, else
        /// /usr/share/leukoscope/models.
        folder: Option<PathBuf> = None => key(Folder).example(r#""/usr/share/leukoscope/models""#);
        /// Probability under which a cell is left unclassified, 0 to 1. Without it the model's own limit holds.
        unknown_below: Option<f64> = None => optional(Number(0.0, 1.0)).unit("as a probability").example("0.6");
        /// How frequent each class is taken to be: "sample" (as in the cells counted so far), "blood" (as in usual blood, with half
        /// the weight), or "none" (the network alone decides). Results hold the uncorrected counts as well.
        prevalence: PrevalenceMode = PrevalenceMode::Sample => key(OneOf(&["none", "blood", "sample"]));
        /// The classes that the classifier confuses: a file that `leukoscope validate cells DIR --confusion FILE` wrote from your
        /// own labelled cells. Results then hold corrected percentages beside the counted ones. Without it, confusion.toml of the
        /// models' folder, which was measured on another laboratory's stain.
        confusion: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/confusion.toml""#);
        /// Profile of this laboratory, which names cells as its own labelled cells taught: a file that `leukoscope adapt` wrote
        /// for this camera and objective. It brings its own confusion matrix. What was chosen on the page comes first.
        profile: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/profile.toml""#);
        /// The public keys (minisign) of whoever may send new networks for `leukoscope model install`, one a line. Without it
        /// none are installed.
        trusted_keys: Option<PathBuf> = None => optional(File).example(r#""/etc/leukoscope/model-keys.pub""#);
    }
}

section! {
    "session", SessionConfig: ToSchema {
        /// White cells of the differential to count, 1 to 100000. 100 is usual, 200 for a closer look, 500 for rare cells. A number
        /// set on the page comes first.
        target: u32 = 100 => key(Whole(1, 100_000)).unit("cells");
        /// Go on past the target until the share of this group is precise enough: "blasts", "immature-granulocytes",
        /// "neutrophils", "lymphocytes", "monocytes", "eosinophils" or "basophils". Without it the target ends the count.
        precision_of: Option<Group> = None => optional(OneOf(GROUPS)).example(r#""blasts""#);
        /// Precise enough: its interval is no wider than this, percentage points, 0.1 to 50. Two points take 210 cells without a
        /// blast, and some 2300 with five in a hundred.
        precision_points: f64 = 2.0 => key(Number(0.1, 50.0)).unit("percentage points");
        /// Cells at which the count ends in any case, 1 to 100000, not less than target; a result not precise enough is flagged.
        at_most: u32 = 1000 => key(Whole(1, 100_000)).unit("cells");
        /// Error of the red counts entered for estimates per microlitre: coefficient of variation, percent, 0 to 20.
        red_count_cv_percent: f64 = 2.0 => key(Number(0.0, 20.0)).unit("percent");
        /// Begin to count when the program starts; false waits for the start button or `start` on the serial port. Without a file it
        /// is true.
        autostart: bool = true => key(Flag).shipped("false");
    }
}

section! {
    /// Limits of the flags in a result. They are laboratory policy: set them to your own. Those set on the page come first.
    "flags", Flags: ToSchema {
        /// Blasts, percent of the differential, 0 to 100.
        blasts_percent: f64 = 1.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Band neutrophils, percent of the differential, 0 to 100.
        bands_percent: f64 = 10.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Metamyelocytes, myelocytes and promyelocytes together, percent of the differential, 0 to 100.
        immature_granulocytes_percent: f64 = 2.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Nucleated red cells per 100 white cells, 0 to 100.
        nucleated_red_per_100: f64 = 1.0 => key(Number(0.0, 100.0)).unit("per 100 white cells");
        /// Cells without a name, percent of all white cells, 0 to 100.
        unclassified_percent: f64 = 10.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Not a flag: nucleated red cells per 100 white cells, 0 to 100, from which the estimate of white cells per microlitre is
        /// also given without them.
        correct_white_from: f64 = 5.0 => key(Number(0.0, 100.0)).unit("per 100 white cells");
    }
}
