//! Memory that was freed, put to another use.
#![expect(unsafe_code, reason = "takes memory from the C library's heap")]

use std::ffi::c_void;

/// Many small blocks of both heaps that providers take memory from: the process's, and the C
/// library's where that has its own. A heap gives out first what was freed last, so what reads an
/// object after its end meets the content of these in its place, which is no pointer to anything.
#[derive(Debug)]
pub struct Spray {
    /// Held for its memory only.
    _of_process: Vec<Vec<u8>>,
    of_library: Vec<*mut c_void>,
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
}

/// What stands in each byte.
const FILL: u8 = 0xDD;

impl Default for Spray {
    fn default() -> Self {
        Self::new()
    }
}

impl Spray {
    /// Takes the blocks, and keeps them until it is dropped.
    #[must_use]
    pub fn new() -> Self {
        const LARGEST: usize = 512;
        const STEP: usize = 8;
        const OF_EACH: usize = 16;

        let sizes = (STEP..=LARGEST).step_by(STEP);
        let sizes = || sizes.clone().flat_map(|size| std::iter::repeat_n(size, OF_EACH));
        let of_library = sizes().map(|size| {
            // SAFETY: any size may be asked for.
            let block = unsafe { malloc(size) };
            if !block.is_null() {
                // SAFETY: a new block of this size.
                unsafe { block.cast::<u8>().write_bytes(FILL, size) };
            }
            block
        });
        let of_process = sizes().map(|size| vec![FILL; size]).collect();
        Self { of_library: of_library.collect(), _of_process: of_process }
    }
}

impl Drop for Spray {
    fn drop(&mut self) {
        for &block in &self.of_library {
            // SAFETY: from `malloc`, or NULL, and freed once.
            unsafe { free(block) };
        }
    }
}
