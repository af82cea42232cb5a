//! A connection: what is under way in both directions, and what has arrived.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes, BytesMut};

/// How many bytes may be under way or unread in one direction.
const WINDOW: usize = 256 << 10;

/// What travels.
#[derive(Debug)]
pub(super) enum Segment {
    Open,
    Opened,
    Data(Bytes),
    End,
    Reset,
}

impl Segment {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Data(bytes) => bytes.len() as u64,
            _ => 0,
        }
    }
}

/// One end of a connection.
#[derive(Default)]
struct End {
    host: usize,
    /// Whether a process has it.
    open: bool,
    established: bool,
    broken: bool,
    /// Nothing more comes.
    ended: bool,
    arrived: BytesMut,
    /// What was sent from here and did not arrive yet, by the time at which it does.
    sent: VecDeque<(u64, Segment)>,
    under_way: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Whether the first of `sent` was counted as held back.
    held: bool,
}

/// A connection. Side 0 began it.
pub(super) struct Connection([End; 2]);

impl Connection {
    pub(super) fn new([from, to]: [usize; 2]) -> Self {
        let end = |host, open| End { host, open, ..End::default() };
        Self([end(from, true), end(to, false)])
    }

    /// From where to where segments go that are sent from `side`.
    pub(super) fn way(&self, side: usize) -> (usize, usize) {
        (self.0[side].host, self.0[1 - side].host)
    }

    pub(super) fn accept(&mut self) {
        let end = &mut self.0[1];
        (end.open, end.established) = (true, true);
    }

    pub(super) fn send(&mut self, side: usize, at: u64, segment: Segment) {
        let end = &mut self.0[side];
        end.under_way += usize::try_from(segment.len()).unwrap_or(usize::MAX);
        // Nothing overtakes what was sent before.
        let at = end.sent.back().map_or(at, |(before, _)| at.max(*before));
        end.sent.push_back((at, segment));
    }

    pub(super) fn due(&mut self, side: usize, now: u64) -> Option<Segment> {
        let end = &mut self.0[side];
        let (_, segment) = end.sent.pop_front_if(|(at, _)| *at <= now)?;
        end.held = false;
        Some(segment)
    }

    /// Whether something is held back that was not before.
    pub(super) fn holds(&mut self, side: usize, now: u64) -> bool {
        let end = &mut self.0[side];
        let holds = !end.held && end.sent.front().is_some_and(|(at, _)| *at <= now);
        end.held |= holds;
        holds
    }

    /// What was held back on `ways` arrives at `at`, if it is late.
    pub(super) fn delay(&mut self, ways: &[(usize, usize)], at: u64) {
        for side in [0, 1] {
            if ways.contains(&self.way(side)) {
                self.0[side].sent.iter_mut().for_each(|(due, _)| *due = at.max(*due));
            }
        }
    }

    /// Takes in what was sent from `side`. Whether somebody has the other end.
    pub(super) fn arrive(&mut self, side: usize, segment: Segment) -> bool {
        let [low, high] = &mut self.0;
        let (from, to) = if side == 0 { (low, high) } else { (high, low) };
        if matches!(segment, Segment::Reset) {
            to.break_off();
            return true;
        }
        if !to.open {
            return false;
        }
        match segment {
            Segment::Data(bytes) => to.arrived.extend_from_slice(&bytes),
            Segment::End => to.ended = true,
            Segment::Opened => to.established = true,
            Segment::Open | Segment::Reset => {}
        }
        to.wake();
        from.wake();
        true
    }

    /// The process that has an end on `host` is gone: its system says so, unless the power is gone too.
    pub(super) fn gone(&mut self, host: usize, power: bool, now: u64) {
        for side in [0, 1] {
            if self.0[side].host == host && self.0[side].open {
                let end = &mut self.0[side];
                end.open = false;
                end.sent.clear();
                if !power {
                    self.send(side, now, Segment::Reset);
                }
            }
        }
    }

    pub(super) fn break_now(&mut self) {
        for end in &mut self.0 {
            end.sent.clear();
            end.break_off();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        let [low, high] = &self.0;
        !low.open && low.sent.is_empty() && !high.open && high.sent.is_empty()
            || low.broken && high.broken && !low.open && !high.open
    }

    pub(super) fn poll_established(&mut self, side: usize, cx: &Context<'_>) -> Poll<bool> {
        let end = &mut self.0[side];
        if end.broken || end.established {
            return Poll::Ready(!end.broken);
        }
        end.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The bytes that can be read, `most` at most; none at the end, and an error if the connection is broken.
    pub(super) fn poll_read(&mut self, side: usize, most: usize, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let [low, high] = &mut self.0;
        let (here, there) = if side == 0 { (low, high) } else { (high, low) };
        if here.broken {
            return Poll::Ready(None);
        }
        if !here.arrived.is_empty() {
            let bytes = here.arrived.split_to(most.min(here.arrived.len())).freeze();
            there.under_way = there.under_way.saturating_sub(bytes.remaining());
            there.wake();
            return Poll::Ready(Some(bytes));
        }
        if here.ended {
            return Poll::Ready(Some(Bytes::new()));
        }
        here.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// How many bytes may be written; none if the connection is broken.
    pub(super) fn poll_write(&mut self, side: usize, cx: &Context<'_>) -> Poll<Option<usize>> {
        let end = &mut self.0[side];
        if end.broken || !end.open {
            return Poll::Ready(None);
        }
        match WINDOW.saturating_sub(end.under_way) {
            0 => {
                end.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(Some(room)),
        }
    }

    /// Whether this end was open until now.
    pub(super) fn close(&mut self, side: usize) -> bool {
        std::mem::replace(&mut self.0[side].open, false) && !self.0[side].broken
    }
}

impl End {
    fn break_off(&mut self) {
        self.broken = true;
        self.wake();
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}
