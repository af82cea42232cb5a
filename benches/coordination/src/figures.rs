//! Medians, percentiles, and what the machine is and does.

use std::{fs, process::Command};

use crate::Done;

/// The middle of `values`.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which `share` of the sorted `values` lie.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// A figure of a table; a dash for one that was not measured.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.digits$}") }
}

/// The processors and the version of etcd.
pub(crate) fn machine() -> Done<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    let etcd = Command::new("etcd").arg("--version").output();
    let etcd =
        etcd.map(|told| String::from_utf8_lossy(&told.stdout).lines().next().unwrap_or_default().to_owned());
    let model = model.trim_start_matches(['\t', ' ', ':']);
    Ok(format!("{cores} cores, {model}; {}", etcd.unwrap_or_else(|_| "no etcd".to_owned())))
}

/// The load averages over 1, 5 and 15 minutes.
pub(crate) fn load() -> Done<String> {
    let told = fs::read_to_string("/proc/loadavg")?;
    Ok(told.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
