//! The station's time zone: times as people read them, on the page, on paper and in lists.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Serialize;
use utoipa::ToSchema;

/// Offsets before this are of no interest to a page: the program is younger.
const FIRST: i64 = 1_577_836_800; // 2020-01-01

/// How far ahead a page knows the offsets, in changes: five years with two changes each.
const AHEAD: usize = 10;

/// A time to the minute with the name of its zone, such as `2026-11-29 10:12 CET (UTC+1)`.
#[must_use]
pub fn minute(at: Timestamp) -> String {
    minute_in(&TimeZone::system(), at)
}

/// The same to the second.
#[must_use]
pub fn second(at: Timestamp) -> String {
    let zone = TimeZone::system();
    format!("{} {}", at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S"), name(&zone, at))
}

/// A time to the second for programs and spreadsheets, such as `2026-11-29T10:12:03+01:00`.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A time to the second without its zone, such as `20261129101203`, as laboratory protocols write local time.
#[must_use]
pub fn compact(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y%m%d%H%M%S").to_string()
}

fn minute_in(zone: &TimeZone, at: Timestamp) -> String {
    format!("{} {}", at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M"), name(zone, at))
}

/// `UTC`, or the abbreviation in use with the offset; the offset alone if the zone has no abbreviation of letters.
fn name(zone: &TimeZone, at: Timestamp) -> String {
    let info = zone.to_offset_info(at);
    let abbreviation = info.abbreviation();
    let lettered = abbreviation.len() >= 2 && abbreviation.bytes().all(|byte| byte.is_ascii_alphabetic());
    if info.offset() == Offset::UTC && (abbreviation == "UTC" || !lettered) {
        "UTC".to_owned()
    } else if lettered {
        format!("{abbreviation} ({})", offset_name(info.offset()))
    } else {
        offset_name(info.offset())
    }
}

/// `UTC+1`, `UTC-3:30`.
fn offset_name(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
    match minutes % 60 {
        0 => format!("UTC{sign}{}", minutes / 60),
        rest => format!("UTC{sign}{}:{rest:02}", minutes / 60),
    }
}

/// An offset of the station's zone from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ZonePart {
    /// Seconds since 1970, UTC.
    pub from: i64,
    /// Seconds east of UTC.
    pub offset: i32,
    /// Words for it, such as `CET (UTC+1)`.
    pub name: String,
}

/// The station's offsets since 2020 and for the years to come, in their order; never empty.
#[must_use]
pub fn parts(now: Timestamp) -> Vec<ZonePart> {
    parts_of(&TimeZone::system(), now)
}

fn parts_of(zone: &TimeZone, now: Timestamp) -> Vec<ZonePart> {
    let first = Timestamp::from_second(FIRST).unwrap_or(Timestamp::MIN);
    let part = |at: Timestamp| ZonePart {
        from: at.as_second(),
        offset: zone.to_offset_info(at).offset().seconds(),
        name: name(zone, at),
    };
    let changes: Vec<Timestamp> = zone.following(first).map(|change| change.timestamp()).take(1000).collect();
    let past = changes.iter().filter(|change| **change <= now).count();
    std::iter::once(first).chain(changes.into_iter().take(past + AHEAD)).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_names_its_zone_in_winter_and_summer_and_without_letters() {
        let central = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(minute_in(&central, at("2026-11-29T09:12:03Z")), "2026-11-29 10:12 CET (UTC+1)");
        assert_eq!(minute_in(&central, at("2026-07-01T22:30:00Z")), "2026-07-02 00:30 CEST (UTC+2)");
        assert_eq!(minute_in(&TimeZone::UTC, at("2026-07-01T22:30:00Z")), "2026-07-01 22:30 UTC");
        let peru = TimeZone::posix("<-05>5").unwrap();
        assert_eq!(minute_in(&peru, at("2026-07-01T22:30:00Z")), "2026-07-01 17:30 UTC-5");
        let nepal = TimeZone::posix("<+0545>-5:45").unwrap();
        assert_eq!(minute_in(&nepal, at("2026-07-01T22:30:00Z")), "2026-07-02 04:15 UTC+5:45");
        let london = TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap();
        assert_eq!(minute_in(&london, at("2026-01-01T12:00:00Z")), "2026-01-01 12:00 GMT (UTC+0)");
    }

    #[test]
    fn a_page_gets_every_change_of_its_years() {
        let central = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let parts = parts_of(&central, at("2026-11-29T00:00:00Z"));
        assert_eq!((parts[0].from, parts[0].name.as_str()), (FIRST, "CET (UTC+1)"));
        assert!(parts.windows(2).all(|pair| pair[0].from < pair[1].from && pair[0].offset != pair[1].offset));
        let autumn = at("2026-10-25T01:00:00Z").as_second();
        assert!(parts.iter().any(|part| part.from == autumn && part.offset == 3600), "{parts:?}");
        assert!(parts.last().unwrap().from > at("2031-01-01T00:00:00Z").as_second());
        assert_eq!(parts_of(&TimeZone::UTC, at("2026-11-29T00:00:00Z")).len(), 1);
    }
}
