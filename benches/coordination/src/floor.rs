//! What the disk alone allows: 256 bytes appended and synced, one after the other.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use crate::Done;

const TIME: Duration = Duration::from_secs(1);

/// Appends that are synced, per second.
pub(crate) fn syncs(folder: &Path) -> Done<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let (began, mut count) = (Instant::now(), 0.0);
    while began.elapsed() < TIME {
        file.write_all(&[7; 256])?;
        file.sync_data()?;
        count += 1.0;
    }
    Ok(count / began.elapsed().as_secs_f64())
}
