//! Names of registered workflows: they stand in paths of files and of requests, so few signs will do.

use kailash_core::{Error, Result};

const MAX_LEN: usize = 100;

/// Refuses a name that cannot be one.
///
/// # Errors
/// Kind `Invalid`, code `workflow.name`.
pub(super) fn check(name: &str) -> Result<()> {
    let sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.');
    let begins = name.starts_with(|sign: char| sign.is_ascii_alphanumeric());
    if begins && name.len() <= MAX_LEN && name.chars().all(sign) {
        return Ok(());
    }
    let message = format!(
        "`{}` cannot be the name of a registered workflow",
        name.chars().take(MAX_LEN).collect::<String>().escape_debug()
    );
    Err(Error::invalid("workflow.name", message).at("name").with_hint(
        "a name begins with a letter or digit and has letters, digits, `-`, `_` and `.`, 100 at most",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_names_are_taken() {
        for good in ["a", "report-2", "Daily_report.v1", &"x".repeat(100)] {
            check(good).unwrap();
        }
        for bad in
            ["", ".", "..", "../etc/passwd", "a/b", "a\\b", "a b", "ä", "-x", ".x", "a\0", &"x".repeat(101)]
        {
            assert_eq!(check(bad).unwrap_err().code(), "workflow.name", "{bad:?}");
        }
    }
}
