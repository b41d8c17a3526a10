/// What one node may not do for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It may not renew its lease.
    Leases,
    /// It may not write claims.
    Claims,
    /// It may not follow the log.
    Watches,
    /// It may do nothing at all.
    Everything,
}
