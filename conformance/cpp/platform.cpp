#include "platform.h"

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace platform {

mapi::HANDLE create_event() { return CreateEventW(nullptr, TRUE, FALSE, nullptr); }
bool signal(mapi::HANDLE event) { return SetEvent(event) != 0; }
bool close(mapi::HANDLE event) { return CloseHandle(event) != 0; }

mapi::HANDLE duplicate(mapi::HANDLE event) {
    HANDLE copy = nullptr;
    HANDLE process = GetCurrentProcess();
    return DuplicateHandle(process, event, process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS) ? copy : nullptr;
}

Waited wait(mapi::HANDLE event, std::uint32_t milliseconds) {
    switch (WaitForSingleObject(event, milliseconds)) {
        case WAIT_OBJECT_0: return Waited::signalled;
        case WAIT_TIMEOUT: return Waited::timed_out;
        default: return Waited::invalid;
    }
}

namespace {
struct Start {
    void (*body)(void *);
    void *context;
};
DWORD WINAPI run(void *raw) {
    Start start = *static_cast<Start *>(raw);
    delete static_cast<Start *>(raw);
    start.body(start.context);
    return 0;
}
}  // namespace

bool start_thread(void (*body)(void *), void *context) {
    HANDLE thread = CreateThread(nullptr, 0, run, new Start{body, context}, 0, nullptr);
    return thread && CloseHandle(thread);
}

void sleep(std::uint32_t milliseconds) { Sleep(milliseconds); }
std::uint64_t thread_id() { return GetCurrentThreadId(); }

std::uint64_t now() {
    LARGE_INTEGER frequency, count;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    return static_cast<std::uint64_t>(double(count.QuadPart) * 1e9 / double(frequency.QuadPart));
}

}  // namespace platform

#else

#include <chrono>
#include <functional>
#include <thread>

// Answered by the Rust side: the process's one table of event handles.
extern "C" {
void *mapi_sync_event_create();
int mapi_sync_event_signal(void *event);
int mapi_sync_event_close(void *event);
void *mapi_sync_event_duplicate(void *event);
// 0 signalled, 1 timed out, 2 not a handle.
int mapi_sync_event_wait(void *event, std::uint32_t milliseconds);
}

namespace platform {

mapi::HANDLE create_event() { return mapi_sync_event_create(); }
bool signal(mapi::HANDLE event) { return mapi_sync_event_signal(event) != 0; }
bool close(mapi::HANDLE event) { return mapi_sync_event_close(event) != 0; }
mapi::HANDLE duplicate(mapi::HANDLE event) { return mapi_sync_event_duplicate(event); }

Waited wait(mapi::HANDLE event, std::uint32_t milliseconds) {
    switch (mapi_sync_event_wait(event, milliseconds)) {
        case 0: return Waited::signalled;
        case 1: return Waited::timed_out;
        default: return Waited::invalid;
    }
}

bool start_thread(void (*body)(void *), void *context) {
    try {
        std::thread(body, context).detach();
        return true;
    } catch (...) {
        return false;
    }
}

void sleep(std::uint32_t milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }
std::uint64_t thread_id() { return std::hash<std::thread::id>{}(std::this_thread::get_id()); }

std::uint64_t now() {
    auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

}  // namespace platform

#endif
