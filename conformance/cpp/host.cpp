// A host like Outlook: it gives the provider a MAPISIB, takes the callbacks on any thread, waits for the event and closes
// its handle. On request it makes every mistake that a provider must cope with.

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "ffi.h"
#include "platform.h"

using namespace mapi;

namespace {

class SpinLock {
  public:
    void lock() {
        while (flag_.test_and_set(std::memory_order_acquire)) platform::sleep(0);
    }
    void unlock() { flag_.clear(std::memory_order_release); }

  private:
    std::atomic_flag flag_ = ATOMIC_FLAG_INIT;
};

class Locked {
  public:
    explicit Locked(SpinLock &lock) : lock_(lock) { lock_.lock(); }
    ~Locked() { lock_.unlock(); }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;

  private:
    SpinLock &lock_;
};

struct Run;

// One sync's callback. Its identity (the IUnknown handed over in the MAPISIB) and its interface are different pointers,
// as in any object with two bases: a provider that skips QueryInterface calls the wrong vtable.
class Callback final {
  public:
    Callback(Run &run, std::uint32_t sync) : run_(run), sync_(sync) {
        identity_.owner = this;
        interface_.owner = this;
    }

    IUnknown *identity() { return &identity_; }

    struct Identity final : IUnknown {
        Callback *owner = nullptr;
        HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override { return owner->query(iid, object); }
        ULONG MAPI_CALL AddRef() override { return owner->add_ref(); }
        ULONG MAPI_CALL Release() override { return owner->release(); }
    };

    struct Interface final : IMAPISyncProgressCallback {
        Callback *owner = nullptr;
        HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override { return owner->query(iid, object); }
        ULONG MAPI_CALL AddRef() override { return owner->add_ref(); }
        ULONG MAPI_CALL Release() override { return owner->release(); }
        HRESULT MAPI_CALL Progress(const WCHAR *text, ULONG index, ULONG max) override {
            return owner->progress(text, index, max);
        }
        HRESULT MAPI_CALL Error(HRESULT result, const WCHAR *text) override { return owner->error(result, text); }
        HRESULT MAPI_CALL Done(HANDLE event, HRESULT result) override { return owner->done(event, result); }
    };

    HRESULT query(const GUID &iid, void **object);
    ULONG add_ref();
    ULONG release();
    HRESULT progress(const WCHAR *text, ULONG index, ULONG max);
    HRESULT error(HRESULT result, const WCHAR *text);
    HRESULT done(HANDLE event, HRESULT result);

    // The provider's references: the host's own one is not counted here. The object lives as long as its Run, so a
    // provider that releases too often is caught instead of crashing the test.
    std::atomic<std::int32_t> references{0};
    std::atomic<std::int32_t> references_most{0};
    std::atomic<std::uint32_t> called_without_reference{0};
    std::atomic<std::uint32_t> released_too_often{0};
    std::atomic<std::uint32_t> dones{0};
    std::atomic<std::uint32_t> calls_after_done{0};
    std::atomic<std::uint32_t> overlapping{0};
    std::atomic<std::uint32_t> signalled_in_done{0};
    std::atomic<std::int32_t> in_flight{0};
    std::atomic<bool> done_returned{false};
    // Provider's own out-pointer lives here: it must stay valid for the whole start.
    HANDLE published = nullptr;
    std::atomic<bool> handle_given{false};
    std::atomic<bool> closed{false};
    std::atomic<std::uint32_t> close_failed{0};

    void close(HANDLE event) {
        if (!platform::close(event)) close_failed++;
        closed = true;
    }

  private:
    void entered();
    void tell(const HostCall &call);

    Run &run_;
    std::uint32_t sync_;
    Identity identity_;
    Interface interface_;
};

// Providers hold a session and pass it on: only its references matter here.
class Session final : public IUnknown {
  public:
    HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override {
        if (iid == IID_IUnknown) {
            *object = this;
            AddRef();
            return S_OK_;
        }
        *object = nullptr;
        return E_NOINTERFACE_;
    }
    ULONG MAPI_CALL AddRef() override {
        if (throws_in_add_ref) throw std::runtime_error("thrown from AddRef");
        return static_cast<ULONG>(++references) + 1;
    }
    ULONG MAPI_CALL Release() override {
        ULONG left = static_cast<ULONG>(--references) + 1;
        if (throws_in_release) throw std::runtime_error("thrown from Release");
        return left;
    }

    std::atomic<std::int32_t> references{0};
    bool throws_in_add_ref = false;
    bool throws_in_release = false;
};

const HANDLE unchanged = reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(0x0DDBA11));

struct Run {
    HostPlan plan;
    IUnknown *store;
    HostSink sink;
    void *context;
    SpinLock telling;
    std::atomic<std::int32_t> second_start{1};
    std::atomic<bool> reentered{false};
    Session session;
    Callback first;
    Callback second;

    Run(const HostPlan &plan, IUnknown *store, HostSink sink, void *context)
        : plan(plan), store(store), sink(sink), context(context), first(*this, 0), second(*this, 1) {
        session.throws_in_add_ref = has(HOST_THROWS_IN_SESSION_ADD_REF);
        session.throws_in_release = has(HOST_THROWS_IN_SESSION_RELEASE);
    }

    bool has(std::uint64_t fault) const { return (plan.faults & fault) != 0; }

    HRESULT start(Callback &callback, std::uint64_t faults) {
        IMAPISync *sync = nullptr;
        HRESULT queried = store->QueryInterface(IID_IMAPISync, reinterpret_cast<void **>(&sync));
        if (failed(queried)) return queried;
        callback.published = unchanged;
        struct {
            MAPISIB sib;
            unsigned char tail[16];
        } block;
        for (auto &byte : block.tail) byte = 0xA5;
        MAPISIB &sib = block.sib;
        sib.ulSize = sizeof(MAPISIB);
        if (faults & HOST_SIZE_TOO_SMALL) sib.ulSize = sizeof(MAPISIB) - 1;
        if (faults & HOST_SIZE_ZERO) sib.ulSize = 0;
        if (faults & HOST_SIZE_LARGER) sib.ulSize = sizeof(block);
        sib.ulFlags = plan.flags;
        auto *as_session = reinterpret_cast<IMAPISession *>(static_cast<IUnknown *>(&session));
        sib.psesSync = (faults & HOST_NULL_SESSION) ? nullptr : as_session;
        sib.punkCallBack = (faults & HOST_NULL_CALLBACK) ? nullptr : callback.identity();
        sib.phSyncDoneEvent = (faults & HOST_NULL_EVENT_POINTER) ? nullptr : &callback.published;
        HRESULT started = sync->SynchronizeInBackground((faults & HOST_NULL_MAPISIB) ? nullptr : &sib);
        if (faults & HOST_SCRIBBLES) {
            for (std::size_t i = 0; i < sizeof(block); ++i) reinterpret_cast<volatile unsigned char *>(&block)[i] = 0xCC;
        }
        sync->Release();
        return started;
    }

    // Whether Done came in time and, where the host waits, the event after it.
    bool finish(Callback &callback, HostReport *report) {
        std::uint64_t limit = platform::now() + std::uint64_t(plan.patience_ms) * 1000000;
        while (!callback.done_returned && platform::now() < limit) platform::sleep(1);
        bool in_time = callback.done_returned;
        if (callback.closed) return in_time;
        HANDLE event = callback.published;
        if (event == unchanged || event == nullptr) return in_time;
        if (!has(HOST_NEVER_WAITS)) {
            std::uint32_t patience = in_time ? plan.patience_ms : 0;
            switch (platform::wait(event, patience)) {
                case platform::Waited::signalled: report->signalled++; break;
                case platform::Waited::timed_out: in_time = false; break;
                case platform::Waited::invalid: callback.close_failed++; callback.closed = true; return in_time;
            }
        }
        callback.close(event);
        return in_time;
    }
};

HRESULT Callback::query(const GUID &iid, void **object) {
    if (run_.has(HOST_THROWS_IN_QUERY)) throw std::runtime_error("thrown from QueryInterface");
    if (iid == IID_IUnknown) {
        *object = &identity_;
    } else if (iid == IID_IMAPISyncProgressCallback && !run_.has(HOST_NO_INTERFACE | HOST_NULL_INTERFACE)) {
        *object = &interface_;
    } else {
        *object = nullptr;
        return run_.has(HOST_NULL_INTERFACE) ? S_OK_ : E_NOINTERFACE_;
    }
    add_ref();
    return S_OK_;
}

ULONG Callback::add_ref() {
    std::int32_t now = ++references;
    std::int32_t most = references_most;
    while (now > most && !references_most.compare_exchange_weak(most, now)) {
    }
    return static_cast<ULONG>(now) + 1;
}

ULONG Callback::release() {
    std::int32_t now = --references;
    if (now < 0) released_too_often++;
    if (run_.has(HOST_THROWS_IN_RELEASE)) throw std::runtime_error("thrown from Release");
    return static_cast<ULONG>(now) + 1;
}

void Callback::entered() {
    if (references <= 0) called_without_reference++;
    if (in_flight.fetch_add(1) > 0) overlapping++;
    if (done_returned || dones > 0) calls_after_done++;
}

void Callback::tell(const HostCall &call) {
    Locked guard(run_.telling);
    run_.sink(run_.context, &call);
}

std::uint32_t length(const WCHAR *text) {
    std::uint32_t units = 0;
    if (text)
        while (text[units]) ++units;
    return units;
}

HRESULT Callback::progress(const WCHAR *text, ULONG index, ULONG max) {
    entered();
    tell({CALL_PROGRESS, sync_, index, max, 0, text, length(text), 0, platform::thread_id()});
    bool is_first = sync_ == 0 && !run_.reentered.exchange(true);
    if (is_first && run_.has(HOST_STARTS_IN_PROGRESS)) run_.second_start = run_.start(run_.second, 0);
    if (is_first && run_.has(HOST_BLOCKS_IN_PROGRESS)) platform::sleep(run_.plan.block_ms);
    in_flight--;
    if (run_.has(HOST_THROWS_IN_PROGRESS)) throw std::runtime_error("thrown from Progress");
    return run_.has(HOST_PROGRESS_FAILS) ? run_.plan.failure : S_OK_;
}

HRESULT Callback::error(HRESULT result, const WCHAR *text) {
    entered();
    tell({CALL_ERROR, sync_, 0, 0, result, text, length(text), 0, platform::thread_id()});
    in_flight--;
    if (run_.has(HOST_THROWS_IN_ERROR)) throw std::runtime_error("thrown from Error");
    return run_.has(HOST_ERROR_FAILS) ? run_.plan.failure : S_OK_;
}

HRESULT Callback::done(HANDLE event, HRESULT result) {
    entered();
    dones++;
    std::uint32_t handle = event == nullptr ? 0 : event == published ? 1 : 2;
    tell({CALL_DONE, sync_, 0, 0, result, nullptr, 0, handle, platform::thread_id()});
    if (published != unchanged && published != nullptr &&
        platform::wait(published, 0) == platform::Waited::signalled)
        signalled_in_done++;
    if (sync_ == 0 && run_.has(HOST_BLOCKS_IN_DONE)) platform::sleep(run_.plan.block_ms);
    if (event && run_.has(HOST_CLOSES_IN_DONE) && !closed) close(event);
    if (sync_ == 0 && run_.has(HOST_STARTS_IN_DONE)) run_.second_start = run_.start(run_.second, 0);
    in_flight--;
    done_returned = true;
    if (run_.has(HOST_THROWS_IN_DONE)) throw std::runtime_error("thrown from Done");
    return run_.has(HOST_DONE_FAILS) ? run_.plan.failure : S_OK_;
}

void ignore(void *, const HostCall *) {}

// Runs stay for the life of the process: a wrong provider may call a callback that it has released.
Run *keep(Run *run) {
    static SpinLock lock;
    // Never destroyed, so that the leak checker can still reach its content.
    static auto *all = new std::vector<Run *>;
    Locked guard(lock);
    all->push_back(run);
    return run;
}

std::uint32_t references_of(IUnknown *object) {
    object->AddRef();
    return object->Release();
}

}  // namespace

extern "C" void cpp_host_run(void *raw, const HostPlan *plan, HostSink sink, void *context, HostReport *report) {
    auto *store = static_cast<IUnknown *>(raw);
    *report = HostReport{};
    report->store_before = references_of(store);
    Run *run = keep(new Run(*plan, store, sink, context));
    std::uint64_t begin = platform::now();
    report->start = run->start(run->first, plan->faults);
    report->held_after_start = run->first.references + run->session.references;
    report->start_ms = static_cast<std::uint32_t>((platform::now() - begin) / 1000000);
    if (run->has(HOST_RELEASES_EARLY)) store->Release();
    report->out_pointer = run->first.published == nullptr ? 0 : run->first.published == unchanged ? 1 : 2;
    bool in_time = true;
    if (!failed(report->start)) {
        in_time = run->finish(run->first, report);
    } else {
        // A provider that answers "failed" must not call: give a wrong one a moment to do so.
        platform::sleep(plan->block_ms < 20 ? plan->block_ms : 20);
    }
    if (run->second_start != 1 && !failed(run->second_start)) in_time = run->finish(run->second, report) && in_time;
    // The last Release comes after the event, from the provider's thread.
    std::uint64_t limit = platform::now() + std::uint64_t(plan->patience_ms) * 1000000;
    while (run->first.references + run->second.references + run->session.references > 0 && platform::now() < limit)
        platform::sleep(1);

    for (Callback *callback : {&run->first, &run->second}) {
        report->dones += callback->dones;
        report->calls_after_done += callback->calls_after_done;
        report->overlapping += callback->overlapping;
        report->signalled_in_done += callback->signalled_in_done;
        report->close_failed += callback->close_failed;
        report->references_left += callback->references;
        if (callback->references_most > report->references_most) report->references_most = callback->references_most;
        report->called_without_reference += callback->called_without_reference;
        report->released_too_often += callback->released_too_often;
    }
    report->second_start = run->second_start;
    report->timed_out = !in_time;
    report->sessions_left = run->session.references;
    if (!run->has(HOST_RELEASES_EARLY)) report->store_after = references_of(store);
    // No report after this: the memory that the caller lent is gone when this returns.
    Locked guard(run->telling);
    run->sink = ignore;
}

extern "C" std::uint32_t cpp_host_soak(void *raw, std::uint32_t count, std::int64_t *references_left) {
    auto *store = static_cast<IUnknown *>(raw);
    HostPlan plan{0, 0, 0, 0, 10000};
    std::uint32_t well = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        Run *run = new Run(plan, store, ignore, nullptr);
        HostReport report{};
        if (!failed(run->start(run->first, 0)) && run->finish(run->first, &report)) {
            while (run->first.references > 0 || run->session.references > 0) platform::sleep(0);
            Callback &callback = run->first;
            if (callback.dones == 1 && callback.calls_after_done == 0 && callback.close_failed == 0 &&
                callback.released_too_often == 0 && callback.signalled_in_done == 0)
                ++well;
            *references_left += callback.references;
            delete run;
        }
    }
    return well;
}

// ---- measuring ------------------------------------------------------------------------------------------------------

namespace {

class Counting final : public IMAPISyncProgressCallback {
  public:
    HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override {
        if (iid == IID_IUnknown || iid == IID_IMAPISyncProgressCallback) {
            *object = this;
            AddRef();
            return S_OK_;
        }
        *object = nullptr;
        return E_NOINTERFACE_;
    }
    ULONG MAPI_CALL AddRef() override { return ++references_; }
    ULONG MAPI_CALL Release() override {
        ULONG left = --references_;
        if (left == 0) delete this;
        return left;
    }
    HRESULT MAPI_CALL Progress(const WCHAR *, ULONG, ULONG) override {
        calls.fetch_add(1, std::memory_order_relaxed);
        return S_OK_;
    }
    HRESULT MAPI_CALL Error(HRESULT, const WCHAR *) override { return S_OK_; }
    HRESULT MAPI_CALL Done(HANDLE, HRESULT) override { return S_OK_; }

    std::atomic<std::uint64_t> calls{0};

  private:
    std::atomic<ULONG> references_{1};
};

// UTF-8 to UTF-16 as a careful C++ provider writes it: ill-formed bytes become U+FFFD, the text ends at a NUL.
std::size_t widen(const char *text, std::size_t length, WCHAR *out, std::size_t room) {
    std::size_t written = 0;
    std::size_t at = 0;
    while (at < length && text[at] && written + 2 < room) {
        auto byte = static_cast<unsigned char>(text[at]);
        std::uint32_t point = byte;
        std::size_t more = byte < 0x80 ? 0 : (byte >> 5) == 6 ? 1 : (byte >> 4) == 14 ? 2 : (byte >> 3) == 30 ? 3 : 9;
        if (more == 9 || at + more >= length + (more == 0)) {
            out[written++] = 0xFFFD;
            ++at;
            continue;
        }
        if (more) point = byte & (0x3F >> more);
        for (std::size_t i = 1; i <= more; ++i) point = (point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3F);
        at += more + 1;
        if (point >= 0x10000) {
            point -= 0x10000;
            out[written++] = static_cast<WCHAR>(0xD800 | (point >> 10));
            out[written++] = static_cast<WCHAR>(0xDC00 | (point & 0x3FF));
        } else {
            out[written++] = static_cast<WCHAR>(point);
        }
    }
    out[written] = 0;
    return written;
}

}  // namespace

extern "C" void *cpp_counting_callback() { return static_cast<IUnknown *>(new Counting); }

extern "C" std::uint64_t cpp_counting_calls(void *callback) {
    return static_cast<Counting *>(static_cast<IUnknown *>(callback))->calls;
}

extern "C" std::uint64_t cpp_progress_loop(void *raw, const char *text, std::uint32_t length, std::uint32_t count) {
    void *queried = nullptr;
    static_cast<IUnknown *>(raw)->QueryInterface(IID_IMAPISyncProgressCallback, &queried);
    auto *callback = static_cast<IMAPISyncProgressCallback *>(queried);
    std::uint64_t begin = platform::now();
    for (std::uint32_t i = 0; i < count; ++i) {
        WCHAR wide[256];
        widen(text, length, wide, 256);
        callback->Progress(wide, i, count);
    }
    std::uint64_t took = platform::now() - begin;
    callback->Release();
    return took;
}
