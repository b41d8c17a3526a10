//! A thread with a runtime of its own, on which the connections are read and written.

use std::io;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Ends the thread when it is dropped.
#[derive(Debug)]
pub(super) struct OwnThread {
    pub(super) runtime: Handle,
    _stop: oneshot::Sender<()>,
}

impl OwnThread {
    /// Starts the thread, so that whatever blocks the application's executor stops no heartbeat.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name("divider-postgres".into()).spawn(move || {
            // It ends with an error when the sender is dropped.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, _stop: stop })
    }
}
