//! What the library logs on this thread.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// Hears every line until it is dropped.
pub(crate) struct Said {
    lines: Arc<Mutex<Vec<String>>>,
    _listening: DefaultGuard,
}

impl Said {
    pub(crate) fn listen() -> Self {
        let lines = Arc::default();
        let listening = tracing::subscriber::set_default(Listener(Arc::clone(&lines)));
        Self { lines, _listening: listening }
    }

    /// The lines with this text, as `level message field=value`.
    pub(crate) fn with(&self, text: &str) -> Vec<String> {
        let lines = self.lines.lock().expect("nobody panics with it");
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

struct Listener(Arc<Mutex<Vec<String>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("divider")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().expect("nobody panics with it").push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
