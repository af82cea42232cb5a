//! Contexts for tests that drive a body by hand.

use std::sync::Arc;

use kailash_core::{
    RunId, Step, UnitId,
    event::What,
    exec::{Clock, SystemClock},
    node::{Context, RunScope, UnitKey},
};

/// The context of one node of run `run`.
pub(crate) fn context(run: u128) -> Context {
    Context::new(Arc::new(Lone { run, clock: SystemClock::default() }), UnitKey::default(), 1, None)
}

struct Lone {
    run: u128,
    clock: SystemClock,
}

impl RunScope for Lone {
    fn unit_id(&self, _: UnitKey) -> UnitId {
        let path = vec![Step { node: "node".into(), iteration: 0, item: 0 }];
        UnitId { run: RunId::from_u128(self.run), path }
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn emit(&self, _: UnitKey, _: u32, _: What) {}

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        drop(std::thread::spawn(job));
    }
}
