// A separate store object, in C++, that takes its IMAPISync from the Rust side; and the rules of COM identity that
// the pair has to keep ("Rules for Implementing QueryInterface").

#include <atomic>

#include "ffi.h"
#include "mapisync.h"

using namespace mapi;

namespace {

class AggregatingStore final : public IUnknown {
  public:
    AggregatingStore(const AggregateCalls &calls, void *context)
        : calls_(calls), aggregate_(calls.make(context, static_cast<IUnknown *>(this))) {}

    HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) override {
        if (!object) return E_POINTER_;
        if (iid == IID_IUnknown) {
            *object = static_cast<IUnknown *>(this);
            AddRef();
            return S_OK_;
        }
        return calls_.query(aggregate_, &iid, object);
    }

    ULONG MAPI_CALL AddRef() override { return ++references_; }

    ULONG MAPI_CALL Release() override {
        ULONG left = --references_;
        if (left == 0) delete this;
        return left;
    }

  private:
    ~AggregatingStore() { calls_.drop(aggregate_); }

    std::atomic<ULONG> references_{1};
    AggregateCalls calls_;
    void *aggregate_;
};

template <class Wanted>
Wanted *query(IUnknown *object, const GUID &iid) {
    void *found = nullptr;
    if (failed(object->QueryInterface(iid, &found))) return nullptr;
    return static_cast<Wanted *>(found);
}

ULONG references_of(IUnknown *object) {
    object->AddRef();
    return object->Release();
}

}  // namespace

extern "C" void cpp_aggregating_store(const AggregateCalls *calls, void *context, void **store) {
    *store = static_cast<IUnknown *>(new AggregatingStore(*calls, context));
}

extern "C" std::uint32_t cpp_check_identity(void *raw) {
    auto *store = static_cast<IUnknown *>(raw);
    ULONG before = references_of(store);
    auto *unknown = query<IUnknown>(store, IID_IUnknown);
    if (!unknown) return 1;
    auto *sync = query<IMAPISync>(store, IID_IMAPISync);
    if (!sync) return 2;
    // One identity, whichever interface is asked.
    auto *from_sync = query<IUnknown>(sync, IID_IUnknown);
    if (from_sync != unknown) return 3;
    // Reflexive, symmetric, transitive.
    auto *again = query<IMAPISync>(sync, IID_IMAPISync);
    if (!again) return 4;
    auto *back = query<IMAPISync>(from_sync, IID_IMAPISync);
    if (!back) return 5;
    // What is answered once is always answered, and what is refused leaves NULL.
    void *refused = &before;
    if (sync->QueryInterface(IID_IMAPISyncProgressCallback, &refused) != E_NOINTERFACE_) return 6;
    if (refused != nullptr) return 7;
    // A reference through one interface is a reference to the whole.
    if (references_of(store) != before + 5) return 8;
    back->Release();
    again->Release();
    from_sync->Release();
    sync->Release();
    unknown->Release();
    return references_of(store) == before ? 0 : 9;
}
