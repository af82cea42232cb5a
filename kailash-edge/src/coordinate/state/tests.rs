//! What commands lead to.

use std::collections::BTreeMap;

use bytes::Bytes;
use kailash_core::{Text, Value, exec::Token, value};
use proptest::prelude::*;

use super::{
    Answer, Answered, Command, Effects, Encoded, Entry, Expect, Fence, Granted, Machine, Meta, NewEvent,
    Proposal, Refusal, Request, Timed, What,
};

#[derive(Default)]
struct Bench {
    machine: Machine<BTreeMap<Bytes, Bytes>>,
    index: u64,
    told: Vec<What>,
}

impl Default for Machine<BTreeMap<Bytes, Bytes>> {
    fn default() -> Self {
        Self { keys: BTreeMap::new(), meta: Meta::default() }
    }
}

impl Bench {
    fn request(&mut self, request: Request, command: Command) -> Answered {
        self.index += 1;
        let mut effects = Effects::default();
        let proposal = Proposal { request, at: 1000 + self.index, command };
        let answered = self.machine.apply(self.index, proposal, &mut effects).unwrap();
        self.told = effects.changes.into_iter().map(|change| change.what).collect();
        assert!(answered.is_ok() || self.told.is_empty(), "a refusal changes nothing");
        answered
    }

    fn apply(&mut self, command: Command) -> Answered {
        self.request(Request::ANY, command)
    }

    fn code(&mut self, command: Command) -> Text {
        let before = self.machine.keys.clone();
        let Refusal { code, .. } = self.apply(command).unwrap_err();
        assert_eq!(self.machine.keys, before, "a refusal changes nothing");
        code
    }

    fn version(&mut self, command: Command) -> u64 {
        match self.apply(command).unwrap() {
            Answer::Written { version, .. } => version,
            other => panic!("{other:?}"),
        }
    }

    fn held(&mut self, command: Command) -> Granted {
        match self.apply(command).unwrap() {
            Answer::Held(granted) => granted,
            other => panic!("{other:?}"),
        }
    }

    fn places(&mut self, events: Vec<NewEvent>) -> Vec<(String, u64, bool)> {
        match self.apply(Command::Order { group: "g".into(), events }).unwrap() {
            Answer::Ordered { events, .. } => {
                events.into_iter().map(|event| (event.id.to_string(), event.place, event.duplicate)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn value(&self, key: &str) -> Option<Value> {
        let entry = Entry::find(&self.machine.keys, key).unwrap();
        entry.map(|entry| entry.value.value().unwrap())
    }

    fn timed(&self) -> Vec<&Timed> {
        self.machine.meta.timers().keys().collect()
    }
}

fn encoded(value: impl Into<Value>) -> Encoded {
    Encoded::of(&value.into()).unwrap()
}

fn put(key: &str, value: Value, expect: Expect) -> Command {
    Command::Put { key: key.into(), value: encoded(value), expect, ttl: None, fence: None }
}

fn delete(key: &str, expect: Expect) -> Command {
    Command::Delete { key: key.into(), expect, fence: None }
}

fn increment(key: &str, by: Value) -> Command {
    Command::Increment { key: key.into(), by: encoded(by), fence: None }
}

fn append(key: &str, value: Value) -> Command {
    Command::Append { key: key.into(), value: encoded(value), fence: None }
}

fn acquire(lease: &str, holder: &str) -> Command {
    Command::Acquire { lease: lease.into(), holder: holder.into(), ttl: 100 }
}

fn campaign(candidate: &str) -> Command {
    Command::Campaign { lease: "group/g".into(), candidate: candidate.into(), ttl: 100 }
}

fn event(id: &str, after: &[&str]) -> NewEvent {
    let after = after.iter().map(|id| Text::from(*id)).collect();
    NewEvent { id: Some(id.into()), after, data: encoded(value!({"of": id})) }
}

#[test]
fn versions_count_the_changes_of_an_entry_since_it_was_made() {
    let mut bench = Bench::default();
    assert_eq!(bench.version(put("a", value!(1), Expect::Absent)), 1);
    assert_eq!(bench.version(put("a", value!(2), Expect::Version(1))), 2);
    assert_eq!(bench.version(put("a", value!(3), Expect::Present)), 3);
    assert_eq!(bench.value("a"), Some(value!(3)));
    for (wrong, expect) in [(2, Expect::Version(2)), (3, Expect::Absent)] {
        assert_eq!(bench.code(put("a", value!(wrong), expect)), "map.version");
    }
    assert_eq!(bench.code(delete("a", Expect::Version(1))), "map.version");
    assert_eq!(bench.apply(delete("a", Expect::Version(3))), Ok(Answer::Deleted { existed: true }));
    assert_eq!(bench.apply(delete("a", Expect::Any)), Ok(Answer::Deleted { existed: false }));
    assert_eq!(bench.code(put("a", value!(1), Expect::Present)), "map.version");
    assert_eq!(bench.version(put("a", value!(1), Expect::Any)), 1, "it is made anew");
}

#[test]
fn numbers_are_added_and_lists_grow() {
    let mut bench = Bench::default();
    for (by, sum) in [(value!(2), value!(2)), (value!(-5), value!(-3)), (value!(0.5), value!(-2.5))] {
        bench.version(increment("n", by));
        assert_eq!(bench.value("n"), Some(sum));
    }
    let answer = bench.apply(increment("n", value!(1))).unwrap();
    let Answer::Written { version: 4, old: Some(old), new: Some(new), .. } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((old.value().unwrap(), new.value().unwrap()), (value!(-2.5), value!(-1.5)));
    for length in 1..4 {
        let answer = bench.apply(append("l", value!(length))).unwrap();
        assert!(matches!(answer, Answer::Written { length: told, .. } if told == length), "{answer:?}");
    }
    assert_eq!(bench.value("l"), Some(value!([1, 2, 3])));
    assert_eq!(bench.code(increment("l", value!(1))), "map.number");
    assert_eq!(bench.code(increment("n", value!("1"))), "map.number");
    assert_eq!(bench.code(append("n", value!(1))), "map.list");
    bench.version(put("most", value!(i64::MAX), Expect::Any));
    assert_eq!(bench.code(increment("most", value!(1))), "map.number");
}

#[test]
fn an_entry_ends_only_by_the_version_whose_time_is_over() {
    let mut bench = Bench::default();
    let with_ttl = |ttl| Command::Put {
        key: "k".into(),
        value: encoded(value!(1)),
        expect: Expect::Any,
        ttl,
        fence: None,
    };
    let expire = |version| Command::Expire { key: "k".into(), version };
    bench.version(with_ttl(Some(50)));
    assert_eq!(bench.timed(), [&Timed::Entry("k".into())]);
    bench.version(with_ttl(Some(50)));
    assert_eq!(bench.apply(expire(1)), Ok(Answer::Deleted { existed: false }));
    assert_eq!(bench.apply(expire(2)), Ok(Answer::Deleted { existed: true }));
    assert_eq!(bench.told, [What::Deleted { key: "k".into(), expired: true }]);
    assert!(bench.timed().is_empty() && bench.value("k").is_none());
    bench.version(with_ttl(Some(50)));
    bench.version(with_ttl(None));
    assert!(bench.timed().is_empty());
    assert_eq!(bench.apply(expire(2)), Ok(Answer::Deleted { existed: false }), "it lasts for ever now");
}

#[test]
fn a_lease_has_one_holder_and_tokens_grow() {
    let mut bench = Bench::default();
    let first = bench.held(acquire("l", "a"));
    assert_eq!(bench.code(acquire("l", "b")), "lease.held");
    assert_eq!(bench.code(acquire("l", "a")), "lease.held");
    let renew = |token| Command::Renew { grants: vec![("l".into(), token)], ttl: 200 };
    assert_eq!(bench.apply(renew(first.token)), Ok(Answer::Renewed(vec![true])));
    let lapse = |renewals| Command::Lapse { lease: "l".into(), token: first.token, renewals };
    assert_eq!(bench.apply(lapse(0)), Ok(Answer::Released { held: false }), "it was renewed since");
    assert_eq!(bench.apply(lapse(1)), Ok(Answer::Released { held: true }));
    assert_eq!(bench.told, [What::Freed { lease: "l".into(), token: first.token, lapsed: true }]);
    assert_eq!(bench.apply(renew(first.token)), Ok(Answer::Renewed(vec![false])), "a lapsed lease is lost");
    let second = bench.held(acquire("l", "b"));
    assert!(second.token > first.token);
    let release = |token| Command::Release { lease: "l".into(), token };
    assert_eq!(bench.apply(release(first.token)), Ok(Answer::Released { held: false }));
    assert_eq!(bench.apply(release(second.token)), Ok(Answer::Released { held: true }));
    assert!(bench.timed().is_empty() && bench.machine.keys.is_empty(), "a free lease leaves nothing behind");
}

#[test]
fn a_lease_is_handed_over_without_a_moment_in_which_it_is_free() {
    let mut bench = Bench::default();
    let first = bench.held(acquire("l", "a"));
    let hand_over = |token| Command::HandOver { lease: "l".into(), token, to: "b".into() };
    let second = bench.held(hand_over(first.token));
    assert_eq!(&*second.holder, "b");
    assert!(second.token > first.token);
    assert_eq!(bench.code(hand_over(first.token)), "lease.lost");
}

#[test]
fn who_lost_a_lease_writes_no_more_under_it() {
    let mut bench = Bench::default();
    let first = bench.held(acquire("l", "a"));
    let fenced = |token| Command::Put {
        key: "k".into(),
        value: encoded(value!(1)),
        expect: Expect::Any,
        ttl: None,
        fence: Some(Fence { lease: "l".into(), token }),
    };
    bench.version(fenced(first.token));
    bench.apply(Command::Lapse { lease: "l".into(), token: first.token, renewals: 0 }).unwrap();
    assert_eq!(bench.code(fenced(first.token)), "lease.lost");
    let second = bench.held(acquire("l", "b"));
    assert_eq!(bench.code(fenced(first.token)), "lease.lost");
    bench.version(fenced(second.token));
    assert_eq!(bench.code(fenced(Token(99))), "lease.lost");
}

#[test]
fn a_leadership_is_told_to_everybody_and_counts_its_holders() {
    let mut bench = Bench::default();
    let first = bench.held(campaign("a"));
    assert_eq!((&*first.holder, first.epoch), ("a", 1));
    assert_eq!(bench.held(campaign("b")), first, "b learns who leads");
    assert_eq!(bench.held(campaign("a")), first, "a goes on leading");
    bench.apply(Command::Release { lease: "group/g".into(), token: first.token }).unwrap();
    let second = bench.held(campaign("b"));
    assert_eq!((&*second.holder, second.epoch), ("b", 2));
    let to = Command::HandOver { lease: "group/g".into(), token: second.token, to: "c".into() };
    assert_eq!(bench.held(to).epoch, 3);
}

#[test]
fn events_get_one_place_each_behind_what_they_come_after() {
    let mut bench = Bench::default();
    let told =
        bench.places(vec![event("c", &["a", "b"]), event("b", &["a"]), event("a", &[]), event("d", &[])]);
    let ids: Vec<&str> = told.iter().map(|(id, _, _)| &**id).collect();
    assert_eq!(ids, ["a", "d", "b", "c"]);
    assert_eq!(bench.told.len(), 4);
    let again = bench.places(vec![event("b", &[]), event("e", &["d"]), event("e", &[])]);
    assert_eq!(again, [("b".into(), 2, true), ("e".into(), 4, false), ("e".into(), 4, true)]);
    assert_eq!(bench.told.len(), 1, "a duplicate is told to nobody");
    let order = |events| Command::Order { group: "g".into(), events };
    assert_eq!(bench.code(order(vec![event("x", &["y"])])), "order.dependency");
    assert_eq!(bench.code(order(vec![event("x", &["y"]), event("y", &["x"])])), "order.cycle");
    assert_eq!(bench.code(order(vec![event("", &[])])), "coordinate.name");
    let nameless = NewEvent { id: None, after: Vec::new(), data: encoded(value!(1)) };
    let told = bench.places(vec![nameless.clone(), nameless]);
    assert_eq!((told[0].1, told[1].1), (5, 6), "without ids both are new");
}

#[test]
fn only_so_many_events_are_remembered() {
    let mut bench = Bench::default();
    let many = |from: u64, to: u64| (from..to).map(|n| event(&n.to_string(), &[])).collect::<Vec<_>>();
    bench.places(many(0, super::order::REMEMBERED));
    let full = bench.machine.keys.len();
    assert_eq!(bench.places(many(0, 1)), [("0".into(), 0, true)]);
    bench.places(many(super::order::REMEMBERED, super::order::REMEMBERED + 10));
    assert_eq!(bench.machine.keys.len(), full, "as many are forgotten as come");
    assert!(!bench.places(many(0, 1))[0].2, "the first is forgotten");
}

#[test]
fn a_proposal_is_accepted_once_under_its_id() {
    let mut bench = Bench::default();
    let propose = |id: Option<&str>| Command::Propose {
        group: "g".into(),
        id: id.map(Text::from),
        proposer: "a".into(),
        proposal: encoded(1),
    };
    let accepted = |bench: &mut Bench, id| match bench.apply(propose(id)).unwrap() {
        Answer::Accepted { index, place, .. } => (index, place),
        other => panic!("{other:?}"),
    };
    assert_eq!(accepted(&mut bench, Some("x")), (1, 0));
    assert_eq!(accepted(&mut bench, Some("y")), (2, 1));
    assert_eq!(accepted(&mut bench, Some("x")), (1, 0));
    assert!(bench.told.is_empty(), "nobody is told twice");
    assert_eq!(accepted(&mut bench, None), (4, 2));
    assert_eq!(accepted(&mut bench, None), (5, 3));
}

#[test]
fn a_request_that_is_sent_again_is_carried_out_once() {
    let mut bench = Bench::default();
    let request = |number, settled| Request { client: 7, number, settled };
    let first = bench.request(request(1, 1), increment("n", value!(1)));
    let refused = bench.request(request(2, 1), put("n", value!(1), Expect::Absent));
    assert_eq!(bench.request(request(1, 1), increment("n", value!(1))), first);
    assert_eq!(bench.request(request(2, 1), put("n", value!(1), Expect::Absent)), refused);
    assert_eq!(bench.value("n"), Some(value!(1)));
    bench.request(request(3, 3), increment("n", value!(1))).unwrap();
    let late = bench.request(request(1, 1), increment("n", value!(1))).unwrap_err();
    assert_eq!(late.code, "request.settled", "its client has the answer");
    assert_eq!(bench.value("n"), Some(value!(2)));
}

#[test]
fn time_never_goes_back() {
    let mut bench = Bench::default();
    let mut before = bench.machine.meta.clock();
    for at in [5, 3, 3, 9, 0] {
        let proposal = Proposal { request: Request::ANY, at, command: increment("n", value!(1)) };
        bench.machine.apply(at, proposal, &mut Effects::default()).unwrap().unwrap();
        assert!(bench.machine.meta.clock() > before);
        before = bench.machine.meta.clock();
    }
    assert_eq!((before.millis, before.logical), (9, 1));
}

#[test]
fn what_is_no_name_is_refused() {
    let mut bench = Bench::default();
    for name in [String::new(), "a\0b".to_owned(), "x".repeat(513)] {
        assert_eq!(bench.code(put(&name, value!(1), Expect::Any)), "coordinate.name");
        assert_eq!(bench.code(acquire(&name, "a")), "coordinate.name");
        assert_eq!(bench.code(acquire("a", &name)), "coordinate.name");
    }
    let no_time = Command::Acquire { lease: "l".into(), holder: "a".into(), ttl: 0 };
    assert_eq!(bench.code(no_time), "lease.ttl");
}

fn commands() -> impl Strategy<Value = Vec<(u64, Command)>> {
    let key = || prop::sample::select(vec!["a", "b", "c"]);
    let number = || 0_u64..6;
    let expect = prop_oneof![
        Just(Expect::Any),
        Just(Expect::Absent),
        Just(Expect::Present),
        number().prop_map(Expect::Version)
    ];
    let command = prop_oneof![
        (key(), number(), expect.clone()).prop_map(|(key, n, expect)| put(key, value!(n), expect)),
        (key(), expect).prop_map(|(key, expect)| delete(key, expect)),
        key().prop_map(|key| increment(key, value!(1))),
        key().prop_map(|key| append(key, value!(1))),
        (key(), key()).prop_map(|(lease, holder)| acquire(lease, holder)),
        key().prop_map(campaign),
        (key(), 0_u64..40)
            .prop_map(|(lease, token)| Command::Release { lease: lease.into(), token: Token(token) }),
        (key(), 0_u64..40)
            .prop_map(|(lease, token)| Command::Renew { grants: vec![(lease.into(), Token(token))], ttl: 9 }),
        (key(), key())
            .prop_map(|(id, after)| Command::Order { group: "g".into(), events: vec![event(id, &[after])] }),
    ];
    prop::collection::vec((0_u64..4, command), 0..60)
}

proptest! {
    /// A member that was given a snapshot and one that carried everything out itself end alike.
    #[test]
    fn the_same_commands_lead_to_the_same_state(commands in commands(), cut in any::<prop::sample::Index>()) {
        let mut whole = Bench::default();
        let mut parted = Bench::default();
        let cut = cut.index(commands.len() + 1);
        for (at, (client, command)) in commands.into_iter().enumerate() {
            if at == cut {
                let meta = rmp_serde::to_vec(&parted.machine.meta).unwrap();
                parted.machine.meta = rmp_serde::from_slice(&meta).unwrap();
            }
            let request = Request { client, number: at as u64, settled: at as u64 / 2 };
            let one = whole.request(request, command.clone());
            prop_assert_eq!(parted.request(request, command), one);
        }
        prop_assert_eq!(parted.machine.keys, whole.machine.keys);
        prop_assert_eq!(parted.machine.meta, whole.machine.meta);
    }
}
