//! The span of somebody else that a run belongs to: W3C Trace Context, `traceparent`.

/// Who asked for a run: a trace, and the span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The 16 bytes of the trace's id, not all zero.
    pub trace: u128,
    /// The 8 bytes of the span's id, not all zero.
    pub span: u64,
    /// Whether the trace is recorded there.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a `traceparent` header: `00-<32 hex>-<16 hex>-<2 hex>`, in later versions with something behind. What is
    /// not one is none, as the specification wants it.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let mut hex = |length: usize| {
            let part = parts.next()?;
            let digits = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            (digits && part.len() == length).then(|| u128::from_str_radix(part, 16).ok())?
        };
        let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
        let span = u64::try_from(span).ok()?;
        let whole = version != 0 || parts.next().is_none();
        (version != 0xff && whole && trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            sampled: flags & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_header_names_a_trace_a_span_and_whether_it_is_recorded() {
        let parent = TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(
            format!("{:032x} {:016x}", parent.trace, parent.span),
            format!("{TRACE} 00f067aa0ba902b7")
        );
        assert!(parent.sampled);
        assert!(!TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-00")).unwrap().sampled);
    }

    #[test]
    fn a_later_version_may_say_more_and_the_first_may_not() {
        assert!(TraceParent::parse(&format!("01-{TRACE}-00f067aa0ba902b7-01-more")).is_some());
        assert_eq!(TraceParent::parse(&format!("00-{TRACE}-00f067aa0ba902b7-01-more")), None);
        assert_eq!(TraceParent::parse(&format!("ff-{TRACE}-00f067aa0ba902b7-01")), None);
    }

    #[test]
    fn what_is_no_header_is_none() {
        let zeros = "0".repeat(32);
        for header in [
            "",
            "00",
            "00-1-2-3",
            &format!("00-{zeros}-00f067aa0ba902b7-01"),
            &format!("00-{TRACE}-0000000000000000-01"),
            &format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            &format!("00-{TRACE}-00f067aa0ba902b7-0"),
            &format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
            "00-äöüäöüäöüäöüäöüä-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(header), None, "{header}");
        }
    }
}
