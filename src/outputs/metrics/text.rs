//! From `OpenMetrics` text, which the library writes, to Prometheus' older text format, which every collector reads: a
//! counter is described by the full name of its samples there, and units and the end are not told.

use std::collections::BTreeSet;

/// The same metrics in text format 0.0.4.
pub(super) fn classic(open_metrics: &str) -> String {
    let of_type = |line: &str| Some(line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?.to_owned());
    let counters: BTreeSet<String> = open_metrics.lines().filter_map(of_type).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let described = ["# HELP ", "# TYPE "].into_iter().find_map(|what| Some((what, line.strip_prefix(what)?)));
        match described.and_then(|(what, rest)| Some((what, rest.split_once(' ')?))) {
            Some((what, (name, rest))) if counters.contains(name) => {
                text.extend([what, name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_described_by_the_name_of_its_samples_and_the_rest_stays() {
        let open = "# HELP a_frames Frames.\n# TYPE a_frames counter\na_frames_total{of=\"# TYPE x counter\"} 3\n\
                    # HELP a_stage_seconds Time.\n# TYPE a_stage_seconds histogram\n# UNIT a_stage_seconds seconds\n\
                    a_stage_seconds_sum 1.5\n# EOF\n";
        let expected = "# HELP a_frames_total Frames.\n# TYPE a_frames_total counter\na_frames_total{of=\"# TYPE x counter\"} 3\n\
                    # HELP a_stage_seconds Time.\n# TYPE a_stage_seconds histogram\na_stage_seconds_sum 1.5\n";
        assert_eq!(classic(open), expected);
    }
}
