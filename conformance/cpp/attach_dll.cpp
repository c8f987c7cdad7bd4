// A DLL that calls back when a thread begins: under the loader lock, as any DllMain does.

#include <windows.h>

#include <atomic>

namespace {

std::atomic<DWORD> wanted{0};
std::atomic<void (*)()> called{nullptr};

}  // namespace

// This thread calls `call` when it begins.
extern "C" __declspec(dllexport) void cpp_when_thread_begins(DWORD thread, void (*call)()) {
    called = call;
    wanted = thread;
}

BOOL WINAPI DllMain(HINSTANCE, DWORD reason, LPVOID) {
    if (reason == DLL_THREAD_ATTACH && wanted == GetCurrentThreadId()) called.load()();
    return TRUE;
}
