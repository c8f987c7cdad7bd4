//! A job object: processes that end together.
#![expect(unsafe_code, reason = "calls the kernel")]

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::Child;
use std::ptr;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject, TerminateJobObject,
};

/// A process and all that it starts. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Job(OwnedHandle);

impl Job {
    /// A job for `child`, which must not have run yet: what it has started before is not in the
    /// job.
    pub(crate) fn of(child: &Child) -> io::Result<Self> {
        // SAFETY: both arguments may be NULL ("CreateJobObjectW").
        let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new handle, which is ours.
        let job = unsafe { OwnedHandle::from_raw_handle(job) };
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        let size = u32::try_from(size_of_val(&limits)).unwrap_or(u32::MAX);
        // SAFETY: an open job, and the block that this class takes, with its size.
        let limited = unsafe {
            SetInformationJobObject(
                job.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size,
            )
        };
        if limited == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: an open job and an open process.
        if unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(job))
    }

    /// Ends all processes of the job.
    pub(crate) fn end(&self) {
        // SAFETY: an open job.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), 1) };
    }
}
