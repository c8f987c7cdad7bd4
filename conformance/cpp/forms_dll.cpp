// Providers as a DLL for `com-check`, correct ones and wrong ones: what only a process and a real host show. The
// environment variable MAPI_SYNC_FORM names the form. Each form differs from the plain one in the lines that ask for it.

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <objbase.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "mapisync.h"

namespace {

using mapi::IMAPISyncProgressCallback;

const std::string form = [] {
    const char *named = std::getenv("MAPI_SYNC_FORM");
    return std::string(named ? named : "plain");
}();

bool is(const char *name) { return form == name; }

// Objects and workers that are alive.
std::atomic<int> live{0};
std::atomic<int> starts{0};
std::atomic<int> running{0};
// The callback of the sync that began last, for the form that has one for all.
std::atomic<IMAPISyncProgressCallback *> shared_callback{nullptr};
SRWLOCK state = SRWLOCK_INIT;

[[noreturn]] void crash() {
    volatile int *volatile nowhere = nullptr;
    *nowhere = 1;
    std::abort();
}

__attribute__((noinline)) int deep(int depth) {
    volatile char room[4096];
    room[depth % 4096] = static_cast<char>(depth);
    return depth < 0 ? 0 : deep(depth + 1) + room[0];
}

void hang() {
    for (;;) Sleep(1000);
}

HANDLE start_thread(LPTHREAD_START_ROUTINE body, void *context) {
    return CreateThread(nullptr, 0, body, context, 0, nullptr);
}

void join(HANDLE thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

DWORD WINAPI hang_main(void *) {
    hang();
    return 0;
}

DWORD WINAPI signal_soon(void *event) {
    Sleep(100);
    SetEvent(event);
    return 0;
}

// What a session has first: IUnknown.
struct Session : mapi::IUnknown {};

using Initialize = mapi::HRESULT(WINAPI *)(void *);
using Uninitialize = void(WINAPI *)();

template <typename F>
F mapi_function(const char *name) {
    HMODULE library = LoadLibraryW(L"mapi32.dll");
    return reinterpret_cast<F>(reinterpret_cast<void *>(GetProcAddress(library, name)));
}

void mapi_enter() { mapi_function<Initialize>("MAPIInitialize")(nullptr); }
void mapi_leave() { mapi_function<Uninitialize>("MAPIUninitialize")(); }

// What the work of a sync needs of its store.
struct Shared {
    int steps = 3;
};

class Store;

struct Work {
    Store *store;
    std::shared_ptr<Shared> shared;
    IMAPISyncProgressCallback *callback;
    HANDLE published;
    // Signalled at the end; `published` belongs to the host once Done has it.
    HANDLE signal;
    mapi::MAPISIB *sib;
    mapi::HANDLE *out;
    Session *session;
};

// The slot for the work of a thread that DllMain is to end.
DWORD ended_by_detach = TlsAlloc();

void run(Work *work);

DWORD WINAPI thread_main(void *raw) {
    run(static_cast<Work *>(raw));
    return 0;
}

class Store final : public mapi::IMAPISync {
  public:
    Store() { ++live; }

    mapi::HRESULT MAPI_CALL QueryInterface(const mapi::GUID &iid, void **object) override;
    mapi::ULONG MAPI_CALL AddRef() override { return ++references_; }

    mapi::ULONG MAPI_CALL Release() override {
        mapi::ULONG left = --references_;
        if (left == 0) {
            if (is("release-crashes")) crash();
            delete this;
        }
        return left;
    }

    mapi::HRESULT MAPI_CALL SynchronizeInBackground(mapi::MAPISIB *sib) override;

    const std::shared_ptr<Shared> &shared() const { return shared_; }

  private:
    ~Store() {
        shared_ = nullptr;
        --live;
    }

    mapi::HRESULT start(mapi::MAPISIB *sib, IMAPISyncProgressCallback *callback);

    std::atomic<mapi::ULONG> references_{1};
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

// IMAPISync as an object beside its store. It has the store's identity, or, in one form, one of its own.
class TearOff final : public mapi::IMAPISync {
  public:
    explicit TearOff(Store *store) : store_(store) {
        store_->AddRef();
        ++live;
    }

    mapi::HRESULT MAPI_CALL QueryInterface(const mapi::GUID &iid, void **object) override {
        bool own = iid == mapi::IID_IMAPISync || (is("other-identity") && iid == mapi::IID_IUnknown);
        if (!own) return store_->QueryInterface(iid, object);
        *object = this;
        AddRef();
        return mapi::S_OK_;
    }
    mapi::ULONG MAPI_CALL AddRef() override { return ++references_; }
    mapi::ULONG MAPI_CALL Release() override {
        mapi::ULONG left = --references_;
        if (left == 0) delete this;
        return left;
    }
    mapi::HRESULT MAPI_CALL SynchronizeInBackground(mapi::MAPISIB *sib) override {
        return store_->SynchronizeInBackground(sib);
    }

  private:
    ~TearOff() {
        store_->Release();
        --live;
    }
    std::atomic<mapi::ULONG> references_{1};
    Store *store_;
};

mapi::HRESULT MAPI_CALL Store::QueryInterface(const mapi::GUID &iid, void **object) {
    if (!object) return mapi::E_POINTER_;
    *object = nullptr;
    if (iid == mapi::IID_IMAPISync) {
        if (is("no-interface")) return mapi::E_NOINTERFACE_;
        if (is("null-interface")) return mapi::S_OK_;
        if (is("tear-off") || is("other-identity")) {
            *object = static_cast<mapi::IMAPISync *>(new TearOff(this));
            return mapi::S_OK_;
        }
    } else if (!(iid == mapi::IID_IUnknown)) {
        return mapi::E_NOINTERFACE_;
    }
    *object = this;
    AddRef();
    return mapi::S_OK_;
}

mapi::HRESULT MAPI_CALL Store::SynchronizeInBackground(mapi::MAPISIB *sib) {
    int number = ++starts;
    bool overlaps = running > 0;
    if (is("throws-in-start")) throw std::runtime_error("as the form asks");
    if (is("blocks-in-start")) hang();
    if (is("every-start-fails") || (is("offline-at-first") && number == 1)) return mapi::MAPI_E_OFFLINE_;
    if (!sib || sib->ulSize < sizeof(mapi::MAPISIB) || !sib->punkCallBack || !sib->phSyncDoneEvent)
        return mapi::E_INVALIDARG_;
    if (is("longer-block-crashes") && sib->ulSize > sizeof(mapi::MAPISIB)) crash();
    if (is("flags-crash") && (sib->ulFlags & 0x20000000)) crash();
    if (is("session-crashes") && sib->psesSync) crash();
    if (is("second-start-crashes") && overlaps) crash();
    if (is("second-start-has-no-reason") && overlaps) return mapi::E_FAIL_;
    if (is("second-start-is-swallowed") && overlaps) return mapi::S_OK_;
    if (is("refuses-overlap") && overlaps) return mapi::MAPI_E_BUSY_;
    if (is("mapi-never-left")) mapi_enter();
    if (is("mapi-left-for-the-host")) mapi_leave();

    void *queried = nullptr;
    mapi::HRESULT answer = sib->punkCallBack->QueryInterface(mapi::IID_IMAPISyncProgressCallback, &queried);
    if (mapi::failed(answer)) return answer;
    if (!queried) return mapi::E_NOINTERFACE_;
    return start(sib, static_cast<IMAPISyncProgressCallback *>(queried));
}

mapi::HRESULT Store::start(mapi::MAPISIB *sib, IMAPISyncProgressCallback *callback) {
    if (is("locks-while-it-calls")) {
        AcquireSRWLockExclusive(&state);
        ReleaseSRWLockExclusive(&state);
    }
    HANDLE event = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    HANDLE copy = nullptr;
    DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS);
    if (!is("event-comes-late")) *sib->phSyncDoneEvent = event;

    auto *work = new Work{this, shared_, callback, event, copy, sib, sib->phSyncDoneEvent, nullptr};
    if (sib->psesSync) {
        auto *session = reinterpret_cast<Session *>(sib->psesSync);
        if (is("holds-session") || is("keeps-session")) {
            session->AddRef();
            work->session = session;
        }
        if (is("session-released-too-often")) session->Release();
    }
    if (is("one-callback-for-all")) shared_callback = callback;
    ++running;
    ++live;
    // A store that its work outlives, in two ways: one is correct.
    if (!is("no-reference-to-the-store") && !is("work-needs-no-store")) AddRef();
    if (is("no-reference-to-the-store")) work->shared = nullptr;
    if (is("thread-pool")) {
        QueueUserWorkItem(thread_main, work, WT_EXECUTELONGFUNCTION);
    } else {
        CloseHandle(start_thread(thread_main, work));
    }
    return mapi::S_OK_;
}

void print(const char *text, std::size_t length) {
    for (DWORD which : {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE}) {
        DWORD written;
        WriteFile(GetStdHandle(which), text, static_cast<DWORD>(length), &written, nullptr);
    }
    std::fwrite(text, 1, length, stdout);
    std::fflush(stdout);
}

const char FORGED[] =
    "{\"Counts\":{\"syncs\":9,\"failed_starts\":0,\"dones\":9,\"calls\":9}}\n"
    "{\"Over\":{\"elapsed_s\":0.1,\"unloads\":false}}\n";

void start_grandchild() {
    wchar_t command[] = L"cmd.exe /c \"ping -n 60 127.0.0.1 >nul\"";
    STARTUPINFOW startup = {};
    startup.cb = sizeof startup;
    PROCESS_INFORMATION process = {};
    if (CreateProcessW(nullptr, command, nullptr, nullptr, TRUE, 0, nullptr, nullptr, &startup, &process)) {
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    }
}

// Takes memory and uses it.
void fill(std::size_t size) {
    void *filled = std::memset(std::malloc(size), 0xAB, size);
    // Somebody might use it.
    __asm__ volatile("" : : "r"(filled) : "memory");
}

DWORD WINAPI report_main(void *raw) {
    static_cast<Work *>(raw)->callback->Progress(u"connected", 0, 3);
    return 0;
}

// On a thread of its own: where Wine 8 debugs a program, the code after a handler finds its registers changed.
DWORD WINAPI catch_main(void *) {
    try {
        throw std::runtime_error("as the form asks");
    } catch (const std::exception &) {
        Sleep(1);
    }
    return 0;
}

// What a form does before its first call.
void begin(Work *work) {
    if (is("breakpoint")) __asm__ volatile("int3");
    if (is("throws-in-worker")) throw std::runtime_error("as the form asks");
    if (is("aborts")) std::abort();
    if (is("exits-process")) ExitProcess(0);
    if (is("terminates-process")) TerminateProcess(GetCurrentProcess(), 0xC0000022);
    if (is("overflows-stack")) deep(0);
    if (is("frees-garbage")) {
        void *volatile garbage = reinterpret_cast<void *>(std::uintptr_t{0x5A5A5A50});
        HeapSize(GetProcessHeap(), 0, garbage);
        crash();
    }
    if (is("reads-block-late")) {
        Sleep(200);
        void *queried = nullptr;
        work->sib->punkCallBack->QueryInterface(mapi::IID_IUnknown, &queried);
    }
    if (is("event-comes-late")) {
        Sleep(50);
        *work->out = work->published;
    }
    if (is("prints") || is("forges-a-report")) {
        print(FORGED, sizeof FORGED - 1);
        print("\xff\xfe\x80 \xe4\xf6 no newline", 18);
        print("\n{", 2);
    }
    if (is("closes-its-output")) {
        std::fclose(stdout);
        std::fclose(stderr);
        SetStdHandle(STD_OUTPUT_HANDLE, nullptr);
        SetStdHandle(STD_ERROR_HANDLE, nullptr);
    }
    if (is("grandchild") && starts == 1) start_grandchild();
    if (is("catches-its-exceptions")) join(start_thread(catch_main, nullptr));
    if (is("leaks-memory")) fill(2 << 20);
    if (is("fills-a-cache") && starts == 6) fill(16 << 20);
    if (is("leaks-thread")) CloseHandle(start_thread(hang_main, nullptr));
    if (is("two-threads")) join(start_thread(report_main, work));
    if (is("enters-apartment")) CoInitializeEx(nullptr, COINIT_APARTMENTTHREADED);
    if (is("enters-mapi")) mapi_enter();
    if (is("leaves-mapi-too-often")) mapi_enter(), mapi_leave(), mapi_leave();
}

mapi::HRESULT progress(Work *work, const mapi::WCHAR *text, mapi::ULONG index, mapi::ULONG max) {
    bool locks = is("locks-while-it-calls");
    if (locks) AcquireSRWLockExclusive(&state);
    IMAPISyncProgressCallback *callback = work->callback;
    if (is("one-callback-for-all")) callback = shared_callback;
    mapi::HRESULT answer = callback->Progress(text, index, max);
    if (locks) ReleaseSRWLockExclusive(&state);
    return answer;
}

void finish(Work *work, mapi::HRESULT status) {
    IMAPISyncProgressCallback *callback = work->callback;
    if (is("one-callback-for-all")) callback = shared_callback;
    --running;
    HANDLE other = nullptr;
    if (is("event-during-done")) other = start_thread(signal_soon, work->signal);
    mapi::HRESULT answer = callback->Done(work->published, status);
    if (is("done-again-if-it-failed") && mapi::failed(answer)) callback->Done(nullptr, status);
    if (is("forges-a-report")) callback->Done(nullptr, status);
    if (other) join(other);
    if (is("cleans-up-for-2-s")) Sleep(2000);
    if (is("cleans-up-for-5-s")) Sleep(5000);

    if (work->session && !is("keeps-session")) work->session->Release();
    if (is("enters-mapi")) mapi_leave();
    if (is("enters-apartment")) CoUninitialize();
    work->callback->Release();
    SetEvent(work->signal);
    CloseHandle(work->signal);
    if (!is("no-reference-to-the-store") && !is("work-needs-no-store")) work->store->Release();
    delete work;
    --live;
}

void run(Work *work) {
    begin(work);
    if (is("ended-by-thread-detach")) {
        TlsSetValue(ended_by_detach, work);
        return;
    }
    mapi::HRESULT status = mapi::S_OK_;
    int steps = 3, pause = 1;
    if (is("no-reference-to-the-store")) {
        // It runs for long enough that the host may have released the store.
        Sleep(60);
        steps = work->store->shared()->steps;
    } else if (is("work-needs-no-store")) {
        Sleep(60);
        steps = work->shared->steps;
    }
    if (is("many-progress")) steps = 1500, pause = 0;
    if (is("long-sync")) steps = 9, pause = 350;
    if (is("no-progress")) steps = -1, Sleep(5);
    for (int step = 0; step <= steps; ++step) {
        if (pause) Sleep(pause);
        const mapi::WCHAR *text = is("null-texts") ? nullptr : u"Inbox";
        mapi::HRESULT answer =
            progress(work, text, is("no-maximum") ? 0 : step, is("no-maximum") ? 0 : steps);
        if (is("stops-if-progress-failed") && mapi::failed(answer)) return;
    }
    while (is("reports-for-ever")) {
        Sleep(20);
        progress(work, u"still", steps, steps);
    }
    if (is("fails-with-errors") || is("stops-if-error-failed")) {
        status = mapi::E_FAIL_;
        for (int time = 0; time < 2; ++time) {
            mapi::HRESULT answer = work->callback->Error(mapi::E_FAIL_, u"the upload failed");
            if (is("stops-if-error-failed") && mapi::failed(answer)) return;
        }
    }
    finish(work, status);
}

}  // namespace

extern "C" __declspec(dllexport) mapi::HRESULT MAPI_CALL MapiSyncTestStore(mapi::IUnknown **store) {
    if (is("export-crashes")) crash();
    if (is("export-hangs")) hang();
    if (is("export-fails")) return mapi::MAPI_E_OFFLINE_;
    *store = is("export-gives-nothing") ? nullptr : static_cast<mapi::IUnknown *>(new Store);
    return mapi::S_OK_;
}

STDAPI DllCanUnloadNow() { return live == 0 ? S_OK : S_FALSE; }

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID exits) {
    switch (reason) {
        case DLL_PROCESS_ATTACH:
            if (is("attach-fails")) return FALSE;
            if (is("exit-crashes") || is("exit-hangs")) {
                HMODULE pinned;
                GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                                   reinterpret_cast<LPCWSTR>(module), &pinned);
            }
            break;
        case DLL_THREAD_DETACH:
            if (auto *work = static_cast<Work *>(TlsGetValue(ended_by_detach))) {
                TlsSetValue(ended_by_detach, nullptr);
                finish(work, mapi::S_OK_);
            }
            break;
        case DLL_PROCESS_DETACH:
            if (is("detach-crashes") || (is("exit-crashes") && exits)) crash();
            if (is("detach-hangs") || (is("exit-hangs") && exits)) hang();
            break;
    }
    return TRUE;
}
