//! Events of the crate `tracing` as notes in a time line.
//!
//! They are taken only where the time line is kept, on the thread that runs the execution, and
//! until it ends. Everywhere else they go where they would go anyway.

use std::fmt::{self, Write as _};

use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, Metadata, Subscriber, dispatcher};

use crate::engine;

/// Runs `f` and notes the events of this thread meanwhile.
pub(crate) fn noted<R>(f: impl FnOnce() -> R) -> R {
    dispatcher::with_default(&Dispatch::new(Notes), f)
}

/// Notes each event. Spans are not noted.
struct Notes;

impl Subscriber for Notes {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut text = Text { message: String::new(), fields: String::new() };
        event.record(&mut text);
        let Text { message, fields } = text;
        engine::note(format_args!("{} {}:{message}{fields}", metadata.level(), metadata.target()));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The fields of an event, each after a space, and its message before them.
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing into a string does not fail, but a value may fail to print itself.
        let written = match field.name() {
            "message" => write!(self.message, " {value}"),
            name => write!(self.fields, " {name}={value}"),
        };
        if written.is_err() {
            self.fields.push('…');
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}
