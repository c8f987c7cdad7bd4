//! A pipe from a child process that is not one of its standard streams.
#![expect(unsafe_code, reason = "hands a pipe's handle to a child process")]

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::os::windows::io::{AsRawHandle, FromRawHandle, RawHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{
    GetHandleInformation, HANDLE_FLAG_INHERIT, SetHandleInformation,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, GetFileType};

/// Both ends of a pipe. A child process inherits the one that is written to.
#[derive(Debug)]
pub struct Wire {
    writer: PipeWriter,
    reader: PipeReader,
}

impl Wire {
    /// A new pipe.
    ///
    /// # Errors
    ///
    /// The system's, where it has no pipe.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let handle = writer.as_raw_handle();
        // SAFETY: an open handle.
        if unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { writer, reader })
    }

    /// What the child passes to [`open_wire`].
    #[must_use]
    pub fn number(&self) -> usize {
        self.writer.as_raw_handle().addr()
    }

    /// The end to read from, once the child has been started: it alone can write then.
    #[must_use]
    pub fn into_reader(self) -> PipeReader {
        self.reader
    }
}

/// The end to write to, in the child that inherited it under this number.
///
/// Processes that this one starts do not inherit it. Call it once, as the first thing.
///
/// # Errors
///
/// If the number is not that of a pipe.
pub fn open_wire(number: usize) -> io::Result<File> {
    let handle: RawHandle = ptr::with_exposed_provenance_mut(number);
    let mut flags = 0;
    // SAFETY: a value that is no open handle makes the call fail, nothing else; `flags` is valid
    // for the write.
    let open = unsafe { GetHandleInformation(handle, &mut flags) } != 0;
    // SAFETY: an open handle.
    if !open || unsafe { GetFileType(handle) } != FILE_TYPE_PIPE {
        return Err(io::Error::other(format!("handle {number} is no pipe")));
    }
    // SAFETY: an open handle.
    if unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: an inherited handle has no other owner in this process, whose caller makes this call
    // once.
    Ok(unsafe { File::from_raw_handle(handle) })
}
