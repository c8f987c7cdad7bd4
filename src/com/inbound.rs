//! A [`SyncProgressCallback`] as a COM object, for hosts written in Rust and for checks of foreign
//! providers.

use std::ffi::c_void;
use std::fmt;
use std::sync::{Arc, Mutex};

use windows_core::{IUnknown, Interface, InterfaceRef};

use super::abi::{Callee, Object};
use super::block::block_on;
use super::guard;
use super::queue::{Queue, Queued};
use super::thread::LiveObject;
use crate::lock::lock;
use crate::{CallbackUnknown, HResult, RawEvent, Runtime, SyncProgressCallback};

/// A host's callback as a COM object, for `MAPISIB::punkCallBack`.
///
/// Its identity and its `IMAPISyncProgressCallback` are different pointers, so a provider must ask
/// for the interface, as it must with Outlook. Each QueryInterface is forwarded to the
/// [`CallbackUnknown`], and every reference that COM counts is one of its
/// [`CallbackRef`](crate::CallbackRef)s, so a monitor of those observes what a foreign provider
/// does with its references. A Release too many does not destroy the object.
///
/// A call after the last Release still goes through, so that the contract monitor observes it.
#[derive(Clone)]
pub struct Inbound {
    object: Arc<Object<Host>>,
}

impl Inbound {
    /// Each call runs on the thread that makes it, and returns the callback's answer. A callback
    /// that waits makes the caller wait, so it must not wait for something that only the calling
    /// thread can do.
    #[must_use]
    pub fn direct(unknown: Arc<dyn CallbackUnknown>) -> Self {
        Self::new(unknown, None)
    }

    /// Calls are copied into a queue and answered with `S_OK` at once; a task on `runtime` makes
    /// them. A Done closes the queue: later calls are answered with [`HResult::E_UNEXPECTED`] and
    /// dropped. When the queue is full, a Progress replaces the Progress before it (a NULL text
    /// keeps the earlier text); Error and Done are never merged.
    ///
    /// # Errors
    ///
    /// The failure of the runtime to make a task, or of `unknown` to answer the interface.
    pub fn queued(
        unknown: Arc<dyn CallbackUnknown>,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Self, HResult> {
        let queue = Queue::start(unknown.query_interface()?, runtime)?;
        Ok(Self::new(unknown, Some(queue)))
    }

    fn new(unknown: Arc<dyn CallbackUnknown>, queue: Option<Queue>) -> Self {
        Self {
            object: Object::new(Host {
                unknown,
                queue,
                references: Mutex::default(),
                before_call: None,
                _live: LiveObject::new(),
            }),
        }
    }

    /// The same callback, which runs `before_call` at the beginning of each call.
    pub(crate) fn with_before_call(
        mut self,
        before_call: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        // Nobody has a pointer yet, so this is the only owner.
        if let Some(host) = self.object.callee_mut() {
            host.before_call = Some(Box::new(before_call));
        }
        self
    }

    /// The object's identity, with one reference.
    #[must_use]
    pub fn to_unknown(&self) -> IUnknown {
        self.object.to_unknown()
    }

    /// The object's identity, without a reference: valid as long as `self`.
    #[must_use]
    pub fn as_raw(&self) -> *mut c_void {
        self.to_ref().as_raw()
    }

    pub(crate) fn to_ref(&self) -> InterfaceRef<'_, IUnknown> {
        self.object.to_ref()
    }

    /// How many references COM counts.
    #[must_use]
    pub fn references(&self) -> usize {
        self.object.callee().references()
    }

    /// How often Release was called without a reference to give back.
    #[must_use]
    pub fn released_too_often(&self) -> usize {
        lock(&self.object.callee().references).too_often
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("references", &self.references()).finish_non_exhaustive()
    }
}

/// The target of the calls.
struct Host {
    unknown: Arc<dyn CallbackUnknown>,
    queue: Option<Queue>,
    references: Mutex<References>,
    before_call: Option<Box<dyn Fn() + Send + Sync>>,
    _live: LiveObject,
}

#[derive(Default)]
struct References {
    /// All references that COM counts. Together they own one `Arc` of the object.
    count: usize,
    too_often: usize,
    /// Those that were forwarded to the callback: all since the interface was given out.
    forwarded: usize,
    /// Set when the interface is first given out, and kept for calls that come without a
    /// reference.
    callback: Option<Arc<dyn SyncProgressCallback>>,
}

impl Host {
    fn callback(&self) -> Option<Arc<dyn SyncProgressCallback>> {
        lock(&self.references).callback.clone()
    }

    fn call(
        &self,
        queued: impl FnOnce() -> Queued,
        direct: impl FnOnce(&dyn SyncProgressCallback) -> HResult,
    ) -> HResult {
        let answer = guard::contain(|| {
            if let Some(before_call) = &self.before_call {
                before_call();
            }
            if let Some(queue) = &self.queue {
                return queue.push(queued());
            }
            self.callback().map_or(HResult::E_UNEXPECTED, |callback| direct(&*callback))
        });
        answer.unwrap_or(HResult::E_UNEXPECTED)
    }
}

impl Callee for Host {
    fn query(&self) -> Result<usize, HResult> {
        let asked = guard::contain(|| self.unknown.query_interface());
        let callback = asked.unwrap_or(Err(HResult::E_UNEXPECTED))?.into_callback();
        let mut references = lock(&self.references);
        references.count += 1;
        // QueryInterface has forwarded this reference already.
        references.forwarded += 1;
        let (count, earlier) = (references.count, references.callback.replace(callback));
        // The host's code runs without our lock.
        drop(references);
        guard::contain(move || drop(earlier));
        Ok(count)
    }

    fn add_ref(&self) -> usize {
        let (count, callback) = {
            let mut references = lock(&self.references);
            references.count += 1;
            // Before the interface is given out there is no callback to forward to.
            references.forwarded += usize::from(references.callback.is_some());
            (references.count, references.callback.clone())
        };
        if let Some(callback) = callback {
            guard::contain(move || callback.add_ref());
        }
        count
    }

    fn release(&self) -> Option<usize> {
        let (left, callback) = {
            let mut references = lock(&self.references);
            let Some(left) = references.count.checked_sub(1) else {
                references.too_often += 1;
                let callback = references.callback.clone();
                drop(references);
                // Forwarded, so that a monitor of the callback observes it.
                guard::contain(|| callback.map(|callback| callback.release()));
                return None;
            };
            references.count = left;
            // References count alike: those that were not forwarded are given back first.
            let forwards = references.forwarded > left;
            references.forwarded = references.forwarded.min(left);
            (left, references.callback.clone().filter(|_| forwards))
        };
        if let Some(callback) = callback {
            guard::contain(move || callback.release());
        }
        Some(left)
    }

    fn references(&self) -> usize {
        lock(&self.references).count
    }

    fn progress(&self, text: Option<String>, index: u32, max: u32) -> HResult {
        self.call(
            || Queued::Progress { text: text.clone(), index, max },
            |callback| block_on(callback.progress(text.as_deref(), index, max)),
        )
    }

    fn error(&self, code: HResult, text: Option<String>) -> HResult {
        self.call(
            || Queued::Error { code, text: text.clone() },
            |callback| block_on(callback.error(code, text.as_deref())),
        )
    }

    fn done(&self, event: RawEvent, status: HResult) -> HResult {
        self.call(
            || Queued::Done { event, status },
            |callback| block_on(callback.done(event, status)),
        )
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::CallbackRef;
    use crate::callback::KnownCallback;
    use crate::com::abi::IMAPISyncProgressCallback;
    use crate::com::{live_objects, query_callback};

    #[derive(Default)]
    struct Recording {
        calls: Mutex<Vec<String>>,
        references: Mutex<isize>,
    }

    #[async_trait]
    impl SyncProgressCallback for Recording {
        async fn progress(&self, text: Option<&str>, index: u32, max: u32) -> HResult {
            lock(&self.calls).push(format!("Progress({text:?}, {index}, {max})"));
            HResult::MAPI_W_CANCEL_MESSAGE
        }

        async fn error(&self, result: HResult, text: Option<&str>) -> HResult {
            lock(&self.calls).push(format!("Error({result}, {text:?})"));
            assert_ne!(text, Some("panic"), "as asked");
            HResult::from_bits(0x8123_4567)
        }

        async fn done(&self, event: RawEvent, status: HResult) -> HResult {
            lock(&self.calls).push(format!("Done({event}, {status})"));
            HResult::S_OK
        }

        fn add_ref(&self) {
            *lock(&self.references) += 1;
        }

        fn release(&self) {
            *lock(&self.references) -= 1;
        }
    }

    fn inbound(host: &Arc<Recording>) -> Inbound {
        Inbound::direct(Arc::new(KnownCallback(Arc::clone(host) as _)))
    }

    #[test]
    fn outbound_to_inbound_and_back_keeps_texts_and_codes() {
        let host = Arc::new(Recording::default());
        let inbound = inbound(&host);
        let callback = query_callback(&inbound.to_unknown()).expect("the interface");
        assert_eq!(
            block_on(callback.progress(Some("Grüße \u{1F4EC}"), 1, 2)),
            HResult::MAPI_W_CANCEL_MESSAGE
        );
        assert_eq!(block_on(callback.progress(None, u32::MAX, 0)), HResult::MAPI_W_CANCEL_MESSAGE);
        assert_eq!(
            block_on(callback.error(HResult::MAPI_E_NETWORK_ERROR, Some(""))),
            HResult::from_bits(0x8123_4567)
        );
        assert_eq!(block_on(callback.error(HResult::S_OK, Some("panic"))), HResult::E_UNEXPECTED);
        let event = RawEvent::from_value(0x1234);
        assert_eq!(block_on(callback.done(event, HResult::S_OK)), HResult::S_OK);
        assert_eq!(
            *lock(&host.calls),
            [
                "Progress(Some(\"Grüße \u{1F4EC}\"), 1, 2)".to_owned(),
                format!("Progress(None, {}, 0)", u32::MAX),
                "Error(MAPI_E_NETWORK_ERROR (0x80040115), Some(\"\"))".to_owned(),
                format!("Error({}, Some(\"panic\"))", HResult::S_OK),
                format!("Done(event 0x1234, {})", HResult::S_OK),
            ]
        );
        drop(callback);
        assert_eq!(inbound.references(), 0);
        assert_eq!(*lock(&host.references), 0);
    }

    #[test]
    fn references_are_counted_one_for_one() {
        let host = Arc::new(Recording::default());
        let inbound = inbound(&host);
        let unknown = inbound.to_unknown();
        assert_eq!((inbound.references(), *lock(&host.references)), (1, 0));
        let interface: IMAPISyncProgressCallback = unknown.cast().expect("the interface");
        assert_eq!((inbound.references(), *lock(&host.references)), (2, 1));
        let second = interface.clone();
        assert_eq!((inbound.references(), *lock(&host.references)), (3, 2));
        assert_eq!(second.cast::<IUnknown>().expect("the identity"), unknown);
        drop((interface, second, unknown));
        assert_eq!((inbound.references(), *lock(&host.references)), (0, 0));
        assert_eq!(inbound.released_too_often(), 0);
    }

    #[test]
    fn identity_reference_is_not_forwarded_to_callback() {
        let host = Arc::new(Recording::default());
        let inbound = inbound(&host);
        // As providers do that hold the unknown until they have queried it.
        let unknown = inbound.to_unknown();
        let interface: IMAPISyncProgressCallback = unknown.cast().expect("the interface");
        drop(unknown);
        assert_eq!((inbound.references(), *lock(&host.references)), (1, 1));
        drop(interface);
        assert_eq!((inbound.references(), *lock(&host.references)), (0, 0));
    }

    #[test]
    fn a_release_too_many_is_counted_and_does_no_harm() {
        let host = Arc::new(Recording::default());
        let inbound = inbound(&host);
        assert_eq!(inbound.object.release_too_often(), 0);
        assert_eq!(inbound.released_too_often(), 1);
        drop(inbound.to_unknown());
        assert_eq!(Arc::strong_count(&inbound.object), 1);
    }

    #[test]
    fn the_object_lives_as_long_as_its_last_reference() {
        let host = Arc::new(Recording::default());
        let inbound = inbound(&host);
        let unknown = inbound.to_unknown();
        drop(inbound);
        assert!(live_objects() >= 1);
        let callback = query_callback(&unknown).expect("the interface");
        drop(unknown);
        assert_eq!(block_on(callback.done(RawEvent::NULL, HResult::S_OK)), HResult::S_OK);
        drop(callback);
        assert_eq!(Arc::strong_count(&host), 1);
    }

    struct PanicsInDrop(Arc<Recording>);

    impl CallbackUnknown for PanicsInDrop {
        fn query_interface(&self) -> Result<CallbackRef, HResult> {
            Ok(CallbackRef::new(Arc::clone(&self.0) as _))
        }
    }

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in the host's drop");
        }
    }

    #[test]
    fn the_last_release_survives_a_panic_of_the_hosts_drop() {
        let host = Arc::new(Recording::default());
        let inbound = Inbound::direct(Arc::new(PanicsInDrop(Arc::clone(&host))));
        let callback = query_callback(&inbound.to_unknown()).expect("the interface");
        drop(inbound);
        assert_eq!(block_on(callback.done(RawEvent::NULL, HResult::S_OK)), HResult::S_OK);
        drop(callback);
        assert_eq!(Arc::strong_count(&host), 1);
        assert_eq!(*lock(&host.references), 0);
    }

    struct Refuses(HResult);

    impl CallbackUnknown for Refuses {
        fn query_interface(&self) -> Result<CallbackRef, HResult> {
            Err(self.0)
        }
    }

    #[test]
    fn a_refusal_comes_through_unchanged() {
        for code in [HResult::E_NOINTERFACE, HResult::from_bits(0x8123_4567)] {
            let inbound = Inbound::direct(Arc::new(Refuses(code)));
            assert_eq!(query_callback(&inbound.to_unknown()).expect_err("refused"), code);
            assert_eq!(inbound.references(), 0);
        }
    }
}
