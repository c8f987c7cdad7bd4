//! A [`SyncProgressCallback`] as a COM object, for hosts written in Rust and for checking providers that are not.

use std::ffi::c_void;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};

use windows_core::{
    ComObject, ComObjectInner, GUID, HRESULT, IUnknown, IUnknown_Vtbl, IUnknownImpl, Interface,
};

use super::abi::{
    IMAPISyncProgressCallback, IMAPISyncProgressCallback_Impl, IMAPISyncProgressCallback_Vtbl,
};
use super::block::block_on;
use super::queue::{Queue, Queued};
use super::thread::LiveObject;
use super::{guard, utf16};
use crate::event::lock;
use crate::{CallbackRef, CallbackUnknown, HResult, RawEvent, Runtime, SyncProgressCallback};

/// A host's callback as a COM object: what goes into `MAPISIB::punkCallBack`.
///
/// Its identity and its `IMAPISyncProgressCallback` are different pointers, so a provider has to ask for the interface, as
/// it has to with Outlook. Each QueryInterface is put to the [`CallbackUnknown`], and every reference that COM counts is
/// one of its [`CallbackRef`]s, so whoever watches those sees what a foreign provider does with its references. The object
/// survives a Release too many.
///
/// A call after the last Release still goes through, for the contract to see.
#[derive(Clone)]
pub struct Inbound {
    object: Arc<InboundObject>,
}

impl Inbound {
    /// Calls come straight through, each on the thread that makes it, and are answered with what the callback answers. A
    /// callback that waits makes the caller wait: it must not wait for something that only the calling thread can do.
    #[must_use]
    pub fn direct(unknown: Arc<dyn CallbackUnknown>) -> Self {
        Self::new(unknown, None)
    }

    /// Calls are copied into a queue and answered with `S_OK` at once; a task on `runtime` makes them. A Done closes the
    /// queue: what comes after it is answered with [`HResult::E_UNEXPECTED`] and goes nowhere. Under pressure, one
    /// Progress takes the place of the one before it (a NULL text keeps the earlier text); Error and Done never give way.
    ///
    /// # Errors
    ///
    /// When the runtime has no task to give, or `unknown` refuses the interface.
    pub fn queued(
        unknown: Arc<dyn CallbackUnknown>,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Self, HResult> {
        let queue = Queue::start(unknown.query_interface()?, runtime)?;
        Ok(Self::new(unknown, Some(queue)))
    }

    fn new(unknown: Arc<dyn CallbackUnknown>, queue: Option<Queue>) -> Self {
        let object = InboundObject {
            identity: &IDENTITY,
            interface: &INTERFACE,
            unknown,
            queue,
            references: Mutex::default(),
            before_call: None,
            _live: LiveObject::new(),
        };
        Self { object: Arc::new(object) }
    }

    /// The same callback, with something to do at the beginning of each call.
    pub(crate) fn with_before_call(
        mut self,
        before_call: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        // Nobody has a pointer yet, so there is exactly one owner.
        if let Some(object) = Arc::get_mut(&mut self.object) {
            object.before_call = Some(Box::new(before_call));
        }
        self
    }

    /// The object's identity, with one reference.
    #[must_use]
    pub fn to_unknown(&self) -> IUnknown {
        self.object.AddRef();
        // SAFETY: an object that starts with an IUnknown table, with the reference just taken.
        unsafe { IUnknown::from_raw(self.as_raw()) }
    }

    /// The object's identity, without a reference: good for as long as `self`.
    #[must_use]
    pub fn as_raw(&self) -> *mut c_void {
        Arc::as_ptr(&self.object).cast_mut().cast()
    }

    /// How many references COM counts.
    #[must_use]
    pub fn references(&self) -> usize {
        lock(&self.object.references).count
    }

    /// How often Release was called without a reference to give back.
    #[must_use]
    pub fn released_too_often(&self) -> usize {
        lock(&self.object.references).too_often
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("references", &self.references()).finish_non_exhaustive()
    }
}

static IDENTITY: IUnknown_Vtbl = IUnknown_Vtbl::new::<InboundObject, 0>();
static INTERFACE: IMAPISyncProgressCallback_Vtbl =
    IMAPISyncProgressCallback_Vtbl::new::<InboundObject, -1>();

/// What the COM pointers point to: the first field, or the second.
#[repr(C)]
struct InboundObject {
    identity: &'static IUnknown_Vtbl,
    interface: &'static IMAPISyncProgressCallback_Vtbl,
    unknown: Arc<dyn CallbackUnknown>,
    queue: Option<Queue>,
    references: Mutex<References>,
    before_call: Option<Box<dyn Fn() + Send + Sync>>,
    _live: LiveObject,
}

#[derive(Default)]
struct References {
    /// All that COM counts. While there are any, they own one `Arc` of the object together.
    count: usize,
    too_often: usize,
    /// Those of them that the callback knows of: all since the interface was given out.
    told: usize,
    /// Set when the interface is first given out, and kept for calls that come without a reference.
    callback: Option<Arc<dyn SyncProgressCallback>>,
}

impl InboundObject {
    fn callback(&self) -> Option<Arc<dyn SyncProgressCallback>> {
        lock(&self.references).callback.clone()
    }

    fn call(
        &self,
        queued: impl FnOnce() -> Queued,
        direct: impl FnOnce(&dyn SyncProgressCallback) -> HResult,
    ) -> HRESULT {
        let answer = guard::contain(|| {
            if let Some(before_call) = &self.before_call {
                before_call();
            }
            if let Some(queue) = &self.queue {
                return queue.push(queued());
            }
            self.callback().map_or(HResult::E_UNEXPECTED, |callback| direct(&*callback))
        });
        HRESULT(answer.unwrap_or(HResult::E_UNEXPECTED).as_i32())
    }
}

impl IMAPISyncProgressCallback_Impl for InboundObject {
    unsafe fn Progress(&self, text: *const u16, index: u32, max: u32) -> HRESULT {
        // SAFETY: NULL or terminated, as the caller promises.
        let text = unsafe { utf16::copy(text) };
        self.call(
            || Queued::Progress { text: text.clone(), index, max },
            |callback| block_on(callback.progress(text.as_deref(), index, max)),
        )
    }

    unsafe fn Error(&self, result: HRESULT, text: *const u16) -> HRESULT {
        // SAFETY: NULL or terminated, as the caller promises.
        let text = unsafe { utf16::copy(text) };
        let code = HResult::from_i32(result.0);
        self.call(
            || Queued::Error { code, text: text.clone() },
            |callback| block_on(callback.error(code, text.as_deref())),
        )
    }

    fn Done(&self, event: *mut c_void, result: HRESULT) -> HRESULT {
        let event = RawEvent::from_value(event.addr());
        let status = HResult::from_i32(result.0);
        self.call(
            || Queued::Done { event, status },
            |callback| block_on(callback.done(event, status)),
        )
    }
}

impl IUnknownImpl for InboundObject {
    type Impl = Self;

    fn get_impl(&self) -> &Self {
        self
    }

    fn get_impl_mut(&mut self) -> &mut Self {
        self
    }

    fn into_inner(self) -> Self {
        self
    }

    unsafe fn QueryInterface(&self, iid: *const GUID, object: *mut *mut c_void) -> HRESULT {
        if iid.is_null() || object.is_null() {
            return HRESULT(HResult::E_POINTER.as_i32());
        }
        // SAFETY: valid for a read, by the rules of QueryInterface.
        let iid = unsafe { iid.read_unaligned() };
        let (answer, found) = if iid == IUnknown::IID {
            self.AddRef();
            (HResult::S_OK, (&raw const self.identity).cast::<c_void>())
        } else if iid == IMAPISyncProgressCallback::IID {
            let asked = guard::contain(|| self.unknown.query_interface());
            match asked.unwrap_or(Err(HResult::E_UNEXPECTED)) {
                Ok(reference) => {
                    self.adopt(reference);
                    (HResult::S_OK, (&raw const self.interface).cast::<c_void>())
                }
                Err(code) => (code, ptr::null()),
            }
        } else {
            (HResult::E_NOINTERFACE, ptr::null())
        };
        // SAFETY: valid for a write, by the rules of QueryInterface.
        unsafe { object.write_unaligned(found.cast_mut()) };
        HRESULT(answer.as_i32())
    }

    fn AddRef(&self) -> u32 {
        let (count, callback) = self.count_one();
        if let Some(callback) = callback {
            // The host's own code runs without our lock.
            guard::contain(|| callback.add_ref());
        }
        count
    }

    unsafe fn Release(this: *mut Self) -> u32 {
        // SAFETY: the caller gives back a reference, so the object is alive; one without a reference (a Release too many)
        // is covered by whoever owns the `Inbound`.
        let object = unsafe { &*this };
        let (left, callback) = {
            let mut references = lock(&object.references);
            let Some(left) = references.count.checked_sub(1) else {
                references.too_often += 1;
                let callback = references.callback.clone();
                drop(references);
                // Whoever watches the callback hears of it.
                guard::contain(|| callback.map(|callback| callback.release()));
                return 0;
            };
            references.count = left;
            let told = references.told.checked_sub(1);
            references.told = told.unwrap_or(0);
            (left, told.and_then(|_| references.callback.clone()))
        };
        if let Some(callback) = callback {
            guard::contain(move || callback.release());
        }
        if left == 0 {
            // SAFETY: the references together owned one `Arc`, made by `count_one`; they are all gone now.
            let owner = unsafe { Arc::from_raw(this.cast_const()) };
            // The last owner's drop runs the host's own.
            guard::contain(move || drop(owner));
        }
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    fn is_reference_count_one(&self) -> bool {
        lock(&self.references).count == 1
    }

    unsafe fn GetTrustLevel(&self, _value: *mut i32) -> HRESULT {
        // Belongs to IInspectable, which this object is not.
        HRESULT(HResult::E_NOINTERFACE.as_i32())
    }

    fn to_object(&self) -> ComObject<Self> {
        self.AddRef();
        // SAFETY: alive, and with the reference just taken.
        unsafe { ComObject::from_raw(NonNull::from(self)) }
    }
}

impl ComObjectInner for InboundObject {
    type Outer = Self;

    fn into_object(self) -> ComObject<Self> {
        Arc::new(self).to_object()
    }
}

impl InboundObject {
    /// One more reference that COM counts; also the callback, if it is to be told.
    fn count_one(&self) -> (u32, Option<Arc<dyn SyncProgressCallback>>) {
        let mut references = lock(&self.references);
        references.count += 1;
        if references.count == 1 {
            // SAFETY: every `InboundObject` lives in an `Arc`, and is alive: somebody is calling it. This takes the one
            // strong count that the COM references own together.
            unsafe { Arc::increment_strong_count(self) };
        }
        references.told += usize::from(references.callback.is_some());
        (u32::try_from(references.count).unwrap_or(u32::MAX), references.callback.clone())
    }

    /// A reference that QueryInterface gives out. The callback knows of it already.
    fn adopt(&self, reference: CallbackRef) {
        let callback = reference.into_callback();
        self.count_one();
        let mut references = lock(&self.references);
        references.told += usize::from(references.callback.is_none());
        references.callback = Some(callback);
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::callback::KnownCallback;
    use crate::com::{live_objects, query_callback};

    #[derive(Default)]
    struct Host {
        calls: Mutex<Vec<String>>,
        references: Mutex<isize>,
    }

    #[async_trait]
    impl SyncProgressCallback for Host {
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

    fn inbound(host: &Arc<Host>) -> Inbound {
        Inbound::direct(Arc::new(KnownCallback(Arc::clone(host) as _)))
    }

    #[test]
    fn outbound_to_inbound_and_back_keeps_texts_and_codes() {
        let host = Arc::new(Host::default());
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
        let host = Arc::new(Host::default());
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
    fn a_release_too_many_is_counted_and_survived() {
        let host = Arc::new(Host::default());
        let inbound = inbound(&host);
        let release = IDENTITY.Release;
        // SAFETY: the object is alive: `inbound` owns it.
        assert_eq!(unsafe { release(inbound.as_raw()) }, 0);
        assert_eq!(inbound.released_too_often(), 1);
        drop(inbound.to_unknown());
        assert_eq!(Arc::strong_count(&inbound.object), 1);
    }

    #[test]
    fn the_object_lives_as_long_as_its_last_reference() {
        let host = Arc::new(Host::default());
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

    struct Refuses(HResult);

    impl CallbackUnknown for Refuses {
        fn query_interface(&self) -> Result<CallbackRef, HResult> {
            Err(self.0)
        }
    }

    #[test]
    fn a_refusal_comes_through_untouched() {
        for code in [HResult::E_NOINTERFACE, HResult::from_bits(0x8123_4567)] {
            let inbound = Inbound::direct(Arc::new(Refuses(code)));
            assert_eq!(query_callback(&inbound.to_unknown()).expect_err("refused"), code);
            assert_eq!(inbound.references(), 0);
        }
    }
}
