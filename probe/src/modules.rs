//! The modules of a debugged process: which one an address belongs to.
#![expect(unsafe_code, reason = "asks the kernel for the name of a file")]

use std::collections::BTreeMap;
use std::path::Path;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Storage::FileSystem::{FILE_NAME_NORMALIZED, GetFinalPathNameByHandleW};

/// The modules that are loaded, by the address where each begins.
#[derive(Debug, Default)]
pub(crate) struct Modules(BTreeMap<usize, String>);

/// No module is larger. An address further from the begin of the last one is outside of all.
const LARGEST: usize = 1 << 30;

impl Modules {
    /// A module was loaded from `file` to `base`.
    pub(crate) fn loaded(&mut self, base: usize, file: HANDLE) {
        self.0.insert(base, name_of(file).unwrap_or_else(|| "a module without a name".into()));
    }

    /// The module at `base` was unloaded.
    pub(crate) fn unloaded(&mut self, base: usize) {
        self.0.remove(&base);
    }

    /// The module that begins last before `address`, and the offset there.
    pub(crate) fn find(&self, address: usize) -> Option<(&str, usize)> {
        let (base, name) = self.0.range(..=address).next_back()?;
        let offset = address - base;
        (offset < LARGEST).then_some((name, offset))
    }
}

/// The last part of a file's path.
fn name_of(file: HANDLE) -> Option<String> {
    let mut units = [0_u16; 1024];
    let room = u32::try_from(units.len()).unwrap_or_default();
    // SAFETY: a handle that the debug event gave, or NULL, which fails; the buffer has so much
    // room.
    let length =
        unsafe { GetFinalPathNameByHandleW(file, units.as_mut_ptr(), room, FILE_NAME_NORMALIZED) };
    let path = String::from_utf16_lossy(units.get(..length as usize)?);
    let name = Path::new(&path).file_name()?.to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_the_module_before_them() {
        let mut modules = Modules::default();
        modules.0.insert(0x1_0000, "a.exe".into());
        modules.0.insert(0x9_0000, "b.dll".into());
        assert_eq!(modules.find(0x1_0010), Some(("a.exe", 0x10)));
        assert_eq!(modules.find(0x9_0000), Some(("b.dll", 0)));
        assert_eq!(modules.find(0x10), None);
        assert_eq!(modules.find(0x9_0000 + LARGEST), None);
        modules.unloaded(0x9_0000);
        assert_eq!(modules.find(0x9_0004), Some(("a.exe", 0x8_0004)));
    }
}
