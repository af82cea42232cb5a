//! `Window`: a list or a stream cut into windows of a number of items, side by side or overlapping.
//!
//! ```text
//! size 3, step 3:  [a b c] [d e f] [g]        size 3, step 2:  [a b c] [c d e] [e f g]
//! ```

use std::collections::VecDeque;

use async_trait::async_trait;
use kailash_core::{
    Error, Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Emit, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
        Stage,
    },
    value,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::field::CHECK_EVERY;

/// Cuts items into windows.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::data) struct Window {
    /// How many items a window has.
    size: usize,
    /// How many items after the start of a window the next one starts; as many as it has if absent.
    #[serde(default)]
    step: Option<usize>,
    /// Whether items at the end that stand in no full window make a shorter one.
    #[serde(default = "default_partial")]
    partial: bool,
}

fn default_partial() -> bool {
    true
}

const MAX_SIZE: usize = 1_000_000;

impl NodeType for Window {
    fn spec() -> Spec {
        Spec::new("Window", "data", "Cuts a list into windows of a number of items.")
            .inputs([Input::required("data", Kind::List, "The items.").streaming()])
            .outputs([Output::new(
                "windows",
                Kind::List,
                "The windows: maps of `index` (from 0) and `items`.",
            )
            .streaming()])
    }

    fn configure(&mut self, _: &mut Setup<'_>) -> Result<()> {
        if !(1..=MAX_SIZE).contains(&self.size) {
            let message = format!("`size` must be between 1 and {MAX_SIZE}");
            return Err(Error::invalid("window.size", message).at("size"));
        }
        if self.step == Some(0) {
            return Err(Error::invalid("window.step", "`step` must be at least 1").at("step"));
        }
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let this = *self;
        let whole = move |mut inputs: Inputs, cx: &Context| {
            let (mut cutter, mut windows) = (Cutter::new(this), Vec::new());
            for (index, item) in inputs.list(0)?.into_iter().enumerate() {
                if index % CHECK_EVERY == 0 {
                    cx.check()?;
                }
                windows.extend(cutter.push(item));
            }
            windows.extend(cutter.rest());
            Ok(Outcome::Done(Outputs::one(windows)))
        };
        let stage = move |_: Inputs, _: &Context| Ok(Box::new(Cutter::new(this)) as Box<dyn Stage>);
        Ok(Body::compute(whole).with_stage(stage))
    }
}

/// The items that later windows still need.
struct Cutter {
    size: usize,
    step: usize,
    partial: bool,
    held: VecDeque<Value>,
    /// Items to pass over before the next window starts.
    skip: usize,
    /// Items held that stood in a full window already.
    seen: usize,
    index: u64,
}

impl Cutter {
    fn new(window: Window) -> Self {
        let Window { size, step, partial } = window;
        let held = VecDeque::new();
        Self { size, step: step.unwrap_or(size), partial, held, skip: 0, seen: 0, index: 0 }
    }

    fn push(&mut self, item: Value) -> Option<Value> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.held.push_back(item);
        if self.held.len() < self.size {
            return None;
        }
        let window = self.window();
        let gone = self.step.min(self.size);
        self.held.drain(..gone);
        self.skip = self.step - gone;
        self.seen = self.held.len();
        Some(window)
    }

    fn rest(&mut self) -> Option<Value> {
        (self.partial && self.held.len() > self.seen).then(|| self.window())
    }

    fn window(&mut self) -> Value {
        let items: Value = self.held.iter().cloned().collect();
        self.index += 1;
        value!({"index": (self.index - 1), "items": items})
    }
}

#[async_trait]
impl Stage for Cutter {
    async fn process(&mut self, _: usize, items: Vec<Value>, _: &Context, out: &mut dyn Emit) -> Result<()> {
        let windows: Vec<Value> = items.into_iter().filter_map(|item| self.push(item)).collect();
        if windows.is_empty() { Ok(()) } else { out.emit(0, windows).await }
    }

    async fn finish(&mut self, _: &Context, out: &mut dyn Emit) -> Result<Outputs> {
        if let Some(window) = self.rest() {
            out.emit(0, vec![window]).await?;
        }
        Ok(Outputs::default())
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest};
    use proptest::prelude::*;

    use super::*;

    fn node(config: Value) -> Result<NodeTest> {
        NodeTest::new::<Window>(config, &Services::default())
    }

    async fn windows(config: Value, count: i64) -> Vec<Vec<i64>> {
        let data: Value = (0..count).map(Value::from).collect();
        let got = node(config).unwrap().run(value!({"data": data})).await.unwrap();
        let windows = got.get("windows").and_then(Value::as_list).unwrap().iter().enumerate();
        let items = |(i, window): (usize, &Value)| {
            assert_eq!(window.get("index"), Some(&value!(i)));
            let items = window.get("items").and_then(Value::as_list).unwrap();
            items.iter().map(|item| item.as_i64().unwrap()).collect()
        };
        windows.map(items).collect()
    }

    #[tokio::test]
    async fn windows_stand_side_by_side_overlap_or_leave_gaps() {
        assert_eq!(windows(value!({"size": 2}), 5).await, [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(windows(value!({"size": 2, "partial": false}), 3).await, [[0, 1]]);
        assert_eq!(windows(value!({"size": 3, "step": 1}), 5).await, [[0, 1, 2], [1, 2, 3], [2, 3, 4]]);
        assert_eq!(windows(value!({"size": 2, "step": 3}), 7).await, [vec![0, 1], vec![3, 4], vec![6]]);
        assert!(windows(value!({"size": 2}), 0).await.is_empty());
    }

    #[test]
    fn sizes_and_steps_of_zero_are_refused() {
        let message = |config| node(config).err().unwrap().message().to_owned();
        assert!(message(value!({"size": 0})).contains("window.size"));
        assert!(message(value!({"size": 1, "step": 0})).contains("window.step"));
    }

    proptest! {
        #[test]
        fn a_stream_gives_what_the_whole_gives(
            count in 0_i64..60, size in 1_usize..8, step in 1_usize..10, batch in 1_usize..9,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let node = node(value!({"size": size, "step": step})).unwrap();
                let items: Vec<Value> = (0..count).map(Value::from).collect();
                let whole = node.run(value!({"data": (items.clone())})).await.unwrap();
                let batches = items.chunks(batch).map(<[Value]>::to_vec).collect();
                let streamed = node.stream(value!({}), batches).await.unwrap();
                assert_eq!(Some(&Value::list(streamed.items[0].clone())), whole.get("windows"));
            });
        }
    }
}
