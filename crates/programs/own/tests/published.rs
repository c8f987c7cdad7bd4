//! The crates' own tests, as they were published. Each `#[tokio::test]` among them is a check.

#[path = "../../../target/sources/bb8/tests/test.rs"]
mod bb8_test;
#[path = "../../../target/sources/deadpool/tests/managed.rs"]
mod deadpool_managed;
#[path = "../../../target/sources/deadpool/tests/managed_cancellation.rs"]
mod deadpool_managed_cancellation;
#[path = "../../../target/sources/deadpool/tests/managed_deadlock.rs"]
mod deadpool_managed_deadlock;
#[path = "../../../target/sources/deadpool/tests/managed_hooks.rs"]
mod deadpool_managed_hooks;
#[path = "../../../target/sources/deadpool/tests/managed_resize.rs"]
mod deadpool_managed_resize;
#[path = "../../../target/sources/deadpool/tests/managed_unreliable_manager.rs"]
mod deadpool_managed_unreliable_manager;
#[path = "../../../target/sources/deadpool/tests/unmanaged.rs"]
mod deadpool_unmanaged;
#[path = "../../../target/sources/tokio-stream/tests/chunks_timeout.rs"]
mod tokio_stream_chunks_timeout;
#[path = "../../../target/sources/tokio-stream/tests/join_set_stream.rs"]
mod tokio_stream_join_set_stream;
#[path = "../../../target/sources/tokio-stream/tests/mpsc_bounded_stream.rs"]
mod tokio_stream_mpsc_bounded_stream;
#[path = "../../../target/sources/tokio-stream/tests/mpsc_unbounded_stream.rs"]
mod tokio_stream_mpsc_unbounded_stream;
#[path = "../../../target/sources/tokio-stream/tests/stream_chunks_timeout.rs"]
mod tokio_stream_stream_chunks_timeout;
#[path = "../../../target/sources/tokio-stream/tests/stream_close.rs"]
mod tokio_stream_stream_close;
#[path = "../../../target/sources/tokio-stream/tests/stream_timeout.rs"]
mod tokio_stream_stream_timeout;
#[path = "../../../target/sources/tokio-stream/tests/time_throttle.rs"]
mod tokio_stream_time_throttle;
#[path = "../../../target/sources/tokio-stream/tests/watch.rs"]
mod tokio_stream_watch;
#[path = "../../../target/sources/tokio-util/tests/abort_on_drop.rs"]
mod tokio_util_abort_on_drop;
#[path = "../../../target/sources/tokio-util/tests/framed.rs"]
mod tokio_util_framed;
#[path = "../../../target/sources/tokio-util/tests/io_inspect.rs"]
mod tokio_util_io_inspect;
#[path = "../../../target/sources/tokio-util/tests/io_simplex.rs"]
mod tokio_util_io_simplex;
#[path = "../../../target/sources/tokio-util/tests/io_sink_writer.rs"]
mod tokio_util_io_sink_writer;
#[path = "../../../target/sources/tokio-util/tests/task_join_map.rs"]
mod tokio_util_task_join_map;
#[path = "../../../target/sources/tokio-util/tests/task_tracker.rs"]
mod tokio_util_task_tracker;
