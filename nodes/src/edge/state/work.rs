//! The operations on values, carried out by the owner of the state.

use kailash_core::{
    Error, ErrorKind, Result, Text, Value,
    node::{Context, Inputs, Outputs},
    value,
};
use kailash_edge::coordinate::{
    Coordinator, Owned, StateAsk, StateTold,
    state::{Answer, Encoded, Entry, Expect},
};

use super::{super::update::Update, machine::check_operation, told::Told};
use crate::{code::python::PythonPool, operation};

const STATE_ID: usize = 0;
const OPERATION: usize = 1;
const KEY: usize = 2;
const VALUE: usize = 3;
const UPDATE_FN: usize = 4;
const INCREMENT: usize = 5;
const LOCK_NAME: usize = 6;
const TIMEOUT_MS: usize = 7;
const LEASE_MS: usize = 8;
const SIGNAL: usize = 9;

/// How often a value may change while it is updated.
pub(super) const TRIES: usize = 20;

/// The operations of one node in one run.
pub(super) struct Work<'w> {
    pub(super) coordinator: &'w Coordinator,
    pub(super) pool: Option<&'w PythonPool>,
    pub(super) cx: &'w Context,
}

/// What one operation came to: values, or who would have to carry it out.
pub(super) type Done<T> = Result<std::result::Result<T, Told>>;

macro_rules! served {
    ($done:expr) => {
        match $done? {
            Ok(served) => served,
            Err(elsewhere) => return Ok(elsewhere),
        }
    };
}

pub(super) use served;

impl Work<'_> {
    /// Carries the operation out that the inputs ask for.
    ///
    /// # Errors
    /// What could never be done; damage in storage.
    pub(super) async fn run(&self, mut inputs: Inputs) -> Result<Outputs> {
        let state_id = inputs.text(STATE_ID)?;
        let operation = inputs.text(OPERATION)?;
        check_operation(&operation)?;
        let told = match &*operation {
            "get" => self.get(&state_id, operation::text(&mut inputs, KEY)).await,
            "set" => {
                let key = needed(&mut inputs, KEY, "key", "set")?;
                self.set(&state_id, key, inputs.take(VALUE).unwrap_or_default()).await
            }
            "update" => {
                let key = needed(&mut inputs, KEY, "key", "update")?;
                let update = Update::read(&needed(&mut inputs, UPDATE_FN, "update_fn", "update")?)?;
                self.update(&state_id, key, &update).await
            }
            "delete" => self.delete(&state_id, needed(&mut inputs, KEY, "key", "delete")?).await,
            "increment" => {
                let key = needed(&mut inputs, KEY, "key", "increment")?;
                self.increment(&state_id, key, &inputs.take(INCREMENT).unwrap_or(Value::Int(1))).await
            }
            "append" => {
                let key = needed(&mut inputs, KEY, "key", "append")?;
                self.append(&state_id, key, inputs.take(VALUE).unwrap_or_default()).await
            }
            "lock" => {
                let name = needed(&mut inputs, LOCK_NAME, "lock_name", "lock")?;
                let (timeout, lease) = (millis(&mut inputs, TIMEOUT_MS)?, millis(&mut inputs, LEASE_MS)?);
                self.lock(&state_id, name, timeout, lease).await
            }
            "unlock" => self.unlock(&state_id, needed(&mut inputs, LOCK_NAME, "lock_name", "unlock")?).await,
            _ => self.transition(&state_id, &needed(&mut inputs, SIGNAL, "signal", "transition")?).await,
        };
        match told {
            Ok(told) => Ok(told.outputs()),
            // That the cluster cannot agree now is an answer; what could never be done is an error.
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
                Ok(Told::failed([("message", error.to_string().into())]).outputs())
            }
            Err(error) => Err(error),
        }
    }

    async fn owned(&self, state_id: &str, ask: StateAsk) -> Done<(StateTold, Value)> {
        Ok(match self.coordinator.owned(state_id, ask).await? {
            Owned::Served { by, told } => Ok((told, by.into())),
            Owned::Elsewhere { owner, why } => {
                let message = format!("`{owner}` owns the state and cannot be reached: {why}");
                Err(Told::failed([
                    ("redirect", true.into()),
                    ("primary_edge", owner.into()),
                    ("message", message.into()),
                ]))
            }
        })
    }

    pub(super) async fn entry(&self, state_id: &str, key: &Text) -> Done<(Option<Entry>, Value)> {
        Ok(match self.owned(state_id, StateAsk::Get(key.clone())).await? {
            Ok((StateTold::Found(entry), by)) => Ok((entry, by)),
            Ok(_) => return Err(other()),
            Err(elsewhere) => Err(elsewhere),
        })
    }

    pub(super) async fn changed(&self, state_id: &str, ask: StateAsk) -> Done<(Answer, Value)> {
        Ok(match self.owned(state_id, ask).await? {
            Ok((StateTold::Changed(answer), by)) => Ok((answer, by)),
            Ok(_) => return Err(other()),
            Err(elsewhere) => Err(elsewhere),
        })
    }

    async fn get(&self, state_id: &str, key: Option<Text>) -> Result<Told> {
        let Some(key) = key else { return self.get_all(state_id).await };
        let (entry, by) = served!(self.entry(state_id, &key).await);
        let exists = entry.is_some().into();
        let metadata = entry.as_ref().map_or(Value::Null, metadata);
        let value = entry.map_or(Ok(Value::Null), |entry| entry.value.value())?;
        let told = [("key", key.into()), ("value", value), ("exists", exists), ("metadata", metadata)];
        Ok(Told::done(told.into_iter().chain([("served_by", by)])))
    }

    async fn get_all(&self, state_id: &str) -> Result<Told> {
        let (told, by) = served!(self.owned(state_id, StateAsk::All).await);
        let StateTold::All(entries) = told else { return Err(other()) };
        let values = entries.into_iter().map(|(key, entry)| Ok((key, entry.value.value()?)));
        let values: kailash_core::Map = values.collect::<Result<_>>()?;
        Ok(Told::done([("state", values.into()), ("served_by", by)]))
    }

    async fn set(&self, state_id: &str, key: Text, value: Value) -> Result<Told> {
        let (before, _) = served!(self.entry(state_id, &key).await);
        let put = StateAsk::Put { key: key.clone(), value: Encoded::of(&value)?, expect: Expect::Any };
        let (answer, by) = served!(self.changed(state_id, put).await);
        let Answer::Written { version, .. } = answer else { return Err(other()) };
        let old = before.map_or(Ok(Value::Null), |entry| entry.value.value())?;
        Ok(Told::done([
            ("key", key.into()),
            ("value", value.clone()),
            ("old_value", old),
            ("new_value", value),
            ("version", version.into()),
            ("served_by", by),
        ]))
    }

    async fn update(&self, state_id: &str, key: Text, update: &Update) -> Result<Told> {
        for _ in 0..TRIES {
            let (before, _) = served!(self.entry(state_id, &key).await);
            let expect = before.as_ref().map_or(Expect::Absent, |entry| Expect::Version(entry.version));
            let old = before.map_or(Ok(Value::Null), |entry| entry.value.value())?;
            let new = update.apply(old.clone(), self.pool, self.cx).await?;
            let put = StateAsk::Put { key: key.clone(), value: Encoded::of(&new)?, expect };
            let changed = self.changed(state_id, put).await;
            if changed.as_ref().is_err_and(|error| error.code() == "map.version") {
                // Somebody was faster: the function sees what that left.
                continue;
            }
            let (answer, by) = served!(changed);
            let Answer::Written { version, .. } = answer else { return Err(other()) };
            let told =
                [("key", key.into()), ("old_value", old), ("new_value", new), ("version", version.into())];
            return Ok(Told::done(told.into_iter().chain([("served_by", by)])));
        }
        Err(Error::new(ErrorKind::Conflict, "state.contended", format!("`{key}` changes all the time")))
    }

    async fn delete(&self, state_id: &str, key: Text) -> Result<Told> {
        let (answer, by) = served!(self.changed(state_id, StateAsk::Delete(key.clone())).await);
        let Answer::Deleted { existed } = answer else { return Err(other()) };
        Ok(Told::done([("key", key.into()), ("deleted", existed.into()), ("served_by", by)]))
    }

    async fn increment(&self, state_id: &str, key: Text, by: &Value) -> Result<Told> {
        let ask = StateAsk::Increment { key: key.clone(), by: Encoded::of(by)? };
        let (answer, by) = served!(self.changed(state_id, ask).await);
        let Answer::Written { version, old: Some(old), new: Some(new), .. } = answer else {
            return Err(other());
        };
        Ok(Told::done([
            ("key", key.into()),
            ("old_value", old.value()?),
            ("new_value", new.value()?),
            ("version", version.into()),
            ("served_by", by),
        ]))
    }

    async fn append(&self, state_id: &str, key: Text, value: Value) -> Result<Told> {
        let ask = StateAsk::Append { key: key.clone(), value: Encoded::of(&value)? };
        let (answer, by) = served!(self.changed(state_id, ask).await);
        let Answer::Written { version, length, .. } = answer else { return Err(other()) };
        Ok(Told::done([
            ("key", key.into()),
            ("list_size", length.into()),
            ("appended_value", value),
            ("version", version.into()),
            ("served_by", by),
        ]))
    }
}

fn metadata(entry: &Entry) -> Value {
    value!({"version": (entry.version), "created_index": (entry.created), "modified_index": (entry.modified)})
}

fn needed(inputs: &mut Inputs, index: usize, name: &str, operation: &str) -> Result<Text> {
    operation::text(inputs, index).ok_or_else(|| operation::needs("state.input", operation, name))
}

fn millis(inputs: &mut Inputs, index: usize) -> Result<u64> {
    let millis = inputs.take(index).and_then(|value| value.as_u64()).filter(|millis| *millis <= 86_400_000);
    millis.ok_or_else(|| Error::invalid("state.time", "a time is from 0 to 86400000 milliseconds"))
}

pub(super) fn other() -> Error {
    Error::internal("the cluster answered with something else")
}
