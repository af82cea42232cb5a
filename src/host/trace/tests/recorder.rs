//! A subscriber that keeps what it is told of spans.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Instant,
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

/// What was told of one span.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) name: &'static str,
    pub(super) target: String,
    pub(super) parent: Option<usize>,
    pub(super) fields: BTreeMap<&'static str, String>,
    pub(super) began: Instant,
    pub(super) ended: Option<Instant>,
}

impl Told {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// Keeps every span at `level` and above.
#[derive(Clone)]
pub(super) struct Recorder {
    spans: Arc<Mutex<Vec<Told>>>,
    level: LevelFilter,
}

impl Recorder {
    pub(super) fn new(level: LevelFilter) -> Self {
        Self { spans: Arc::default(), level }
    }

    pub(super) fn spans(&self) -> Vec<Told> {
        self.spans.lock().unwrap().clone()
    }

    /// The spans that have the field `name` as `value`, in the order in which they began.
    pub(super) fn with(&self, name: &str, value: &str) -> Vec<Told> {
        self.spans().into_iter().filter(|span| span.field(name) == Some(value)).collect()
    }
}

/// Ids count from 1.
fn position(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = Told {
            name: span.metadata().name(),
            target: span.metadata().target().to_owned(),
            parent: span.parent().map(position),
            fields: BTreeMap::new(),
            began: Instant::now(),
            ended: None,
        };
        span.record(&mut Fields(&mut told.fields));
        let mut spans = self.spans.lock().unwrap();
        spans.push(told);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.spans.lock().unwrap()[position(span)].fields));
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans.lock().unwrap();
        let span = &mut spans[position(&id)];
        assert!(span.ended.is_none(), "it ends once: {span:?}");
        span.ended = Some(Instant::now());
        true
    }

    fn clone_span(&self, _: &Id) -> Id {
        panic!("a span has one owner")
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'f>(&'f mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
