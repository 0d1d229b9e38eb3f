//! Which connection was closed and why, as the server's log says it. The log is written on the
//! thread that simulates, so each thread has its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use cafewire_net::CloseReason;
use cafewire_net::broker::ConnectionId;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A connection by the name that the log has for it, and why it was closed.
pub(crate) type Close = (String, CloseReason);

/// Has the log of this process kept for [`take`].
pub(crate) fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        tracing::subscriber::set_global_default(CloseLog(AtomicU64::new(1))).unwrap();
    });
    take();
}

/// What was closed on this thread since this was asked last.
pub(crate) fn take() -> Vec<Close> {
    THREAD.with_borrow_mut(|thread| std::mem::take(&mut thread.closes))
}

/// Whether a connection is among those that [`take`] would give.
pub(crate) fn has_closed(id: ConnectionId) -> bool {
    THREAD.with_borrow(|thread| {
        !thread.closes.is_empty() && {
            let name = id.to_string();
            thread.closes.iter().any(|(closed, _)| *closed == name)
        }
    })
}

#[derive(Default)]
struct Thread {
    /// The connections that spans are made for.
    spans: HashMap<u64, String>,
    entered: Option<u64>,
    closes: Vec<Close>,
}

thread_local! {
    static THREAD: RefCell<Thread> = RefCell::default();
}

/// Keeps the spans of connections, and what is said within them of a reason.
struct CloseLog(AtomicU64);

impl Subscriber for CloseLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cafewire_net::broker")
            && (metadata.is_span() || metadata.fields().field("reason").is_some())
            // How many there were, of no connection.
            && metadata.fields().field("more").is_none()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut id = Named { name: "id", text: String::new() };
        attributes.record(&mut id);
        THREAD.with_borrow_mut(|thread| thread.spans.insert(number, id.text));
        Id::from_u64(number)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut label = Named { name: "reason", text: String::new() };
        event.record(&mut label);
        let mut reasons = CloseReason::ALL.iter();
        let reason = *reasons.find(|reason| reason.label() == label.text).unwrap();
        THREAD.with_borrow_mut(|thread| {
            // One that was closed before it was a connection is named nowhere.
            let id = thread.entered.and_then(|entered| thread.spans.get(&entered));
            assert!(id.is_some() || reason == CloseReason::UntrustedProxy, "{reason}: of which?");
            let id = id.cloned().unwrap_or_default();
            thread.closes.push((id, reason));
        });
    }

    fn enter(&self, span: &Id) {
        THREAD.with_borrow_mut(|thread| thread.entered = Some(span.into_u64()));
    }

    fn exit(&self, _: &Id) {
        THREAD.with_borrow_mut(|thread| thread.entered = None);
    }

    fn try_close(&self, id: Id) -> bool {
        THREAD.with_borrow_mut(|thread| thread.spans.remove(&id.into_u64()).is_some())
    }
}

/// One field of what the log says, as text.
struct Named {
    name: &'static str,
    text: String,
}

impl Visit for Named {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.name {
            write!(self.text, "{value:?}").unwrap();
        }
    }
}
