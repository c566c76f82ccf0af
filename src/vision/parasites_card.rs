//! `[parasites]` of `model.toml`: what the network that screens for parasites expects, and from where on it is believed.

use std::path::PathBuf;

use serde::Deserialize;

/// `[parasites]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParasitesCard {
    pub file: PathBuf,
    pub sha256: String,
    /// Scale of crops, micrometres per pixel, as measured in training: a red cell's box is 7.2 um wide.
    pub um_per_px: f64,
    /// Width and height of crops, px.
    pub size: u32,
    /// Probability from which a person should look at a cell.
    pub limit: f64,
}

impl ParasitesCard {
    /// Refuses every number outside the range in which such a network can work at all.
    pub(super) fn check(&self) -> Result<(), String> {
        let ranges = [
            ("um_per_px", self.um_per_px, 0.02, 1.2),
            ("size", f64::from(self.size), 16.0, 256.0),
            ("limit", self.limit, 0.01, 0.9999),
        ];
        for (name, value, low, high) in ranges {
            // A NaN is in no range.
            if !(low..=high).contains(&value) {
                return Err(format!("parasites.{name} is {value}, not {low} to {high}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_which_no_network_works_are_refused_by_their_name() {
        let card = |change: fn(&mut ParasitesCard)| {
            let mut card = ParasitesCard {
                file: "parasites.onnx".into(),
                sha256: String::new(),
                um_per_px: 0.2,
                size: 64,
                limit: 0.6,
            };
            change(&mut card);
            card.check()
        };
        assert_eq!(card(|_| ()), Ok(()));
        for (wrong, name) in [
            (card(|card| card.limit = 0.0), "limit"),
            (card(|card| card.um_per_px = f64::NAN), "um_per_px"),
            (card(|card| card.size = 8), "size"),
        ] {
            assert!(wrong.unwrap_err().contains(name), "{name}");
        }
    }
}
