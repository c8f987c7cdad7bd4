// The C++ provider as a DLL, for `com-check`. The environment variable MAPI_SYNC_FORM names the form.

#include <cstdlib>
#include <cstring>

#include "ffi.h"
#include "mapisync.h"

extern "C" __declspec(dllexport) mapi::HRESULT MAPI_CALL MapiSyncTestStore(mapi::IUnknown **store) {
    if (!store) return mapi::E_POINTER_;
    *store = nullptr;
    static const ProviderStep steps[] = {
        {CALL_PROGRESS, 0, 2, 0, u"Connecting", 0},
        {CALL_PROGRESS, 1, 2, 0, u"Downloading", 1},
        {CALL_PROGRESS, 2, 2, 0, nullptr, 0},
        {CALL_DONE, 0, 0, 0, nullptr, 0},
    };
    const char *wanted = std::getenv("MAPI_SYNC_FORM");
    for (std::uint32_t form = 0; const char *name = cpp_provider_form_name(form); ++form) {
        if (!wanted || std::strcmp(name, wanted) == 0)
            return cpp_store_create(form, steps, 4, reinterpret_cast<void **>(store));
    }
    return mapi::E_INVALIDARG_;
}
