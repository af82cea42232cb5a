//! Dates and times as text (RFC 3339), from counts since the year 2000.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

const MICROS: i64 = 1_000_000;
/// Seconds from 1970 to 2000.
const EPOCH: i64 = 946_684_800;

/// Reads a DATE: days since 2000-01-01.
pub(super) fn date(bytes: [u8; 4]) -> Option<String> {
    match i32::from_be_bytes(bytes) {
        i32::MAX => Some("infinity".into()),
        i32::MIN => Some("-infinity".into()),
        days => {
            let start = Date::new(2000, 1, 1).ok()?;
            let date = start.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
            Some(date.to_string())
        }
    }
}

/// Reads a TIME: microseconds since midnight.
pub(super) fn time(bytes: [u8; 8]) -> String {
    let micros = i64::from_be_bytes(bytes);
    let (seconds, fraction) = (micros / MICROS, micros % MICROS);
    let text = format!("{:02}:{:02}:{:02}.{fraction:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads a TIMETZ: microseconds since midnight, and seconds west of Greenwich.
pub(super) fn time_with_zone(bytes: &[u8]) -> Option<String> {
    let (micros, west) = bytes.split_first_chunk()?;
    let east = -i32::from_be_bytes(west.try_into().ok()?);
    let sign = if east < 0 { '-' } else { '+' };
    let east = east.unsigned_abs();
    Some(format!("{}{sign}{:02}:{:02}", time(*micros), east / 3600, east / 60 % 60))
}

/// Reads a TIMESTAMP or TIMESTAMPTZ: microseconds since 2000-01-01; the latter is shown in UTC.
pub(super) fn timestamp(bytes: [u8; 8], with_zone: bool) -> Option<String> {
    let micros = match i64::from_be_bytes(bytes) {
        i64::MAX => return Some("infinity".into()),
        i64::MIN => return Some("-infinity".into()),
        micros => micros,
    };
    let at = Timestamp::from_microsecond(micros.checked_add(EPOCH * MICROS)?).ok()?;
    Some(if with_zone { at.to_string() } else { TimeZone::UTC.to_datetime(at).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_rfc_3339() {
        assert_eq!(date(0_i32.to_be_bytes()).as_deref(), Some("2000-01-01"));
        assert_eq!(date((-10_958_i32).to_be_bytes()).as_deref(), Some("1969-12-31"));
        assert_eq!(date(i32::MAX.to_be_bytes()).as_deref(), Some("infinity"));
        assert_eq!(date((i32::MAX - 1).to_be_bytes()), None);
        assert_eq!(timestamp((MICROS / 2).to_be_bytes(), true).as_deref(), Some("2000-01-01T00:00:00.5Z"));
        assert_eq!(timestamp(0_i64.to_be_bytes(), false).as_deref(), Some("2000-01-01T00:00:00"));
        assert_eq!(timestamp((i64::MAX - 1).to_be_bytes(), true), None);
    }

    #[test]
    fn times_of_the_day_keep_their_zone() {
        assert_eq!(time((86_400 * MICROS).to_be_bytes()), "24:00:00");
        assert_eq!(time((10 * MICROS).to_be_bytes()), "00:00:10");
        let bytes = [&(3600 * MICROS + 250_000).to_be_bytes()[..], &(-7200_i32).to_be_bytes()].concat();
        assert_eq!(time_with_zone(&bytes).as_deref(), Some("01:00:00.25+02:00"));
    }
}
