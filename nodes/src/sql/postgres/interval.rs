//! Spans of time as ISO 8601 writes them: `P1Y2M3DT4H5M6.7S`.

use crate::sql::statement::write;

const MICROS: i64 = 1_000_000;

/// Reads an INTERVAL: microseconds, days, months.
pub(super) fn read(bytes: &[u8]) -> Option<String> {
    let (micros, rest) = bytes.split_first_chunk()?;
    let (days, months) = rest.split_first_chunk()?;
    let micros = i64::from_be_bytes(*micros);
    let (days, months) = (i32::from_be_bytes(*days), i32::from_be_bytes(months.try_into().ok()?));
    let mut text = String::from("P");
    let mut part = |number: i64, unit: char| {
        if number != 0 {
            write(&mut text, format_args!("{number}{unit}"));
        }
    };
    part((months / 12).into(), 'Y');
    part((months % 12).into(), 'M');
    part(days.into(), 'D');
    if micros != 0 {
        text.push('T');
        let mut part = |number: i64, unit: char| {
            if number != 0 {
                write(&mut text, format_args!("{number}{unit}"));
            }
        };
        part(micros / (3600 * MICROS), 'H');
        part(micros / (60 * MICROS) % 60, 'M');
        let rest = micros % (60 * MICROS);
        if rest != 0 {
            let sign = if rest < 0 { "-" } else { "" };
            let (seconds, fraction) = ((rest / MICROS).abs(), (rest % MICROS).abs());
            let fraction = format!(".{fraction:06}");
            write(
                &mut text,
                format_args!("{sign}{seconds}{}S", fraction.trim_end_matches('0').trim_end_matches('.')),
            );
        }
    }
    if text.len() == 1 {
        text.push_str("T0S");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_form_of_iso_8601() {
        let span = |micros: i64, days: i32, months: i32| {
            let bytes: Vec<u8> =
                [&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat();
            read(&bytes).unwrap()
        };
        assert_eq!(span(0, 0, 0), "PT0S");
        assert_eq!(span((4 * 3600 + 5 * 60 + 6) * MICROS + 700_000, 3, 14), "P1Y2M3DT4H5M6.7S");
        assert_eq!(span(-1_500_000, -1, 0), "P-1DT-1.5S");
        assert_eq!(span(60 * MICROS, 0, 0), "PT1M");
    }
}
