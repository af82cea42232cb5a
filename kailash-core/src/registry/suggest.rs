//! The nearest of several names, for "did you mean".

/// The candidate most like `name`, if any is alike enough (Jaro-Winkler, Winkler 1990) to be worth naming.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_finds_its_name() {
        let names = ["CSVReader", "CSVWriter", "Switch"];
        assert_eq!(nearest("CsvRaeder", names), Some("CSVReader"));
        assert_eq!(nearest("swich", names), Some("Switch"));
        assert_eq!(nearest("Quantum", names), None);
    }
}
