//! Everything that can be found of a station, one row each: code, topic, grade. Their words are in the page's catalogues
//! under `health.CODE`, and what to do under `health.do.CODE` unless all is well; a test holds that.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How good a sign a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// As it should be.
    Good,
    /// Somebody must look; counting goes on.
    Look,
    /// Do not trust results before it is put right.
    Bad,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    Camera,
    Light,
    Focus,
    Scale,
    Control,
    Models,
    Profile,
    Backup,
    Store,
    Receivers,
    Clock,
    Board,
    Troubles,
    Version,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 14] = [
        Self::Camera,
        Self::Light,
        Self::Focus,
        Self::Scale,
        Self::Control,
        Self::Models,
        Self::Profile,
        Self::Backup,
        Self::Store,
        Self::Receivers,
        Self::Clock,
        Self::Board,
        Self::Troubles,
        Self::Version,
    ];
}

macro_rules! findings {
    ($($variant:ident $code:literal $topic:ident $grade:ident;)+) => {
        /// Something found of the station.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum Finding {
            $(#[serde(rename = $code)] $variant,)+
        }

        impl Finding {
            /// All findings.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What it is about.
            #[must_use]
            pub const fn topic(self) -> Topic {
                match self { $(Self::$variant => Topic::$topic,)+ }
            }

            /// How good a sign it is.
            #[must_use]
            pub const fn grade(self) -> Grade {
                match self { $(Self::$variant => Grade::$grade,)+ }
            }
        }
    };
}

findings! {
    CameraRunning "camera-running" Camera Good;
    CameraNoMicroscope "camera-no-microscope" Camera Look;
    CameraOpening "camera-opening" Camera Look;
    CameraLost "camera-lost" Camera Bad;
    CameraEnded "camera-ended" Camera Bad;
    LightCalibrated "light-calibrated" Light Good;
    LightNotCalibrated "light-not-calibrated" Light Look;
    LightDoubted "light-doubted" Light Look;
    FocusSharp "focus-sharp" Focus Good;
    FocusUnknown "focus-unknown" Focus Look;
    PictureRefused "picture-refused" Focus Look;
    ScaleCalibrated "scale-calibrated" Scale Good;
    ScaleMeasured "scale-measured" Scale Good;
    ScaleUnknown "scale-unknown" Scale Look;
    ControlPassed "control-passed" Control Good;
    ControlNotAsked "control-not-asked" Control Good;
    ControlNotDefined "control-not-defined" Control Look;
    ControlLearning "control-learning" Control Look;
    ControlNever "control-never" Control Look;
    ControlDue "control-due" Control Look;
    ControlFailed "control-failed" Control Bad;
    ControlUnknown "control-unknown" Control Look;
    ModelsShipped "models-shipped" Models Good;
    ModelsInstalled "models-installed" Models Good;
    ModelsNotRunning "models-not-running" Models Bad;
    ProfileNone "profile-none" Profile Good;
    ProfileSwitched "profile-switched" Profile Good;
    ProfileConfigured "profile-configured" Profile Good;
    BackupRecent "backup-recent" Backup Good;
    BackupOld "backup-old" Backup Look;
    BackupNever "backup-never" Backup Look;
    StoreWhole "store-whole" Store Good;
    StoreUnchecked "store-unchecked" Store Good;
    StoreDamaged "store-damaged" Store Bad;
    StoreUnreadable "store-unreadable" Store Bad;
    StoreLittleRoom "store-little-room" Store Look;
    QueueNone "queue-none" Receivers Good;
    QueueEmpty "queue-empty" Receivers Good;
    QueueWaiting "queue-waiting" Receivers Good;
    QueueOld "queue-old" Receivers Look;
    ClockBelieved "clock-believed" Clock Good;
    ClockDoubted "clock-doubted" Clock Look;
    BoardFine "board-fine" Board Good;
    BoardUnknown "board-unknown" Board Good;
    BoardHot "board-hot" Board Look;
    BoardThrottled "board-throttled" Board Look;
    BoardWasThrottled "board-was-throttled" Board Look;
    BoardUnderVoltage "board-under-voltage" Board Bad;
    PartStuck "part-stuck" Troubles Bad;
    TroubleNone "trouble-none" Troubles Good;
    TroublePast "trouble-past" Troubles Good;
    TroubleOpen "trouble-open" Troubles Look;
    TroubleStops "trouble-stops" Troubles Bad;
    Version "version" Version Good;
}
