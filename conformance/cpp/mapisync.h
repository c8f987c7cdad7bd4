// The Outlook sync interfaces, declared for C++ from their public documentation: the reference pages
// "IMAPISync : IUnknown", "IMAPISyncProgressCallback : IUnknown", "IMAPIProviderShutdown : IUnknown" and "MAPISIB".
// Nothing here is generated from the Rust declarations: the two sides agree because both follow the same pages, and the
// tests find out where they do not.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#define MAPI_CALL __stdcall
#else
#define MAPI_CALL
#endif

namespace mapi {

// Win32 names with the widths that they have on Windows everywhere: `long` is 64 bits wide on Linux and macOS.
using HRESULT = std::int32_t;
using ULONG = std::uint32_t;
using WCHAR = char16_t;
using HANDLE = void *;

static_assert(sizeof(WCHAR) == 2, "WCHAR holds one UTF-16 code unit");

struct GUID {
    std::uint32_t data1;
    std::uint16_t data2;
    std::uint16_t data3;
    std::uint8_t data4[8];
};

inline bool operator==(const GUID &left, const GUID &right) {
    if (left.data1 != right.data1 || left.data2 != right.data2 || left.data3 != right.data3) return false;
    for (int i = 0; i < 8; ++i)
        if (left.data4[i] != right.data4[i]) return false;
    return true;
}

constexpr GUID IID_IUnknown = {0x00000000, 0x0000, 0x0000, {0xC0, 0, 0, 0, 0, 0, 0, 0x46}};
constexpr GUID IID_IMAPISync = {0x5024a385, 0x2d44, 0x486a, {0x81, 0xa8, 0x8f, 0x0e, 0xcb, 0x60, 0x71, 0xdd}};
constexpr GUID IID_IMAPISyncProgressCallback = {
    0x5024a386, 0x2d44, 0x486a, {0x81, 0xa8, 0x8f, 0x0e, 0xcb, 0x60, 0x71, 0xdd}};

constexpr GUID IID_IMAPIProviderShutdown = {0x00020398, 0x0000, 0x0000, {0xC0, 0, 0, 0, 0, 0, 0, 0x46}};

constexpr HRESULT hresult(std::uint32_t bits) { return static_cast<HRESULT>(bits); }
constexpr HRESULT S_OK_ = 0;
constexpr HRESULT E_FAIL_ = hresult(0x80004005);
constexpr HRESULT E_NOINTERFACE_ = hresult(0x80004002);
constexpr HRESULT E_POINTER_ = hresult(0x80004003);
constexpr HRESULT E_INVALIDARG_ = hresult(0x80070057);
constexpr HRESULT E_UNEXPECTED_ = hresult(0x8000FFFF);
constexpr HRESULT MAPI_E_BUSY_ = hresult(0x8004010B);
constexpr HRESULT MAPI_E_OFFLINE_ = hresult(0x80040126);
constexpr bool failed(HRESULT result) { return result < 0; }

// No virtual destructors: they would take vtable slots that COM does not have.
struct IUnknown {
    virtual HRESULT MAPI_CALL QueryInterface(const GUID &iid, void **object) = 0;
    virtual ULONG MAPI_CALL AddRef() = 0;
    virtual ULONG MAPI_CALL Release() = 0;
};

struct IMAPISyncProgressCallback : IUnknown {
    virtual HRESULT MAPI_CALL Progress(const WCHAR *pwcszProgress, ULONG ulIndex, ULONG ulIndexMax) = 0;
    virtual HRESULT MAPI_CALL Error(HRESULT hResult, const WCHAR *pwcszErrorStr) = 0;
    virtual HRESULT MAPI_CALL Done(HANDLE hThreadDoneEvent, HRESULT hResult) = 0;
};

struct IMAPISession;

struct MAPISIB {
    ULONG ulSize;
    ULONG ulFlags;
    IMAPISession *psesSync;
    IUnknown *punkCallBack;
    HANDLE *phSyncDoneEvent;
};

static_assert(sizeof(MAPISIB) == (sizeof(void *) == 8 ? 32 : 20), "MAPISIB has the documented size");
static_assert(offsetof(MAPISIB, psesSync) == 8, "two ULONGs come before the pointers");

struct IMAPISync : IUnknown {
    virtual HRESULT MAPI_CALL SynchronizeInBackground(MAPISIB *pmapisib) = 0;
};

struct IMAPIProviderShutdown : IUnknown {
    virtual HRESULT MAPI_CALL QueryFastShutdown() = 0;
    virtual HRESULT MAPI_CALL NotifyProcessShutdown() = 0;
    virtual HRESULT MAPI_CALL DoFastShutdown() = 0;
};

}  // namespace mapi
