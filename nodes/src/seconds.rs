//! Numbers of seconds in configs.

use std::time::Duration;

use kailash_core::{Error, Result, node::Setup, validate::Issue};

/// A year. A time that is no longer can be added to any instant.
const MOST: f64 = 365.0 * 86_400.0;

/// Notes a number of seconds that is none or not more than zero.
pub(crate) fn check_seconds(setup: &mut Setup<'_>, name: &str, seconds: f64) {
    if self::seconds(seconds).is_err() {
        let issue =
            Issue::error("config.seconds", format!("{name} is {seconds}, no number of seconds above 0"));
        setup.issues.push(issue.at(format!("config.{name}")));
    }
}

/// A time from a number of seconds; more than a year is a year.
///
/// # Errors
/// Kind `Invalid`, code `config.seconds`.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    let capped = if seconds > MOST { MOST } else { seconds };
    let time = Duration::try_from_secs_f64(capped).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| Error::invalid("config.seconds", format!("{seconds} is no number of seconds above 0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_above_zero_and_at_most_a_year() {
        assert_eq!(seconds(0.5).unwrap(), Duration::from_millis(500));
        for long in [1e19, f64::MAX, f64::INFINITY] {
            assert_eq!(seconds(long).unwrap(), Duration::from_secs(365 * 86_400));
        }
        for wrong in [0.0, -1.0, 1e-10, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(seconds(wrong).unwrap_err().code(), "config.seconds", "{wrong}");
        }
    }
}
