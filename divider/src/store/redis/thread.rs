//! The thread that drives the connections of a store.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Starts it. It ends when the sender is dropped.
///
/// It is apart from the application's executor, so that whatever blocks that does not stop heartbeats.
pub(super) fn start() -> io::Result<(Handle, oneshot::Sender<()>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    std::thread::Builder::new().name("divider-redis".into()).spawn(move || {
        runtime.block_on(async {
            // An error says that the sender is gone, which is what is waited for.
            let _ = stopped.await;
        });
    })?;
    Ok((handle, stop))
}
