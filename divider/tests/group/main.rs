//! Whole groups of nodes in one process, over each store.

/// Each scenario over each store.
macro_rules! over_each_store {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Bed::memory()).await;
            })*
        }
        mod nats {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Bed::nats()).await;
            })*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(bed) = super::Bed::postgres() {
                    super::$name(bed).await;
                }
            })*
        }
        #[cfg(feature = "redis")]
        mod redis {
            $(#[tokio::test]
            async fn $name() {
                if let Some(bed) = super::Bed::redis(stringify!($name)) {
                    super::$name(bed).await;
                }
            })*
        }
    };
}

mod bed;
mod history;
mod ledger;
mod quarantine;
mod readiness;
mod restarts;
mod scenarios;
mod watching;
mod worker;
