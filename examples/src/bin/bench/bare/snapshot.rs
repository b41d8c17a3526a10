//! Reading everything once.

use std::time::Duration;

use divider_examples::journal::now_ns;
use futures_util::StreamExt;

use super::writes::consume;
use crate::setup::{Failure, servers};

/// How long a consumer with divider's settings takes to deliver the newest of every record.
pub(crate) async fn read_all(url: &str, group: &str) -> Result<Duration, Failure> {
    let options = async_nats::ConnectOptions::new().subscription_capacity(1 << 20);
    let client = options.connect(servers(url)).await?;
    let begun = now_ns();
    let (mut deliveries, pending) = consume(&client, group, "last_per_subject").await?;
    let mut received = 0;
    while received < pending {
        let message = deliveries.next().await.ok_or("the connection is closed")?;
        match (message.status, message.reply) {
            (None, _) => received += 1,
            (Some(_), Some(reply)) => client.publish(reply, "".into()).await?,
            (Some(_), None) => {}
        }
    }
    Ok(Duration::from_nanos(now_ns() - begun))
}
