//! The ceilings: what the server takes, by how many watch.

use crate::bare::{Over, Writes, measure as measure_bare};
use crate::report::Row;
use crate::setup::{Failure, Setup};

pub(super) fn measure(setup: &Setup) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for watchers in [0, 3, 10, 30] {
        let (setup, over) = (*setup, Over::Nothing);
        let writes = Writes { keys: setup.keys, writers: 3, watchers, setup, over };
        let what = format!("bare claims, {} keys, 3 write, {watchers} watch", setup.keys);
        rows.push(Row::bare(what, block(writes)?, "/s"));
    }
    Ok(rows)
}

/// The threads of the measurement have runtimes of their own.
fn block(writes: Writes) -> Result<f64, Failure> {
    tokio::task::block_in_place(|| Ok(measure_bare(writes)?.rate))
}
