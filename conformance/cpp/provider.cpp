// A store provider written in C++ the classic way: a store object that answers IMAPISync and works on its own thread. One
// form and two variants of it are correct; each of the others breaks one rule of the contract, on purpose.

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "ffi.h"
#include "platform.h"

using namespace mapi;

namespace {

std::atomic<std::uint32_t> live{0};

struct Step {
    std::uint32_t kind;
    ULONG index;
    ULONG max;
    HRESULT result;
    bool has_text;
    std::u16string text;
    std::uint32_t pause_ms;

    const WCHAR *wide() const { return has_text ? text.c_str() : nullptr; }
};

class Store;

// Everything a worker needs, so that it never looks at the MAPISIB again.
struct Work {
    Store *store;
    ProviderForm form;
    std::vector<Step> steps;
    IMAPISyncProgressCallback *callback;
    HANDLE published;
    // Signalled at the end; `published` belongs to the host once Done has it.
    HANDLE signal;
};

void run(void *work);

class Store final : public IMAPISync {
  public:
    Store(ProviderForm form, std::vector<Step> steps) : form_(form), steps_(std::move(steps)) { ++live; }

    HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override {
        if (!object) return E_POINTER_;
        if (iid == IID_IUnknown || iid == IID_IMAPISync) {
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

    HRESULT MAPI_CALL SynchronizeInBackground(MAPISIB *sib) override {
        if (form_ == PROVIDER_CRASHES) {
            volatile int *nowhere = nullptr;
            *nowhere = 1;
        }
        if (!sib || sib->ulSize < sizeof(MAPISIB) || !sib->punkCallBack || !sib->phSyncDoneEvent) return E_INVALIDARG_;
        void *queried = nullptr;
        HRESULT answer = sib->punkCallBack->QueryInterface(IID_IMAPISyncProgressCallback, &queried);
        if (failed(answer)) return answer;
        if (!queried) return E_NOINTERFACE_;
        auto *callback = static_cast<IMAPISyncProgressCallback *>(queried);

        if (form_ == PROVIDER_CALLS_ON_FAILED_START) {
            callback->Progress(u"starting", 0, 1);
            callback->Done(nullptr, MAPI_E_OFFLINE_);
            callback->Release();
            return MAPI_E_OFFLINE_;
        }
        HANDLE event = platform::create_event();
        HANDLE copy = event ? platform::duplicate(event) : nullptr;
        if (!copy) {
            if (event) platform::close(event);
            callback->Release();
            return E_FAIL_;
        }
        if (form_ == PROVIDER_EVENT_ON_FAILED_START) {
            *sib->phSyncDoneEvent = event;
            platform::close(copy);
            callback->Release();
            return MAPI_E_OFFLINE_;
        }
        if (form_ == PROVIDER_LEAKS_EVENT) platform::create_event();
        if (form_ == PROVIDER_NO_EVENT) {
            platform::close(event);
            event = nullptr;
        } else {
            // Before any Done can run.
            *sib->phSyncDoneEvent = event;
        }
        if (form_ == PROVIDER_BORROWS_CALLBACK) callback->Release();

        auto *work = new Work{this, form_, steps_, callback, event, copy};
        AddRef();
        ++live;
        if (form_ == PROVIDER_INLINE) {
            run(work);
        } else if (!platform::start_thread(run, work)) {
            *sib->phSyncDoneEvent = nullptr;
            platform::close(event);
            platform::close(copy);
            callback->Release();
            delete work;
            Release();
            --live;
            return E_FAIL_;
        }
        return S_OK_;
    }

  private:
    ~Store() { --live; }

    std::atomic<ULONG> references_{1};
    ProviderForm form_;
    std::vector<Step> steps_;
};

struct Late {
    IMAPISyncProgressCallback *callback;
    std::atomic<bool> entered{false};
    std::atomic<bool> left{false};
};

void late_progress(void *raw) {
    auto *late = static_cast<Late *>(raw);
    late->entered = true;
    late->callback->Progress(u"still going", 1, 2);
    late->left = true;
}

void run(void *raw) {
    auto *work = static_cast<Work *>(raw);
    IMAPISyncProgressCallback *callback = work->callback;
    bool signalled = false;
    bool over = false;
    bool stuck = work->form == PROVIDER_HANGS;
    Late late{callback};

    while (stuck) platform::sleep(1000);

    for (std::size_t at = 0; at < work->steps.size() && !over; ++at) {
        const Step &step = work->steps[at];
        if (step.pause_ms) platform::sleep(step.pause_ms);
        switch (step.kind) {
            case CALL_PROGRESS: {
                ULONG index = step.index;
                if (work->form == PROVIDER_INDEX_BEYOND_MAX) index = step.max + 1;
                callback->Progress(step.wide(), index, step.max);
                if (work->form == PROVIDER_INDEX_GOES_BACK && index > 0) callback->Progress(nullptr, index - 1, step.max);
                break;
            }
            case CALL_ERROR:
                // Done follows whatever Error answers.
                callback->Error(step.result, step.wide());
                break;
            default: {
                over = true;
                HRESULT status = step.result;
                HANDLE handle = work->published;
                if (work->form == PROVIDER_NO_DONE) break;
                if (work->form == PROVIDER_NULL_HANDLE) handle = nullptr;
                if (work->form == PROVIDER_OTHER_HANDLE) handle = work->signal;
                if (work->form == PROVIDER_ERROR_S_OK) callback->Error(S_OK_, u"nothing went wrong");
                if (work->form == PROVIDER_ERROR_NULL_TEXT) callback->Error(E_FAIL_, nullptr), status = E_FAIL_;
                if (work->form == PROVIDER_HIDES_ERROR) callback->Error(E_FAIL_, u"the upload failed"), status = S_OK_;
                if (work->form == PROVIDER_EVENT_BEFORE_DONE) signalled = platform::signal(work->signal);
                if (work->form == PROVIDER_DONE_OVERTAKES) {
                    platform::start_thread(late_progress, &late);
                    while (!late.entered) platform::sleep(0);
                    platform::sleep(5);
                }
                callback->Done(handle, status);
                if (work->form == PROVIDER_DONE_TWICE) callback->Done(nullptr, status);
                if (work->form == PROVIDER_PROGRESS_AFTER_DONE) callback->Progress(u"one more thing", 1, 2);
                if (work->form == PROVIDER_CLOSES_HANDLE) platform::close(work->published);
                if (work->form == PROVIDER_SIGNALS_PUBLISHED) signalled = (platform::signal(work->published), true);
                if (work->form == PROVIDER_DONE_OVERTAKES)
                    while (!late.left) platform::sleep(1);
            }
        }
    }

    if (work->form != PROVIDER_KEEPS_CALLBACK && work->form != PROVIDER_BORROWS_CALLBACK) callback->Release();
    if (work->form == PROVIDER_RELEASES_TWICE) callback->Release();
    if (!signalled && work->form != PROVIDER_EVENT_NEVER) platform::signal(work->signal);
    if (work->form != PROVIDER_OTHER_HANDLE) platform::close(work->signal);
    if (work->form == PROVIDER_CLOSES_TWICE) platform::close(work->signal);
    work->store->Release();
    delete work;
    --live;
}

}  // namespace

extern "C" std::int32_t cpp_store_create(std::uint32_t form, const ProviderStep *steps, std::uint32_t count,
                                         void **store) {
    std::vector<Step> copied;
    for (std::uint32_t i = 0; i < count; ++i) {
        const ProviderStep &step = steps[i];
        copied.push_back({step.kind, step.index, step.max, step.result, step.text != nullptr,
                          step.text ? std::u16string(step.text) : std::u16string(), step.pause_ms});
    }
    *store = static_cast<IUnknown *>(new Store(static_cast<ProviderForm>(form), std::move(copied)));
    return S_OK_;
}

extern "C" std::uint32_t cpp_provider_live() { return live; }

extern "C" const char *cpp_provider_form_name(std::uint32_t form) {
    static const char *const names[PROVIDER_FORMS] = {
        "correct",
        "inline",
        "null-handle",
        "done-twice",
        "progress-after-done",
        "no-done",
        "event-before-done",
        "event-never",
        "other-handle",
        "index-beyond-max",
        "index-goes-back",
        "error-s-ok",
        "error-null-text",
        "calls-on-failed-start",
        "event-on-failed-start",
        "no-event",
        "keeps-callback",
        "releases-twice",
        "borrows-callback",
        "closes-handle",
        "signals-published",
        "hides-error",
        "done-overtakes",
        "leaks-event",
        "closes-twice",
        "crashes",
        "hangs",
    };
    return form < PROVIDER_FORMS ? names[form] : nullptr;
}
