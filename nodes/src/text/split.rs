//! Cuts text into chunks of at most a number of characters, at the best place there is.
//!
//! ```text
//! text     |.......................................|
//! chunk 0  |..............|
//! chunk 1            |.............|      each chunk begins up to `overlap` before the end of the one before it
//! chunk 2                       |..........|
//! ```
//! Separators are tried in order, as recursive character splitters do: a chunk ends behind the last paragraph break that
//! fits, else behind the last line break, and so on; where none fits it ends after exactly `size` characters.

use std::ops::Range;

/// How text is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'s> {
    /// The most characters of a chunk, at least 1.
    pub(super) size: usize,
    /// The most characters a chunk repeats of the one before it, less than `size`.
    pub(super) overlap: usize,
    /// Where to cut, the best first. The empty separator is between any two characters.
    pub(super) separators: &'s [&'s str],
}

/// A text whose characters (Unicode scalars) can be found by number.
pub(super) struct Characters<'t> {
    text: &'t str,
    /// The byte at which each character begins, and the length of the text; empty where all characters are ASCII.
    starts: Vec<usize>,
}

impl<'t> Characters<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
        };
        Self { text, starts }
    }

    fn len(&self) -> usize {
        if self.starts.is_empty() { self.text.len() } else { self.starts.len() - 1 }
    }

    fn byte(&self, character: usize) -> usize {
        self.starts.get(character).copied().unwrap_or(character)
    }

    fn character(&self, byte: usize) -> usize {
        if self.starts.is_empty() { byte } else { self.starts.partition_point(|start| *start < byte) }
    }

    pub(super) fn slice(&self, characters: &Range<usize>) -> &'t str {
        &self.text[self.byte(characters.start)..self.byte(characters.end)]
    }

    /// The end of the last `separator` that ends within `(from, to]`.
    fn last_end(&self, separator: &str, from: usize, to: usize) -> Option<usize> {
        if separator.is_empty() {
            return Some(to);
        }
        // A separator may begin before `from`, as long as it ends behind it.
        let window = from.saturating_sub(separator.chars().count() - 1)..to;
        let at = self.slice(&window).rfind(separator)?;
        let end = self.character(self.byte(window.start) + at + separator.len());
        (end > from).then_some(end)
    }

    /// The end of the first `separator` that ends within `[from, to)`.
    fn first_end(&self, separator: &str, from: usize, to: usize) -> Option<usize> {
        if separator.is_empty() {
            return Some(from);
        }
        let window = from.saturating_sub(separator.chars().count())..to;
        let slice = self.slice(&window);
        let ends = slice.match_indices(separator).map(|(at, _)| at + separator.len());
        ends.map(|end| self.character(self.byte(window.start) + end)).find(|end| (from..to).contains(end))
    }
}

/// The chunks of `text`, in characters. Laid side by side without what they repeat, they are the whole text.
pub(super) fn chunks(text: &Characters<'_>, cut: Cut<'_>) -> Vec<Range<usize>> {
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let (mut start, mut covered) = (0, 0);
    while covered < text.len() {
        let furthest = start + cut.size;
        let (end, whole) = if furthest >= text.len() {
            (text.len(), true)
        } else {
            let mut ends = cut.separators.iter().filter_map(|separator| {
                text.last_end(separator, covered, furthest).map(|end| (end, !separator.is_empty()))
            });
            ends.next().unwrap_or((furthest, false))
        };
        chunks.push(start..end);
        covered = end;
        // What is repeated may not reach back to the beginning of the chunk: the next one must begin later.
        let earliest = end.saturating_sub(cut.overlap).max(start + 1);
        // Where the end is the end of a word or more, so is the start of what is repeated.
        let separators = cut.separators.iter().filter(|separator| !(whole && separator.is_empty()));
        let mut starts = separators.filter_map(|separator| text.first_end(separator, earliest, end));
        start = starts.next().unwrap_or(end);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEPARATORS: [&str; 5] = ["\n\n", "\n", ". ", " ", ""];

    fn cut(text: &str, size: usize, overlap: usize) -> Vec<&str> {
        let text = Characters::new(text);
        let chunks = chunks(&text, Cut { size, overlap, separators: &SEPARATORS });
        chunks.iter().map(|chunk| text.slice(chunk)).collect()
    }

    #[test]
    fn a_short_text_is_one_chunk_and_an_empty_one_none() {
        assert_eq!(cut("short", 10, 2), ["short"]);
        assert!(cut("", 10, 2).is_empty());
    }

    #[test]
    fn paragraphs_are_kept_whole_where_they_fit() {
        assert_eq!(cut("one two\n\nthree four\n\nfive", 14, 0), ["one two\n\n", "three four\n\n", "five"]);
    }

    #[test]
    fn words_are_cut_only_where_nothing_else_fits() {
        assert_eq!(cut("aa bb cc dddddddddd", 6, 0), ["aa bb ", "cc ", "dddddd", "dddd"]);
    }

    #[test]
    fn a_chunk_repeats_whole_words_of_the_one_before_it() {
        assert_eq!(cut("one two three four", 10, 5), ["one two ", "two three ", "four"]);
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(cut("äöüßäöüß", 3, 1), ["äöü", "üßä", "äöü", "üß"]);
    }

    proptest! {
        #[test]
        fn chunks_fit_and_side_by_side_are_the_text(
            text in "([a-cä€😀]| |\\. |\n|\n\n){0,120}",
            size in 1_usize..30,
            overlap in 0_usize..30,
        ) {
            let overlap = overlap.min(size - 1);
            let text = Characters::new(&text);
            let chunks = chunks(&text, Cut { size, overlap, separators: &SEPARATORS });
            let (mut covered, mut last_start) = (0, None);
            let mut restored = String::new();
            for chunk in &chunks {
                prop_assert!(chunk.len() <= size && !chunk.is_empty());
                prop_assert!(chunk.start <= covered && chunk.end > covered);
                prop_assert!(covered - chunk.start <= overlap);
                prop_assert!(last_start.is_none_or(|last| last < chunk.start));
                restored.push_str(text.slice(&(covered..chunk.end)));
                covered = chunk.end;
                last_start = Some(chunk.start);
            }
            prop_assert_eq!(restored, text.text);
        }
    }
}
