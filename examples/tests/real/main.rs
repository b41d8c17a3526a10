//! Real worker processes on real servers: no key ever has two holders, and none stays without one,
//! whatever happens to the workers, the server or the log.
//!
//! Who held what is judged by the workers' own journals, on the machine's one clock. The tests take
//! turns: their leases are short, and one machine can only freeze so many processes at a time
//! without freezing others.

mod balance;
mod crashes;
mod joins;
mod log;
mod outages;
mod play;
mod replicas;
