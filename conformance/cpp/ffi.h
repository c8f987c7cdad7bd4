// What the Rust side of the tests passes in and reads back. The same structs stand in src/ffi.rs.
#pragma once

#include <cstdint>

extern "C" {

// ---- host -----------------------------------------------------------------------------------------------------------

// What the host does wrong, or only does unusually, as bits.
enum HostFault : std::uint64_t {
    HOST_PROGRESS_FAILS = 1u << 0,
    HOST_ERROR_FAILS = 1u << 1,
    HOST_DONE_FAILS = 1u << 2,
    // Starts the next sync from inside Done; once.
    HOST_STARTS_IN_DONE = 1u << 3,
    // Starts a second sync from inside the first Progress; once.
    HOST_STARTS_IN_PROGRESS = 1u << 4,
    HOST_CLOSES_IN_DONE = 1u << 5,
    // Releases the store as soon as the start has returned: this run consumes one of the caller's references.
    HOST_RELEASES_EARLY = 1u << 6,
    // Closes the event after Done without ever waiting for it.
    HOST_NEVER_WAITS = 1u << 7,
    HOST_SIZE_TOO_SMALL = 1u << 8,
    HOST_SIZE_ZERO = 1u << 9,
    HOST_SIZE_LARGER = 1u << 10,
    HOST_NULL_MAPISIB = 1u << 11,
    HOST_NULL_CALLBACK = 1u << 12,
    HOST_NULL_EVENT_POINTER = 1u << 13,
    HOST_NULL_SESSION = 1u << 14,
    // QueryInterface for the callback interface answers E_NOINTERFACE.
    HOST_NO_INTERFACE = 1u << 15,
    HOST_THROWS_IN_PROGRESS = 1u << 16,
    HOST_THROWS_IN_ERROR = 1u << 17,
    HOST_THROWS_IN_DONE = 1u << 18,
    // The first Progress takes `block_ms`.
    HOST_BLOCKS_IN_PROGRESS = 1u << 19,
    HOST_BLOCKS_IN_DONE = 1u << 20,
    // QueryInterface answers S_OK and leaves NULL.
    HOST_NULL_INTERFACE = 1u << 21,
    // Fills the MAPISIB and every text with garbage as soon as the call they were passed to returns.
    HOST_SCRIBBLES = 1u << 22,
    // The callback's QueryInterface throws a C++ exception.
    HOST_THROWS_IN_QUERY = 1u << 23,
    // The callback's Release throws, once it has counted.
    HOST_THROWS_IN_RELEASE = 1u << 24,
    // The session's AddRef throws, and takes no reference.
    HOST_THROWS_IN_SESSION_ADD_REF = 1u << 25,
    // The session's Release throws, once it has counted.
    HOST_THROWS_IN_SESSION_RELEASE = 1u << 26,
};

struct HostPlan {
    std::uint64_t faults;
    std::uint32_t flags;
    // The code that the failing callbacks answer.
    std::int32_t failure;
    std::uint32_t block_ms;
    // How long the host waits for Done and for the event.
    std::uint32_t patience_ms;
};

enum CallKind : std::uint32_t { CALL_PROGRESS = 0, CALL_ERROR = 1, CALL_DONE = 2 };

struct HostCall {
    std::uint32_t kind;
    // Which sync of this run the call belongs to, from 0.
    std::uint32_t sync;
    std::uint32_t index;
    std::uint32_t max;
    std::int32_t result;
    // UTF-16 without its terminator; null for NULL. Valid for the call.
    const char16_t *text;
    std::uint32_t text_len;
    // Done only: NULL 0, the published handle 1, another 2.
    std::uint32_t handle;
    std::uint64_t thread;
};

// Called for every callback, under the host's lock: one at a time, in the order of arrival.
typedef void (*HostSink)(void *context, const HostCall *call);

struct HostReport {
    std::int32_t start;
    // The code of a re-entrant start; 1 when there was none.
    std::int32_t second_start;
    // What the out-pointer held after the start: 0 NULL, 1 unchanged, 2 something new.
    std::uint32_t out_pointer;
    std::uint32_t dones;
    std::uint32_t calls_after_done;
    std::uint32_t overlapping;
    // The event was already signalled while Done was running.
    std::uint32_t signalled_in_done;
    // The event occurred in the end. A host that never waits does not check.
    std::uint32_t signalled;
    // CloseHandle refused: somebody else had closed the handle.
    std::uint32_t close_failed;
    // References to the callback that are still held by others at the end, and the most there were.
    std::int32_t references_left;
    std::int32_t references_most;
    // The callback was called (or released) when the provider held no reference.
    std::uint32_t called_without_reference;
    std::uint32_t released_too_often;
    // The store's reference count before and after, as Release returns it (0 after a host that released early).
    std::uint32_t store_before;
    std::uint32_t store_after;
    std::uint32_t timed_out;
    // References to the session that others still hold.
    std::int32_t sessions_left;
    // References to the callback and the session that others held when the first start had just returned.
    std::int32_t held_after_start;
    // How long the first start took, in milliseconds.
    std::uint32_t start_ms;
};

// Runs one sync (two, where the plan re-enters) against `store`, an IUnknown that the caller keeps a reference to.
void cpp_host_run(void *store, const HostPlan *plan, HostSink sink, void *context, HostReport *report);

// `count` syncs, one after the other, each awaited; returns how many ended well, and adds up the callback references
// that were left in `references_left`.
std::uint32_t cpp_host_soak(void *store, std::uint32_t count, std::int64_t *references_left);

// ---- provider -------------------------------------------------------------------------------------------------------

enum ProviderForm : std::uint32_t {
    PROVIDER_CORRECT = 0,
    // Correct, too: everything happens before the start returns.
    PROVIDER_INLINE,
    // Correct, too: Done(NULL), so the host closes the handle after waiting.
    PROVIDER_NULL_HANDLE,
    PROVIDER_DONE_TWICE,
    PROVIDER_PROGRESS_AFTER_DONE,
    PROVIDER_NO_DONE,
    PROVIDER_EVENT_BEFORE_DONE,
    PROVIDER_EVENT_NEVER,
    PROVIDER_OTHER_HANDLE,
    PROVIDER_INDEX_BEYOND_MAX,
    PROVIDER_INDEX_GOES_BACK,
    PROVIDER_ERROR_S_OK,
    PROVIDER_ERROR_NULL_TEXT,
    PROVIDER_CALLS_ON_FAILED_START,
    PROVIDER_EVENT_ON_FAILED_START,
    PROVIDER_NO_EVENT,
    PROVIDER_KEEPS_CALLBACK,
    PROVIDER_RELEASES_TWICE,
    PROVIDER_BORROWS_CALLBACK,
    PROVIDER_CLOSES_HANDLE,
    PROVIDER_SIGNALS_PUBLISHED,
    PROVIDER_HIDES_ERROR,
    PROVIDER_DONE_OVERTAKES,
    PROVIDER_LEAKS_EVENT,
    // Closes its private duplicate twice.
    PROVIDER_CLOSES_TWICE,
    PROVIDER_CRASHES,
    PROVIDER_HANGS,
    PROVIDER_FORMS,
};

struct ProviderStep {
    std::uint32_t kind;
    std::uint32_t index;
    std::uint32_t max;
    std::int32_t result;
    // NUL-terminated, or null.
    const char16_t *text;
    // Pause before the step.
    std::uint32_t pause_ms;
};

// A new store object; `steps` are copied. The last step should be a Done.
std::int32_t cpp_store_create(std::uint32_t form, const ProviderStep *steps, std::uint32_t count, void **store);
const char *cpp_provider_form_name(std::uint32_t form);
// Store objects and workers alive in the process.
std::uint32_t cpp_provider_live();

// ---- aggregation ----------------------------------------------------------------------------------------------------

// The Rust side of an aggregated IMAPISync: made for an outer object, queried by it, and dropped with it.
struct AggregateCalls {
    void *(*make)(void *context, void *outer);
    std::int32_t (*query)(void *aggregate, const void *iid, void **object);
    void (*drop)(void *aggregate);
};
// A C++ store whose IMAPISync comes from the aggregate, and whose only other interface is IUnknown.
void cpp_aggregating_store(const AggregateCalls *calls, void *context, void **store);
// COM's rules of identity, checked between the store's IUnknown and its IMAPISync: 0, or the number of the rule broken.
std::uint32_t cpp_check_identity(void *store);

// ---- shutdown -------------------------------------------------------------------------------------------------------

// The three methods of a store's IMAPIProviderShutdown, in the order of its page.
struct ShutdownAnswers {
    std::int32_t query_fast_shutdown;
    std::int32_t notify_process_shutdown;
    std::int32_t do_fast_shutdown;
};
// Calls the three, and checks COM's rules of identity on the way: 0, or the number of the rule broken. 1 is no rule: the
// store answers E_NOINTERFACE.
std::uint32_t cpp_shut_down(void *store, ShutdownAnswers *answers);
// Where a store throws a C++ exception: nowhere, in QueryInterface, or in each Release, once it has counted.
enum StoreThrows : std::uint32_t { STORE_THROWS_NOWHERE, STORE_THROWS_IN_QUERY, STORE_THROWS_IN_RELEASE };
// A store whose IMAPIProviderShutdown gives these answers. For the answer 1 it throws instead. Its syncs do not start.
void cpp_shutting_store(const ShutdownAnswers *answers, StoreThrows throws, void **store);

// ---- measuring ------------------------------------------------------------------------------------------------------

// A callback that counts its calls and does nothing else. Its count can be read with `cpp_counting_calls`.
void *cpp_counting_callback();
std::uint64_t cpp_counting_calls(void *callback);
// The bare counterpart of an outbound Progress: UTF-8 to UTF-16 into a buffer on the stack, then the vtable call.
// Returns the nanoseconds that `count` calls took.
std::uint64_t cpp_progress_loop(void *callback, const char *text, std::uint32_t length, std::uint32_t count);
}
