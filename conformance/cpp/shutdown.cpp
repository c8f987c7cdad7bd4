// IMAPIProviderShutdown from both sides: a client that calls it, and a store that has it.

#include <atomic>
#include <stdexcept>

#include "ffi.h"
#include "mapisync.h"

using namespace mapi;

namespace {

HRESULT answer(HRESULT code) {
    if (code == 1) throw std::runtime_error("a store throws");
    return code;
}

class ShuttingStore final : public IMAPISync, public IMAPIProviderShutdown {
  public:
    ShuttingStore(const ShutdownAnswers &answers, StoreThrows throws) : answers_(answers), throws_(throws) {}

    HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override {
        if (!object) return E_POINTER_;
        if (throws_ == STORE_THROWS_IN_QUERY) throw std::runtime_error("thrown from QueryInterface");
        if (iid == IID_IUnknown || iid == IID_IMAPISync) {
            *object = static_cast<IMAPISync *>(this);
        } else if (iid == IID_IMAPIProviderShutdown) {
            *object = static_cast<IMAPIProviderShutdown *>(this);
        } else {
            *object = nullptr;
            return E_NOINTERFACE_;
        }
        AddRef();
        return S_OK_;
    }

    ULONG MAPI_CALL AddRef() override { return ++references_; }

    ULONG MAPI_CALL Release() override {
        bool throws = throws_ == STORE_THROWS_IN_RELEASE;
        ULONG left = --references_;
        if (left == 0) delete this;
        if (throws) throw std::runtime_error("thrown from Release");
        return left;
    }

    HRESULT MAPI_CALL SynchronizeInBackground(MAPISIB *) override { return MAPI_E_OFFLINE_; }

    HRESULT MAPI_CALL QueryFastShutdown() override { return answer(answers_.query_fast_shutdown); }
    HRESULT MAPI_CALL NotifyProcessShutdown() override { return answer(answers_.notify_process_shutdown); }
    HRESULT MAPI_CALL DoFastShutdown() override { return answer(answers_.do_fast_shutdown); }

  private:
    ~ShuttingStore() = default;

    std::atomic<ULONG> references_{1};
    ShutdownAnswers answers_;
    StoreThrows throws_;
};

ULONG references_of(IUnknown *object) {
    object->AddRef();
    return object->Release();
}

}  // namespace

extern "C" std::uint32_t cpp_shut_down(void *raw, ShutdownAnswers *answers) {
    auto *store = static_cast<IUnknown *>(raw);
    ULONG before = references_of(store);
    void *found = answers;
    HRESULT asked = store->QueryInterface(IID_IMAPIProviderShutdown, &found);
    if (failed(asked)) return asked == E_NOINTERFACE_ && found == nullptr ? 1 : 2;
    auto *shutdown = static_cast<IMAPIProviderShutdown *>(found);
    if (references_of(store) != before + 1) return 3;
    void *unknown = nullptr, *identity = nullptr, *sync = nullptr;
    if (failed(store->QueryInterface(IID_IUnknown, &unknown))) return 4;
    if (failed(shutdown->QueryInterface(IID_IUnknown, &identity))) return 4;
    if (unknown != identity) return 5;
    if (failed(shutdown->QueryInterface(IID_IMAPISync, &sync))) return 6;
    static_cast<IUnknown *>(unknown)->Release();
    static_cast<IUnknown *>(identity)->Release();
    static_cast<IUnknown *>(sync)->Release();
    answers->query_fast_shutdown = shutdown->QueryFastShutdown();
    answers->notify_process_shutdown = shutdown->NotifyProcessShutdown();
    answers->do_fast_shutdown = shutdown->DoFastShutdown();
    shutdown->Release();
    return references_of(store) == before ? 0 : 7;
}

extern "C" void cpp_shutting_store(const ShutdownAnswers *answers, StoreThrows throws, void **store) {
    *store = static_cast<IMAPISync *>(new ShuttingStore(*answers, throws));
}
