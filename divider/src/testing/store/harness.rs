//! A server that the suite may hurt.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::store::Store;

/// Why a harness could not do something. It ends the case, as failed.
pub type HarnessError = Box<dyn Error + Send + Sync>;

/// A fault that is being injected; it ends when the fault is there.
pub type Injected<'a> = BoxFuture<'a, Result<(), HarnessError>>;

/// One server with one group, and a store on it that the suite may hurt.
///
/// `None` says that the harness cannot do it: the cases that need it are then reported as not run. A
/// method does nothing before its future is polled.
pub trait Harness: Send {
    /// A store of the group. Its requests end after at most a few seconds, so that the cases are not
    /// slow.
    fn store(&self) -> Arc<dyn Store>;

    /// Ends the server at once, as a crash does.
    fn kill(&mut self) -> Option<Injected<'_>> {
        None
    }

    /// Starts the killed server again, on the same address with the same disk.
    fn restart(&mut self) -> Option<Injected<'_>> {
        None
    }

    /// Stops the server without ending it: it keeps its connections and answers nothing.
    fn freeze(&mut self) -> Option<Injected<'_>> {
        None
    }

    /// Lets the frozen server go on.
    fn thaw(&mut self) -> Option<Injected<'_>> {
        None
    }

    /// Breaks every connection of the store. The server goes on and takes new ones.
    fn cut(&mut self) -> Option<Injected<'_>> {
        None
    }

    /// Deletes everything that the server has of the group, and creates the group again if the store
    /// does not.
    fn lose(&mut self) -> Option<Injected<'_>> {
        None
    }

    /// Limits the server to the space that it uses now: from then on, it must refuse what grows.
    fn fill(&mut self) -> Option<Injected<'_>> {
        None
    }
}
