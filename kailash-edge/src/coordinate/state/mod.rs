//! What the members of a cluster agree on, as a pure machine: commands in one order in, answers and changes out.
//!
//! ```text
//! Proposal ──(one order, by Raft)──> Machine::apply ──> answer for who asked
//!                                       │   │
//!                                       │   └─────────> changes for who watches
//!                                 keys: map entries, leases, groups
//! ```
//! It knows no clock and no network: time is what proposals carry, and a lease or an entry ends by a command that the
//! leader proposes when its own monotonic clock says so. The same commands lead to the same keys, bit for bit, on
//! every member.

mod answer;
mod change;
mod command;
mod encoded;
mod hlc;
mod keys;
mod leases;
mod machine;
mod map;
mod meta;
mod order;
mod requests;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Answered, Granted, OrderedEvent, Refusal};
pub use change::{Change, What};
pub use command::{Command, Expect, Fence, NewEvent, Proposal, Request};
pub use encoded::Encoded;
pub use hlc::Hlc;
pub use keys::{Keys, Space, name_of};
pub use leases::GROUP;
pub use leases::LeaseRecord;
pub(super) use machine::check_name;
pub use machine::{Effects, Machine};
pub use map::Entry;
pub use meta::{Meta, Timed, Timer};
