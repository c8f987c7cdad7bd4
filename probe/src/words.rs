//! Windows' error numbers in words.
#![expect(unsafe_code, reason = "asks the system for a message")]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_BAD_EXE_FORMAT, ERROR_DLL_INIT_FAILED, ERROR_FILE_NOT_FOUND, ERROR_MOD_NOT_FOUND,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_FROM_SYSTEM, FORMAT_MESSAGE_IGNORE_INSERTS, FormatMessageW,
};

/// An error number of Windows with its words: `Windows error 5 (Access denied)`.
#[must_use]
pub fn windows_error(number: u32) -> String {
    let mut units = [0_u16; 512];
    let room = u32::try_from(units.len()).unwrap_or_default();
    // SAFETY: the buffer has room for `room` units; the message of the system takes no arguments
    // ("FormatMessageW").
    let length = unsafe {
        FormatMessageW(
            FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
            ptr::null(),
            number,
            0,
            units.as_mut_ptr(),
            room,
            ptr::null(),
        )
    };
    let text = String::from_utf16_lossy(&units[..units.len().min(length as usize)]);
    match text.trim().trim_end_matches('.') {
        "" => format!("Windows error {number}"),
        text => format!("Windows error {number} ({text})"),
    }
}

/// Why a library was not loaded, in words.
pub(crate) fn why_not_loaded(library: &Path, number: u32) -> String {
    let error = windows_error(number);
    match number {
        ERROR_BAD_EXE_FORMAT => match machine(library) {
            Some(machine) if machine != OWN_MACHINE => format!(
                "this DLL is {}, this checker {}: {error}",
                name(machine),
                name(OWN_MACHINE)
            ),
            Some(_) => format!("{error}; a library that it needs may be of another width"),
            None => format!("this file is no DLL: {error}"),
        },
        ERROR_MOD_NOT_FOUND | ERROR_FILE_NOT_FOUND if !library.exists() => {
            format!("there is no such file: {error}")
        }
        ERROR_MOD_NOT_FOUND => format!("a library that it needs is missing: {error}"),
        ERROR_DLL_INIT_FAILED => format!("its DllMain answered FALSE: {error}"),
        _ => error,
    }
}

const I386: u16 = 0x014C;
const AMD64: u16 = 0x8664;
const ARM64: u16 = 0xAA64;

const OWN_MACHINE: u16 = if cfg!(target_arch = "x86") {
    I386
} else if cfg!(target_arch = "aarch64") {
    ARM64
} else {
    AMD64
};

fn name(machine: u16) -> String {
    match machine {
        I386 => "32-bit".into(),
        AMD64 => "64-bit".into(),
        ARM64 => "64-bit for ARM".into(),
        other => format!("for the machine {other:#06x}"),
    }
}

/// The machine that an image file is for, by its header ("PE Format"); `None` if it is no image.
fn machine(library: &Path) -> Option<u16> {
    /// Where the offset of the header stands.
    const HEADER_OFFSET: u64 = 0x3C;

    let mut file = File::open(library).ok()?;
    let mut read_at = |offset: u64| {
        let mut bytes = [0; 6];
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    };
    let [b'M', b'Z', ..] = read_at(0)? else { return None };
    let [a, b, c, d, ..] = read_at(HEADER_OFFSET)?;
    let [b'P', b'E', 0, 0, low, high] = read_at(u32::from_le_bytes([a, b, c, d]).into())? else {
        return None;
    };
    Some(u16::from_le_bytes([low, high]))
}
