//! What the runs of one runtime share: services, settings, plans, circuit breakers, threads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use kailash_core::{Error, Result, Services, Text, Workflow, exec::Breaker, validate::Issues};
#[cfg(feature = "parallel")]
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Settings, lane::Lane};
use crate::plan::Plan;

/// How many plans a runtime keeps.
const MAX_PLANS: usize = 64;

/// What a circuit breaker belongs to: the hash of the document, the number of the scope in its plan, and the node's id.
/// Other workflows made of the same document share it.
pub(crate) type BreakerKey = (u128, u32, Text);

/// Where compute nodes run.
pub(crate) enum Compute {
    /// On the thread that drives the run.
    Here,
    /// On a pool, made when it is first needed.
    #[cfg_attr(not(feature = "parallel"), expect(dead_code, reason = "there is no pool without rayon"))]
    Pool { threads: usize, pool: OnceLock<ThreadPool> },
}

/// What the runs of one runtime share.
pub(crate) struct Engine {
    pub(crate) services: Services,
    pub(crate) settings: Settings,
    pub(crate) compute: Compute,
    pub(crate) lane: Lane,
    breakers: Mutex<HashMap<BreakerKey, Breaker>>,
    plans: Mutex<Vec<(u64, Arc<Plan>)>>,
}

impl Engine {
    pub(crate) fn new(services: Services, settings: Settings, compute: Compute) -> Result<Self> {
        settings.validate()?;
        let threads = match &compute {
            Compute::Here => std::thread::available_parallelism().map_or(1, usize::from),
            Compute::Pool { threads, .. } => *threads,
        };
        let lane = Lane::new(threads, settings.max_stuck);
        Ok(Self { services, settings, compute, lane, breakers: Mutex::default(), plans: Mutex::default() })
    }

    pub(crate) fn breakers(&self) -> MutexGuard<'_, HashMap<BreakerKey, Breaker>> {
        self.breakers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The plan of `workflow`. It is kept; only runs that begin at the same time may make it twice.
    pub(crate) fn plan(&self, workflow: &Workflow) -> Result<Arc<Plan>, Issues> {
        let lock = || self.plans.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = workflow.number();
        if let Some((_, plan)) = lock().iter().find(|(known, _)| *known == number) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(Plan::new(workflow, &self.services)?);
        let mut plans = lock();
        if plans.len() == MAX_PLANS {
            plans.remove(0);
        }
        plans.push((number, Arc::clone(&plan)));
        Ok(plan)
    }
}

/// Without the feature `parallel` there is no pool.
#[cfg(not(feature = "parallel"))]
pub(crate) enum ThreadPool {}

#[cfg(not(feature = "parallel"))]
impl Compute {
    pub(crate) fn spawn(&self, _: impl FnOnce() + Send + 'static) -> Result<()> {
        Err(Error::internal("this build has no compute pool"))
    }
}

#[cfg(feature = "parallel")]
impl Compute {
    /// A pool with a thread for each core.
    pub(crate) fn pool() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self::Pool { threads, pool: OnceLock::new() }
    }

    /// Runs `job` on the pool.
    pub(crate) fn spawn(&self, job: impl FnOnce() + Send + 'static) -> Result<()> {
        let Self::Pool { threads, pool } = self else {
            return Err(Error::internal("this runtime has no compute pool"));
        };
        if let Some(pool) = pool.get() {
            pool.spawn(job);
            return Ok(());
        }
        let builder =
            ThreadPoolBuilder::new().num_threads(*threads).thread_name(|i| format!("kailash-compute-{i}"));
        let made = builder.build().map_err(|error| Error::internal(format!("compute threads: {error}")))?;
        pool.get_or_init(|| made).spawn(job);
        Ok(())
    }
}
