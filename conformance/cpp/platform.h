// Events and threads: Win32's own on Windows; elsewhere the handle table that the Rust side keeps, so that both sides
// use the same handles, and std::thread.
#pragma once

#include "mapisync.h"

namespace platform {

// A manual-reset event, not signalled.
mapi::HANDLE create_event();
bool signal(mapi::HANDLE event);
bool close(mapi::HANDLE event);
mapi::HANDLE duplicate(mapi::HANDLE event);

enum class Waited { signalled, timed_out, invalid };
Waited wait(mapi::HANDLE event, std::uint32_t milliseconds);

// Runs `body(context)` on a new thread that nobody joins.
bool start_thread(void (*body)(void *), void *context);
void sleep(std::uint32_t milliseconds);
std::uint64_t thread_id();
// Monotonic nanoseconds.
std::uint64_t now();

}  // namespace platform
