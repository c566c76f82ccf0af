//! The multirule of Westgard for one chart of a control. Pure.
//!
//! J. O. Westgard, P. L. Barry, M. R. Hunt, T. Groth: A multi-rule Shewhart chart for quality control in clinical
//! chemistry. Clinical Chemistry 27 (1981) 493-501. A deviation is that of a control from its target in standard
//! deviations, z = (value - mean) / SD. "Exceeds" is strict, as there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rule that a control broke, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Rule {
    /// One control exceeds 2 SD: a warning that has the other rules looked at. Chance does it in one of 22 runs.
    #[serde(rename = "1-2s")]
    OneTwoS,
    /// In one run one control exceeds +2 SD and another -2 SD: more than 4 SD apart. Sees random error.
    #[serde(rename = "R-4s")]
    RangeFourS,
    /// Two in a row, or two levels of one run, exceed 2 SD on the same side. Sees a shift.
    #[serde(rename = "2-2s")]
    TwoTwoS,
    /// One control exceeds 3 SD.
    #[serde(rename = "1-3s")]
    OneThreeS,
}

impl Rule {
    /// Its name in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OneTwoS => "1-2s",
            Self::RangeFourS => "R-4s",
            Self::TwoTwoS => "2-2s",
            Self::OneThreeS => "1-3s",
        }
    }

    /// Whether the run is rejected; 1-2s only warns.
    #[must_use]
    pub const fn rejects(self) -> bool {
        !matches!(self, Self::OneTwoS)
    }
}

/// The rule that a control breaks, the most telling one; `None` if it is in control. All arguments are deviations of one
/// chart in SD.
///
/// `before` is the valid run of the same level before this one. `levels` are the other levels of the control in the
/// same run: R-4s is judged between them only, never between runs, where a shift would look like random error.
#[must_use]
pub fn judge(now: f64, before: Option<f64>, levels: &[f64]) -> Option<Rule> {
    let same_side = |other: f64| (now > 2.0 && other > 2.0) || (now < -2.0 && other < -2.0);
    let opposite = |other: f64| (now > 2.0 && other < -2.0) || (now < -2.0 && other > 2.0);
    if now.abs() > 3.0 {
        Some(Rule::OneThreeS)
    } else if before.is_some_and(same_side) || levels.iter().copied().any(same_side) {
        Some(Rule::TwoTwoS)
    } else if levels.iter().copied().any(opposite) {
        Some(Rule::RangeFourS)
    } else if now.abs() > 2.0 {
        Some(Rule::OneTwoS)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Level of a control of the paper's kind: mean 100, SD 5.
    fn z(value: f64) -> f64 {
        (value - 100.0) / 5.0
    }

    #[test]
    fn the_rules_are_those_of_the_paper() {
        assert_eq!(judge(z(109.0), None, &[]), None, "within 2 SD the run is in control");
        assert_eq!(judge(z(111.0), None, &[]), Some(Rule::OneTwoS), "a warning: look at the other rules");
        assert_eq!(judge(z(116.0), None, &[]), Some(Rule::OneThreeS));
        assert_eq!(judge(z(84.0), Some(z(100.0)), &[]), Some(Rule::OneThreeS));
        // 2-2s, across runs of one level and across levels of one run.
        assert_eq!(judge(z(111.0), Some(z(112.0)), &[]), Some(Rule::TwoTwoS));
        assert_eq!(judge(z(89.0), None, &[z(88.0)]), Some(Rule::TwoTwoS));
        assert_eq!(judge(z(111.0), Some(z(88.0)), &[]), Some(Rule::OneTwoS), "not on the same side");
        // R-4s: one beyond +2 SD and the other beyond -2 SD, in one run.
        assert_eq!(judge(z(111.0), None, &[z(89.0)]), Some(Rule::RangeFourS));
        // Exactly at a limit does not exceed it.
        assert_eq!(judge(2.0, Some(2.5), &[-2.5]), None);
        assert_eq!(judge(3.0, None, &[]), Some(Rule::OneTwoS));
    }

    #[test]
    fn only_the_warning_does_not_reject() {
        let rules = [Rule::OneTwoS, Rule::RangeFourS, Rule::TwoTwoS, Rule::OneThreeS];
        assert_eq!(rules.map(Rule::rejects), [false, true, true, true]);
        for rule in rules {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.code());
        }
    }

    proptest! {
        #[test]
        fn within_two_sd_nothing_is_broken_and_beyond_something_is(
            now in -6.0..6.0_f64, before in proptest::option::of(-6.0..6.0_f64),
            levels in proptest::collection::vec(-6.0..6.0_f64, 0..3),
        ) {
            let rule = judge(now, before, &levels);
            prop_assert_eq!(rule.is_some(), now.abs() > 2.0);
            prop_assert_eq!(rule == Some(Rule::OneThreeS), now.abs() > 3.0);
        }

        #[test]
        fn high_and_low_are_judged_alike(
            now in -6.0..6.0_f64, before in proptest::option::of(-6.0..6.0_f64),
            levels in proptest::collection::vec(-6.0..6.0_f64, 0..3),
        ) {
            let mirrored: Vec<f64> = levels.iter().map(|level| -level).collect();
            prop_assert_eq!(judge(now, before, &levels), judge(-now, before.map(|before| -before), &mirrored));
        }
    }
}
