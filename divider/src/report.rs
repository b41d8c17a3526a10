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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StartError;

    #[test]
    fn a_cause_is_told_once() {
        let refused = || std::io::Error::other("connection refused");
        let twice = std::io::Error::other(refused());
        let error = StartError::System(std::io::Error::other(twice));
        let text = chain(&error).to_string();
        assert_eq!(text.matches("connection refused").count(), 1, "{text}");
        assert!(text.ends_with(": connection refused"), "{text}");
    }
}
