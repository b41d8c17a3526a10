//! The work on one key: it counts seconds, and says how far it is when it is asked.

use std::time::Duration;

use divider::{Assignment, BoxError, Finish};
use serde_json::json;

/// Runs on this node alone until the key has to stop.
pub(crate) async fn work(mine: Assignment) -> Result<Finish, BoxError> {
    let mut requests = mine.requests().await?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut seconds = 0_u64;
    loop {
        tokio::select! {
            request = requests.next() => {
                // It ends when the key has to stop.
                let Some(request) = request else { return Ok(Finish::Release) };
                let (key, token) = (mine.key().as_str(), mine.token().0);
                let state = json!({"key": key, "token": token, "seconds": seconds});
                request.reply(state.to_string()).await?;
            }
            _ = second.tick() => seconds += 1,
        }
    }
}
