//! A viewer that followed all changes sees the same as one that starts now.

use super::*;

/// One event of a group whose nodes are records only.
#[derive(Debug, Clone)]
enum Step {
    Announce(u8),
    Retract(u8),
    Claim(u8, u8, u8),
    Unclaim(u8),
    Free(u8),
    Garble(u8),
    Member(u8, u8),
    NoMember(u8),
    Lease(u8, u8),
    Dead(u8, u8),
    Control(u8, Mode),
    Stops(u8, u8),
    Look,
    Break,
}

fn any_step() -> impl Strategy<Value = Step> {
    let (k, n, life) = (0_u8..6, 0_u8..3, 1_u8..3);
    let mode = prop_oneof![Just(Mode::Active), Just(Mode::Cordon), Just(Mode::Drain)];
    prop_oneof![
        3 => k.clone().prop_map(Step::Announce),
        1 => k.clone().prop_map(Step::Retract),
        4 => (k.clone(), n.clone(), life.clone()).prop_map(|(k, n, l)| Step::Claim(k, n, l)),
        1 => k.clone().prop_map(Step::Unclaim),
        1 => k.clone().prop_map(Step::Free),
        1 => k.clone().prop_map(Step::Garble),
        3 => (n.clone(), life.clone()).prop_map(|(n, l)| Step::Member(n, l)),
        1 => n.clone().prop_map(Step::NoMember),
        2 => (n.clone(), life.clone()).prop_map(|(n, l)| Step::Lease(n, l)),
        1 => (n.clone(), life).prop_map(|(n, l)| Step::Dead(n, l)),
        1 => (n.clone(), mode).prop_map(|(n, mode)| Step::Control(n, mode)),
        1 => (n, k).prop_map(|(n, k)| Step::Stops(n, k)),
        4 => Just(Step::Look),
        1 => Just(Step::Break),
    ]
}

impl Paper {
    async fn step(&self, step: &Step, watch: &mut GroupWatch) {
        let (k, n) = (|k: u8| format!("k{k}"), |n: u8| format!("w{n}"));
        match *step {
            Step::Announce(at) => drop(self.put(&format!("key.{}", k(at)), "").await),
            Step::Retract(at) => drop(self.write(&format!("key.{}", k(at)), None).await),
            Step::Claim(at, by, life) => {
                let value = claim(&n(by), life, 7).encode();
                self.put(&format!("claim.{}", k(at)), value).await;
            }
            Step::Unclaim(at) => drop(self.write(&format!("claim.{}", k(at)), None).await),
            Step::Free(at) => {
                let free = ClaimRecord::new(None, Token(7));
                self.put(&format!("claim.{}", k(at)), free.encode()).await;
            }
            Step::Garble(at) => drop(self.put(&format!("pin.{}", n(at)), "garbage").await),
            Step::Member(by, life) => {
                self.put(&format!("member.{}", n(by)), member(&n(by), life).encode()).await;
            }
            Step::NoMember(by) => drop(self.write(&format!("member.{}", n(by)), None).await),
            Step::Lease(by, life) => {
                self.put(&format!("lease.{}", n(by)), lease(&n(by), life).encode()).await;
            }
            Step::Dead(by, life) => {
                let dead = LeaseRecord { state: LeaseState::Dead, ..lease(&n(by), life) };
                self.put(&format!("lease.{}", n(by)), dead.encode()).await;
            }
            Step::Control(by, mode) => {
                self.put(&format!("control.{}", n(by)), ControlRecord::new(mode).encode()).await;
            }
            Step::Stops(by, at) => {
                let oldest = vec![OldestStop {
                    key: key(&k(at)),
                    token: Token(7),
                    since_ms: 1,
                    given: false,
                }];
                let stops = StopsRecord { session: session(&n(by), 1), count: 1, given: 0, oldest };
                self.put(&format!("stops.{}", n(by)), stops.encode()).await;
            }
            Step::Look => self.look(watch).await,
            Step::Break => self.store.break_watches(),
        }
    }

    /// Lets the watch see everything, up to a last record that is always a difference.
    async fn look(&self, watch: &mut GroupWatch) {
        let last = self.store.info().await.expect("in memory").last;
        let mark = ControlRecord { plan_rev: last.0, ..ControlRecord::new(Mode::Cordon) };
        let last = self.put("control.mark", mark.encode()).await;
        while !watch.snapshot().is_complete() || watch.snapshot().revision() < last {
            watch.next().await;
        }
    }
}

/// What two viewers of one group must agree on, whenever they started.
fn agreed(snapshot: &Snapshot) -> (Vec<String>, Vec<String>, crate::snapshot::Counts) {
    let of_key = |(key, status): (&Key, &KeyStatus)| {
        format!("{key} {:?} {:?} {:?}", status.owner, status.phase, status.token)
    };
    // The history of a drain is only what its viewer has seen.
    let of_node = |n: &crate::snapshot::NodeStatus| {
        let is_empty = matches!(n.state, NodeState::Drained | NodeState::Emptied);
        let state = if is_empty { NodeState::Draining } else { n.state };
        let desired = n.desired.as_ref().map(|desired| desired.mode);
        format!(
            "{} {state:?} {} {} {:?} {desired:?}",
            n.node, n.keys, n.effective_affinity, n.session
        )
    };
    let mut counts = snapshot.counts();
    counts.unplaced = 0;
    (snapshot.keys().map(of_key).collect(), snapshot.nodes().map(of_node).collect(), counts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn who_watches_all_along_sees_what_a_newcomer_sees(
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let paper = Paper::new();
            let mut watch = paper.group.watch();
            for step in &steps {
                paper.step(step, &mut watch).await;
            }
            paper.put("member.w2", member("w2", 1).encode()).await;
            paper.look(&mut watch).await;
            let fresh = paper.group.snapshot().await.expect("read");
            prop_assert_eq!(agreed(watch.snapshot()), agreed(&fresh));
            Ok(())
        })?;
    }
}
