//! How much of the world a run of the model has.

/// How long a lease lasts, in ticks.
pub(crate) const LEASE: u8 = 3;

/// How long before its end everything is told `Lost`, in ticks.
pub(crate) const STOP_BUDGET: u8 = 1;

/// The sizes and the faults of one run. Lost, late and reordered writes, lost acknowledgements,
/// processes that pause and records that are seen late are in every run: nobody has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault that there is or is not")]
pub struct Scope {
    /// How many sessions each node may have.
    pub sessions: u8,
    /// How many attempts to renew a lease may be without an answer at a time, 1 or 2.
    pub attempts: usize,
    /// Each clock may be a tick ahead of or behind where it was, over any span.
    pub drift: bool,
    /// Nodes plan with member records, which come late, go missing, and are read anew in any order.
    pub members: bool,
    /// Any lease record may expire at any time, by a server's clock that is wrong.
    pub expiry: bool,
    /// The log may lose what it acknowledged since some moment, once.
    pub power_cut: bool,
    /// Nodes may cancel.
    pub cancel: bool,
    /// The application takes its starts late.
    pub queue: bool,
    /// The last node renews its lease in no time and without fail.
    pub steady: bool,
    /// All nodes are members, and the first owns every key, when it begins.
    pub settled: bool,
}

impl Scope {
    /// One session to a node, one attempt at a time, nothing but what is in every run.
    pub const fn small() -> Self {
        Self {
            sessions: 1,
            attempts: 1,
            drift: false,
            members: false,
            expiry: false,
            power_cut: false,
            cancel: false,
            queue: false,
            steady: false,
            settled: false,
        }
    }
}
