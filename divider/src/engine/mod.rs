//! The one task and the only clock.
