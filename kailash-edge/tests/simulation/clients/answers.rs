//! What clients are told.

use kailash_core::{Error, ErrorKind, Result};
use kailash_edge::{
    coordinate::{Carried, state},
    testing::linearizability::{Seen, Told},
};

use super::{Answer, Client, Clients, Note, Waiting};
use crate::{oracle::Violation, world::World};

impl Clients {
    /// Notes what became of something; none if nobody told.
    pub(super) fn settle(
        &mut self,
        client: &mut Client,
        waiting: Waiting,
        told: Option<Result<Answer>>,
        world: &mut World,
    ) -> Result<(), Violation> {
        let took = world.now - waiting.since;
        let known = match &told {
            Some(Ok(_)) => "operations answered",
            Some(Err(error)) if is_refusal(error) => "operations refused",
            Some(Err(error)) if error.code() == "request.settled" => {
                return Err(format!("an open request counts as settled: {error}"));
            }
            _ => "operations of unknown outcome",
        };
        world.tally.add(known, 1);
        let code = told.as_ref().map_or("lost", |told| told.as_ref().err().map_or("ok", Error::code));
        let (number, host, note) = (client.number, waiting.host, &waiting.note);
        let stamp = self.stamps;
        world.trace.say(
            world.now,
            format_args!("client {number} at host {host} after {took} ms: {code} {note:?} ({stamp})"),
        );
        match (waiting.note, told) {
            (Note::Map { place, key, mark }, Some(told)) => {
                if let Some(told) = as_told(told)? {
                    match (mark, &told) {
                        (Some(mark), Told::Refused) => world.writes.refused(mark),
                        (Some(mark), _) => world.writes.answered(mark),
                        (None, Told::Found(Some(seen))) if key.starts_with('r') => client.seen = seen.version,
                        _ => {}
                    }
                    let at = self.stamp();
                    self.history.answer(place, told, at);
                }
            }
            (Note::Acquire { lease, holder }, Some(Ok(Answer::Carried(Carried { answer, .. })))) => {
                let state::Answer::Held(granted) = answer else {
                    return Err(format!("acquired: {answer:?}"));
                };
                world.leases.granted(&lease, &holder, granted.token, waiting.since)?;
                client.holds = Some((lease, granted.token));
            }
            (Note::Renew { token }, Some(Ok(Answer::Carried(Carried { answer, index, .. })))) => match answer
            {
                state::Answer::Renewed(renewed) if renewed == [true] => {
                    world.leases.renewed(token, index, waiting.since);
                }
                // It goes on with what it held now and then: whoever it asks must notice.
                _ if world.dice.chance(70) => client.holds = None,
                _ => {}
            },
            (Note::Order { group, id }, Some(Ok(Answer::Carried(Carried { answer, .. })))) => {
                let state::Answer::Ordered { events, .. } = answer else {
                    return Err(format!("ordered: {answer:?}"));
                };
                let place = events.first().ok_or("no event was ordered")?.place;
                world.writes.placed(&group, &id, place)?;
            }
            (Note::Guarded, Some(Ok(_))) => world.tally.add("writes under a lease", 1),
            (Note::Guarded, Some(Err(error))) if error.code() == "lease.lost" => {
                world.tally.add("writes refused by the fence", 1);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether an error says for certain that nothing was changed.
fn is_refusal(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict
}

/// What a history notes of an answer; none for an unknown outcome.
fn as_told(told: Result<Answer>) -> Result<Option<Told>, Violation> {
    let carried = match told {
        Ok(Answer::Entry(entry)) => {
            let seen = entry.map(|entry| {
                let value = entry.value.value().map_err(|error| error.to_string())?;
                Ok::<_, Violation>(Seen { version: entry.version, value })
            });
            return Ok(Some(Told::Found(seen.transpose()?)));
        }
        Ok(Answer::Carried(carried)) => carried,
        Err(error) if is_refusal(&error) => return Ok(Some(Told::Refused)),
        Err(_) => return Ok(None),
    };
    match carried.answer {
        state::Answer::Written { version, length, .. } => {
            Ok(Some(Told::Written { version, length: Some(length).filter(|length| *length > 0) }))
        }
        state::Answer::Deleted { existed } => Ok(Some(Told::Deleted { existed })),
        other => Err(format!("a change of the map was answered with {other:?}")),
    }
}
