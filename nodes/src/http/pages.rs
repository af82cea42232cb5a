//! Answers that come page by page: collected into a list, or as a source that asks for a page when it is pulled.

use std::future::Future;

use async_trait::async_trait;
use kailash_core::{
    Error, ErrorKind, Result, Retry, Value,
    node::{Context, Emit, Outputs, Progress, Source},
};

/// Pages, one after the other.
pub(super) trait Pages: Send + 'static {
    /// The items of the next page; `None` behind the last one.
    fn next(&mut self, cx: &Context) -> impl Future<Output = Result<Option<Vec<Value>>>> + Send;

    /// The outputs beside the items, of port 0, after the last page.
    fn outputs(&self) -> Outputs;
}

/// All items as a list on port 0, and the other outputs.
pub(super) async fn collect(mut pages: impl Pages, cx: &Context) -> Result<Outputs> {
    let mut items = Vec::new();
    while let Some(page) = pages.next(cx).await? {
        items.extend(page);
        cx.check()?;
    }
    let mut outputs = pages.outputs();
    outputs.set(0, Value::list(items));
    Ok(outputs)
}

/// A source of the items of pages, on port 0.
pub(super) struct PageSource<P>(pub(super) P);

#[async_trait]
impl<P: Pages> Source for PageSource<P> {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        let Some(items) = self.0.next(cx).await? else { return Ok(Progress::End) };
        out.emit(0, items).await?;
        Ok(Progress::More)
    }

    async fn finish(&mut self, _: &Context) -> Result<Outputs> {
        Ok(self.0.outputs())
    }
}

/// A page that came before comes again.
pub(super) fn repeated() -> Error {
    Error::new(ErrorKind::Conflict, "http.pages_repeat", "the service gives a page again")
        .with_retry(Retry::Never)
}

/// How much of all pages is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Pages at most.
    pub(super) max_pages: u32,
    /// Items at most.
    pub(super) max_items: u64,
    /// Pages so far.
    pub(super) pages: u32,
    /// Items so far.
    pub(super) items: u64,
    /// Whether there is more than was taken.
    pub(super) truncated: bool,
    /// How many more bytes may come, if there is a limit.
    pub(super) bytes_left: Option<u64>,
}

impl Measure {
    /// Nothing so far.
    pub(super) fn new(max_pages: u32, max_items: u64, bytes_left: Option<u64>) -> Self {
        Self { max_pages, max_items, pages: 0, items: 0, truncated: false, bytes_left }
    }

    /// Takes note of a page of `bytes` bytes.
    ///
    /// # Errors
    /// Kind `Limit`, code `http.too_large`, if all pages together have too many.
    pub(super) fn weigh(&mut self, bytes: usize) -> Result<()> {
        let Some(left) = &mut self.bytes_left else { return Ok(()) };
        *left = left.checked_sub(bytes as u64).ok_or_else(|| {
            Error::new(ErrorKind::Limit, "http.too_large", "all pages together have too many bytes")
                .with_retry(Retry::Never)
                .with_hint("connect `data` as a stream, or raise `pagination.max_total_bytes`")
        })?;
        Ok(())
    }

    /// Takes a page in, cuts off what is too much, and says whether another one may be asked for. `more` says whether
    /// there is one.
    pub(super) fn take(&mut self, items: &mut Vec<Value>, more: bool) -> bool {
        self.pages += 1;
        let left = usize::try_from(self.max_items - self.items).unwrap_or(usize::MAX);
        self.truncated = items.len() > left || more && (items.len() == left || self.pages >= self.max_pages);
        items.truncate(left);
        self.items += items.len() as u64;
        more && !self.truncated
    }
}

/// A single page with one item, which is output 0 of what `answer` gives.
pub(super) fn once<F, Fut>(answer: F) -> Once<F>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Outputs>> + Send,
{
    Once { answer: Some(answer), outputs: Outputs::default() }
}

/// See [`once`].
pub(super) struct Once<F> {
    answer: Option<F>,
    outputs: Outputs,
}

impl<F, Fut> Pages for Once<F>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Outputs>> + Send,
{
    async fn next(&mut self, cx: &Context) -> Result<Option<Vec<Value>>> {
        let Some(answer) = self.answer.take() else { return Ok(None) };
        self.outputs = answer(cx.clone()).await?;
        Ok(Some(self.outputs.take(0).into_iter().collect()))
    }

    fn outputs(&self) -> Outputs {
        self.outputs.clone()
    }
}
