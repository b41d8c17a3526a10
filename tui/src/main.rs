//! The operator's dashboard and commands.
fn main() {}
