//! Requests to the owner of a key, and their replies.
//!
//! A caller sends a request to a key ([`Group::request`](crate::Group::request)). The node that owns the
//! key gets it ([`Assignment::requests`](crate::Assignment::requests)) and replies. Neither needs to
//! know the other. On NATS it is plain request and reply on the subject `divider.<group>.to.<key>`, so a
//! client in any language can ask: PROTOCOL.md has the headers.
//!
//! ```
//! # use divider::{Assignment, BoxError, Divider, Finish, Group, GroupName, Key, MemoryStore, run};
//! async fn work(mine: Assignment) -> Result<Finish, BoxError> {
//!     let mut requests = mine.requests().await?;
//!     let mut total = 0;
//!     while let Some(request) = requests.next().await {
//!         total += request.payload().len();
//!         request.reply(total.to_string()).await?;
//!     }
//!     Ok(Finish::Release) // the key has to stop
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let store = MemoryStore::new(GroupName::new("orders")?);
//! # let group = Group::open(store.clone());
//! # let key = Key::new("eu.17")?;
//! # let (divider, events) = Divider::builder(store).start().await?;
//! # let running = tokio::spawn(run(divider.clone(), events, work).into_future());
//! group.announce(&key).await?;
//! let reply = group.request(&key, "hello").await?;
//! assert_eq!(reply.payload(), "5");
//! # divider.cancel().await;
//! # let _ = running.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - **Accepted by one owner.** A request is *accepted* when [`Requests::next`] returns it. It is
//!   accepted only while the key is the node's. A caller sends a request again only where it is certain
//!   that nobody accepted it, unless it was declared [idempotent](OutgoingRequest::idempotent). So a
//!   request is accepted at most once.
//! - **Answered before the key moves.** [`run`](crate::run()) confirms a stop when the handler has ended
//!   and every accepted request is answered or dropped, at the latest at the
//!   [deadline](crate::Assignment::deadline). Who handles events without `run`: see
//!   [`Requests::close`].
//! - **A move costs callers time, not errors.** What was not accepted when the key has to stop is
//!   refused as *moved*, and the caller sends it again, to the next owner.
//! - **Every caller gets an answer or an error.** A request that the owner drops is answered as dropped.
//!   The other errors come at the deadline of the caller at the latest: [`RequestError`].
//!
//! # What does not hold
//!
//! - **Messages can be lost.** Requests are not stored. An owner that crashes, or a lost connection,
//!   can take a request or its reply with it. The caller gets [`RequestError::Unanswered`] then, and
//!   cannot know whether the request was carried out.
//! - **Nothing orders requests** of different callers, or requests that are sent at the same time.
//! - **A frozen owner can accept late**, as it can write late. Pass the fencing token along where a
//!   request writes something: [`Request::token`].
//!
//! # What it costs
//!
//! A node that asks for no requests subscribes to nothing. One that does has a subscription for each key
//! that it owns, and one more connection for all of them, so that requests hold up no heartbeat. A
//! subscription takes about 6 KB in the node, and one round trip each when it is made and when it is
//! ended: 10 000 keys took 0.2 s and 0.3 s. A request is two messages, as any request on NATS, and took
//! 1.3 to 1.9 times as long as a bare one, one after the other on one machine.

mod ask;
mod closer;
mod error;
mod gate;
mod serve;
#[cfg(test)]
mod tests;

pub use ask::{OutgoingRequest, Reply};
pub use error::{ReplyError, RequestError, ServeError};
pub use serve::{Request, Requests};

pub(crate) use closer::Closer;
pub(crate) use gate::Gate;
