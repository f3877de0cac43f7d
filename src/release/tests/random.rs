//! Random commands against the core and against a reference that knows of nothing but maps.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::attempt::{Attempt, attempt};
use super::super::document;
use super::*;

const SERVICES: [&str; 3] = ["orders", "billing", "inventory"];

/// What may be asked for.
#[derive(Clone, Debug)]
enum Command {
    /// A service, which others it is wired to and which its tests call, and whether it has events.
    Begin(usize, u8, u8, bool),
    /// Something of a version, picked from all that ever began, so that late requests are among them.
    Of(Index, Ask),
}

#[derive(Clone, Debug)]
enum Ask {
    Ready,
    Start(u32),
    Pass(u32),
    Fail(u32),
    Spoil(u32),
    BeginPromotion(bool),
    FinishPromotion(bool, usize),
    Lose,
    /// Whether the request is of an earlier time.
    SwitchBack(bool),
    Abandon,
    Retire,
    Forget,
    Raise,
    Lower,
    Turn(bool),
    Turned(bool),
}

fn command() -> impl Strategy<Value = Command> {
    let ask = prop_oneof![
        6 => Just(Ask::Ready),
        6 => (1..3_u32).prop_map(Ask::Start),
        8 => (1..3_u32).prop_map(Ask::Pass),
        1 => (1..3_u32).prop_map(Ask::Fail),
        1 => (1..3_u32).prop_map(Ask::Spoil),
        6 => any::<bool>().prop_map(Ask::BeginPromotion),
        8 => (any::<bool>(), 0..3_usize).prop_map(|(report, keep)| Ask::FinishPromotion(report, keep)),
        1 => Just(Ask::Lose),
        2 => prop::bool::weighted(0.2).prop_map(Ask::SwitchBack),
        1 => Just(Ask::Abandon),
        3 => Just(Ask::Retire),
        3 => Just(Ask::Forget),
        2 => Just(Ask::Raise),
        1 => Just(Ask::Lower),
        4 => any::<bool>().prop_map(Ask::Turn),
        4 => any::<bool>().prop_map(Ask::Turned),
    ];
    prop_oneof![
        1 => (0..3_usize, 0..8_u8, 0..8_u8, prop::bool::weighted(0.3))
            .prop_map(|(own, wired, tested, has_events)| Command::Begin(own, wired, tested, has_events)),
        14 => (any::<Index>(), ask).prop_map(|(of, ask)| Command::Of(of, ask)),
    ]
}

/// What is asked of a version, with all that it takes.
struct Asked<'a> {
    of: &'a VersionRef,
    ask: &'a Ask,
    live: Option<VersionId>,
    changed_before: Option<String>,
}

impl Asked<'_> {
    fn make(&self, stage: &mut Stage) -> Result<(), Refusal> {
        let of = self.of;
        let run = |number: u32| RunId::new(&of.to_string(), number);
        match *self.ask {
            Ask::Ready => stage.blue_ready(of, &ready(of)),
            Ask::Start(number) => stage.run_started(of, &run(number), &BTreeMap::new(), 5),
            Ask::Pass(number) => stage.run_passed(of, &run(number), 5),
            Ask::Fail(number) => stage.run_failed(of, &run(number), 5),
            Ask::Spoil(number) => stage.run_invalid(of, &run(number), 5),
            Ask::BeginPromotion(report) => stage.begin_promotion(of, &self.seen(), terms(report, 0)),
            Ask::FinishPromotion(report, keep) => stage.finish_promotion(of, terms(report, keep)),
            Ask::Lose => stage.note_loss(of, 5),
            Ask::SwitchBack(is_late) => stage.switch_back(&self.switch(is_late)),
            Ask::Abandon => stage.abandon(of, "random", 5),
            Ask::Retire => stage.retire(of, 5),
            Ask::Forget => stage.forget(of, 5),
            Ask::Raise => stage.raise_barrier(of, 1_000_000, 5),
            Ask::Lower => stage.lower_barrier(of, 5),
            Ask::Turn(on) => stage.turn_green(of, on),
            Ask::Turned(on) => stage.turned_green(of, &self.turned(on)),
        }
    }

    fn seen(&self) -> StackSeen {
        StackSeen { changed_at: self.changed_before.clone(), ..seen(self.of) }
    }

    fn turned(&self, on: bool) -> Turned<'_> {
        Turned { on, changed_before: self.changed_before.as_deref(), changed_at: Some("turned"), at: 5 }
    }

    fn switch(&self, is_late: bool) -> SwitchBack {
        SwitchBack {
            service: self.of.service.clone(),
            to: self.of.version.clone(),
            away_from: if is_late { Some(self.of.version.clone()) } else { self.live.clone() },
            who: "somebody".to_owned(),
            reason: "random".to_owned(),
            strict: false,
            at: 5,
        }
    }
}

fn terms(report: bool, keep: usize) -> Promotion {
    let on_skew = if report { OnSkew::Report } else { OnSkew::Block };
    Promotion { on_skew, keep, at: 5 }
}

/// The rules once more, as maps: what is live, what is kept, what each version is bound to.
#[derive(Default)]
struct Reference {
    live: BTreeMap<ServiceName, VersionRef>,
    kept: BTreeMap<ServiceName, Vec<VersionRef>>,
    /// View and wiring of each version that has or may have a stack.
    bound: BTreeMap<VersionRef, [BTreeSet<VersionRef>; 2]>,
    on_its_way: BTreeSet<VersionRef>,
}

impl Reference {
    fn goes_live(&mut self, of: &VersionRef, keep: Option<usize>) {
        self.on_its_way.remove(of);
        let kept = self.kept.entry(of.service.clone()).or_default();
        kept.retain(|other| other != of);
        if let Some(old) = self.live.insert(of.service.clone(), of.clone()) {
            kept.insert(0, old);
        }
        kept.truncate(keep.unwrap_or(usize::MAX));
    }

    /// What was asked of this version, which `was` in that state, was done.
    fn follow(&mut self, of: &VersionRef, ask: &Ask, was: Option<State>) {
        if matches!(ask, Ask::Abandon) {
            self.on_its_way.remove(of);
        } else if matches!(ask, Ask::Forget) {
            self.bound.remove(of);
        } else if let (Ask::FinishPromotion(_, keep), Some(State::Promoting)) = (ask, was) {
            self.goes_live(of, Some(*keep));
        } else if let (Ask::SwitchBack(_), Some(State::Previous)) = (ask, was) {
            self.goes_live(of, None);
        }
    }

    fn reachable(&self) -> BTreeSet<VersionRef> {
        let kept = self.kept.values().flatten();
        let mut reached: BTreeSet<VersionRef> =
            self.live.values().chain(kept).chain(&self.on_its_way).cloned().collect();
        reached.extend(self.on_its_way.iter().flat_map(|blue| self.bound[blue][0].clone()));
        for _ in 0..self.bound.len() {
            let wired: Vec<_> =
                reached.iter().filter_map(|of| self.bound.get(of)).flat_map(|bound| bound[1].clone()).collect();
            reached.extend(wired);
        }
        reached
    }
}

struct Both {
    world: World,
    reference: Reference,
    begun: Vec<VersionRef>,
    writes: u32,
}

impl Both {
    /// Applies a transition as `update()` does: a refusal is dropped with all that it changed; applied to its own result it
    /// changes nothing.
    fn apply<T: Clone + PartialEq + std::fmt::Debug>(
        &mut self,
        transition: impl Fn(&mut Stage) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.writes += 1;
        let write_id = format!("w{}", self.writes);
        let before = self.world.stage.clone();
        match attempt(before.clone(), &write_id, None, &transition) {
            Err(_) => None,
            Ok(Attempt::Settled(after, answer)) => {
                assert_eq!(after, before, "what is settled is as it was");
                Some(answer)
            }
            Ok(Attempt::Write(after, answer)) => {
                assert_eq!(after.seq, before.seq + 1);
                let again = attempt(after.clone(), "another", None, &transition);
                assert_eq!(again, Ok(Attempt::Settled(after.clone(), answer.clone())), "twice changes nothing");
                self.world.stage = after;
                Some(answer)
            }
        }
    }

    fn begin(&mut self, (own, wired, tested, has_events): (usize, u8, u8, bool)) {
        let chosen = |mask: u8| {
            SERVICES.iter().enumerate().filter(move |(place, _)| mask & (1 << place) != 0).map(|(_, name)| *name)
        };
        let wired_to: Vec<&str> = chosen(wired).collect();
        let mut request = self.world.request(SERVICES[own], &format!("x{}", self.begun.len()), &wired_to);
        request.execution.action_execution_id = format!("x{}", self.begun.len());
        request.depends_on = chosen(tested).map(service).collect();
        request.declares_green = has_events;
        let Some(version) = self.apply(|stage| stage.begin_blue(&request)) else {
            return;
        };
        let of = VersionRef { service: request.service.clone(), version };
        let live = |name: &ServiceName| self.reference.live[name].clone();
        let wiring: BTreeSet<VersionRef> = request.wired_to.keys().map(live).collect();
        let called = request.depends_on.iter().filter(|name| **name != request.service).map(live);
        let view = wiring.iter().cloned().chain(called).collect();
        self.reference.bound.insert(of.clone(), [view, wiring]);
        self.reference.on_its_way.insert(of.clone());
        self.begun.push(of);
    }

    fn play(&mut self, command: &Command) {
        let (at, ask) = match command {
            Command::Begin(own, wired, tested, has_events) => {
                return self.begin((*own, *wired, *tested, *has_events));
            }
            Command::Of(at, ask) => (at, ask),
        };
        if self.begun.is_empty() {
            return;
        }
        let of = at.get(&self.begun).clone();
        let version = self.world.stage.version(&of).cloned();
        let asked = Asked {
            of: &of,
            ask,
            live: self.world.live_version(of.service.as_str()),
            changed_before: version.as_ref().and_then(|version| version.stack.changed_at.clone()),
        };
        if self.apply(|stage| asked.make(stage)).is_some() {
            let was = version.map(|version| version.state);
            self.reference.follow(&of, ask, was);
        }
    }

    fn check(&self) {
        let (stage, reference) = (&self.world.stage, &self.reference);
        for (name, service) in &stage.services {
            let ids = |versions: &[VersionRef]| versions.iter().map(|of| of.version.clone()).collect::<Vec<_>>();
            assert_eq!(service.live, reference.live.get(name).map(|of| of.version.clone()));
            assert_eq!(service.previous, reference.kept.get(name).map_or(Vec::new(), |kept| ids(kept)));
        }
        let known: BTreeSet<VersionRef> = stage.all_versions().map(|(of, _)| of).collect();
        assert_eq!(known, reference.bound.keys().cloned().collect());
        let reachable = reference.reachable();
        assert_eq!(stage.pins().into_keys().collect::<BTreeSet<_>>(), reachable);
        assert!(known.is_superset(&reachable), "whatever is reachable is there");
        let unreachable: BTreeSet<VersionRef> = stage.unreachable().into_iter().collect();
        assert_eq!(unreachable, known.difference(&reachable).cloned().collect());
        for (live, _) in stage.live_versions() {
            assert!(stage.closure_of(&live).is_disjoint(&BTreeSet::from([live.clone()])));
        }
        let bytes = document::render(stage);
        assert_eq!(document::parse(&stage.name, &bytes).unwrap(), *stage);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_leave_what_a_reference_of_maps_leaves(commands in prop::collection::vec(command(), 1..120)) {
        let mut both = Both {
            world: World::new(),
            reference: Reference::default(),
            begun: Vec::new(),
            writes: 0,
        };
        for command in &commands {
            both.play(command);
            both.check();
        }
    }
}
