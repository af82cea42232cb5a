//! Colours of the categories, the same in every format that has colours.

/// The colours of one category.
pub(super) struct Tint {
    /// The category; empty for unknown ones.
    pub(super) name: &'static str,
    /// Border and mark.
    pub(super) strong: &'static str,
    /// Ground on a light page.
    pub(super) light: &'static str,
    /// Ground on a dark page.
    pub(super) dark: &'static str,
}

const fn tint(name: &'static str, strong: &'static str, light: &'static str, dark: &'static str) -> Tint {
    Tint { name, strong, light, dark }
}

/// The tints, the one for everything else last.
pub(super) static TINTS: [Tint; 9] = [
    tint("data", "#3b82f6", "#eaf2fe", "#14233d"),
    tint("logic", "#d97706", "#fff4e0", "#35250d"),
    tint("code", "#8b5cf6", "#f3eefe", "#251b3e"),
    tint("http", "#0d9488", "#e3f6f3", "#0d2e2b"),
    tint("text", "#db2777", "#fdebf4", "#391528"),
    tint("edge", "#16a34a", "#e8f7ec", "#10301b"),
    tint("stream", "#0891b2", "#e3f5fa", "#0b2c36"),
    tint("llm", "#4f46e5", "#ececfd", "#1d1b45"),
    tint("", "#64748b", "#f1f4f8", "#1e2631"),
];

/// The position of `category` among [`TINTS`].
pub(super) fn tint_of(category: &str) -> usize {
    TINTS.iter().position(|tint| tint.name == category).unwrap_or(TINTS.len() - 1)
}
