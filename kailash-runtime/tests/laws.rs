//! Laws.
#[test]
fn x() {}
