//! An error with its causes in one line.

use std::error::Error;
use std::fmt;

/// The error and its causes, each after a colon; one that repeats what stands before it is left out.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    Chain(error)
}

/// What [`chain`] prints.
pub(crate) struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !said.ends_with(&words) {
                write!(f, ": {words}")?;
            }
            said = words;
            cause = error.source();
        }
        Ok(())
    }
}

/// Has `{:?}` print an error as a sentence with its causes: it is what a `main` that returns the
/// error shows, and who sees it there has to be told what to do.
macro_rules! debug_as_report {
    ($($error:ty),+) => {$(
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&$crate::report::chain(self), f)
            }
        }
    )+};
}

pub(crate) use debug_as_report;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StartError;
    use crate::store::{OpenError, StoreError};

    #[test]
    fn a_cause_is_told_once() {
        let refused = || std::io::Error::other("connection refused");
        let twice = std::io::Error::other(refused());
        let source = Box::new(std::io::Error::other(twice));
        let error = OpenError::Connect { servers: "nats://a".into(), source };
        let text = chain(&error).to_string();
        assert_eq!(text.matches("connection refused").count(), 1, "{text}");
        assert!(text.ends_with(": connection refused"), "{text}");
    }

    #[test]
    fn a_main_that_returns_an_error_shows_all_of_it() {
        let error = StartError::Store(StoreError::NoGroup { group: "g".into() });
        let shown = format!("{:?}", Box::<dyn Error>::from(error));
        assert!(shown.starts_with("the node cannot join: the group does not exist"), "{shown}");
        assert!(shown.contains("divider init"), "{shown}");
    }
}
