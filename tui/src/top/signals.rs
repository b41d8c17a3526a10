//! Signals that end the dashboard.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::terminal::restore;

/// So long the dashboard has to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Listens on a thread of its own: a terminal that takes nothing any more may hold up the one that
/// draws. Gives the number of the signal that came; a second later the process is over.
pub(crate) fn listen() -> std::io::Result<mpsc::Receiver<i32>> {
    let (told, heard) = mpsc::channel(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let Ok(number) = first().await else { return };
            let _ = told.try_send(number);
            tokio::time::sleep(GRACE).await;
            restore();
            std::process::exit(128 + number);
        });
    })?;
    Ok(heard)
}

/// Waits for the first of them.
async fn first() -> std::io::Result<i32> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let kind = tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = hang_up.recv() => SignalKind::hangup(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    };
    Ok(kind.as_raw_value())
}
