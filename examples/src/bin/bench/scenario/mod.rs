//! What is measured, a scenario a file.

mod affinity;
mod announce;
mod cold;
mod crash;
mod drain;
mod gap;
mod idle;
mod join;
mod leave;
mod memory;
mod moved;
mod outage;
mod rolling;
mod snapshot;
mod writes;

use clap::ValueEnum;

use crate::report::Row;
use crate::servers::Backend;
use crate::setup::{Failure, Setup};

/// One scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Bare pipelined compare-and-sets before 0, 3, 10 and 30 watchers
    Writes,
    /// One key, from its announcement to its start, next to one acknowledged publish
    Announce,
    /// The keys are there, and the nodes start together
    Cold,
    /// One more node comes
    Join,
    /// One node hands over everything and goes
    Leave,
    /// An operator drains one node
    Drain,
    /// One node is killed
    Crash,
    /// From the confirmed stop of each moving key to its start
    Gap,
    /// Every node leaves and comes back, one after another
    Rolling,
    /// A thousand changes of affinity a second
    Affinity,
    /// Nothing happens
    Idle,
    /// Bytes that a key takes in a node
    Memory,
    /// Reading everything, before a join and after the connection was lost
    Snapshot,
    /// The store is away for half a lease
    Outage,
}

impl Scenario {
    /// For how many of the numbers of nodes it is measured: the ceilings do not depend on them.
    pub(crate) fn sizes(self) -> usize {
        if self == Self::Writes { 1 } else { usize::MAX }
    }

    /// Whether it can be measured on this backend: the others ask NATS itself.
    pub(crate) fn fits(self, backend: Backend) -> bool {
        let any = [Self::Cold, Self::Join, Self::Leave, Self::Drain, Self::Crash, Self::Rolling];
        backend == Backend::Nats || any.contains(&self)
    }

    /// Measures it once.
    pub(crate) async fn measure(self, setup: &Setup) -> Result<Vec<Row>, Failure> {
        match self {
            Self::Writes => writes::measure(setup),
            Self::Announce => announce::measure(setup).await,
            Self::Cold => cold::measure(setup).await,
            Self::Join => join::measure(setup).await,
            Self::Leave => leave::measure(setup).await,
            Self::Drain => drain::measure(setup).await,
            Self::Crash => crash::measure(setup).await,
            Self::Gap => gap::measure(setup).await,
            Self::Rolling => rolling::measure(setup).await,
            Self::Affinity => affinity::measure(setup).await,
            Self::Idle => idle::measure(setup).await,
            Self::Memory => memory::measure(setup).await,
            Self::Snapshot => snapshot::measure(setup).await,
            Self::Outage => outage::measure(setup).await,
        }
    }
}
