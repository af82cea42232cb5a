//! Numbers of arbitrary precision, from groups of four decimal digits to text.

use kailash_core::Value;

/// Reads a NUMERIC: an integer where it has no fraction and fits, else text with every digit.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign, scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    match sign {
        0xC000 => return Some(f64::NAN.into()),
        0xD000 => return Some(f64::INFINITY.into()),
        0xF000 => return Some(f64::NEG_INFINITY.into()),
        _ => {}
    }
    let groups: Vec<u16> = words.collect();
    if groups.len() != usize::from(count) {
        return None;
    }
    let weight = i32::from(weight.cast_signed());
    let group =
        |at: i32| usize::try_from(weight - at).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
    let mut text = String::from(if sign == 0x4000 { "-" } else { "" });
    let mut whole: String = (0..=weight.max(0)).rev().map(|at| format!("{:04}", group(at))).collect();
    let zeros = whole.len() - whole.trim_start_matches('0').len();
    whole.drain(..zeros.min(whole.len() - 1));
    text.push_str(&whole);
    if scale == 0 {
        return Some(text.parse::<i64>().map_or_else(|_| text.into(), Value::Int));
    }
    let groups = (i32::from(scale) + 3) / 4;
    let mut fraction: String = (1..=groups).map(|at| format!("{:04}", group(-at))).collect();
    fraction.truncate(usize::from(scale));
    text.push('.');
    text.push_str(&fraction);
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn number(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Value {
        let head = [u16::try_from(groups.len()).unwrap(), weight.cast_unsigned(), sign, scale];
        let bytes: Vec<u8> = head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect();
        read(&bytes).unwrap()
    }

    #[test]
    fn every_digit_is_kept() {
        assert_eq!(number(0, 0, 0, &[]), value!(0));
        assert_eq!(number(1, 0, 0, &[12, 3456]), value!(123_456));
        assert_eq!(number(1, 0, 0, &[12]), value!(120_000));
        assert_eq!(number(0, 0x4000, 2, &[1, 5000]), value!("-1.50"));
        assert_eq!(number(-1, 0, 4, &[7]), value!("0.0007"));
        assert_eq!(number(-2, 0, 6, &[700]), value!("0.000007"));
        assert_eq!(number(4, 0, 0, &[1, 0, 0, 0, 1]), value!(10_000_000_000_000_001_i64));
        assert_eq!(number(5, 0, 0, &[1]), value!("100000000000000000000"));
    }
}
