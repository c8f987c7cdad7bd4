//! Files: `tokio::fs`. Inside an execution they are refused by name.

use std::fs::{Metadata, Permissions};
use std::io::Result;
use std::path::{Path, PathBuf};

pub use real::fs::*;

use crate::inside::refuse;

/// What a program does instead.
const INSTEAD: &str = "files answer in real time. Hand the program what it reads, or put its files \
                       behind a trait, with one in memory for the check";

/// Functions that are refused by name, or else the real ones.
macro_rules! refused {
    ($($(#[$cfg:meta])* $name:ident($($value:ident: $of:ty),*) -> $output:ty;)*) => {$(
        $(#[$cfg])*
        #[doc = concat!("`tokio::fs::", stringify!($name), "`.")]
        ///
        /// # Errors
        ///
        /// As the real one has.
        ///
        /// # Panics
        ///
        /// Inside an execution.
        pub async fn $name($($value: $of),*) -> Result<$output> {
            refuse(concat!("tokio::fs::", stringify!($name)), INSTEAD);
            real::fs::$name($($value),*).await
        }
    )*};
}

refused! {
    canonicalize(path: impl AsRef<Path>) -> PathBuf;
    copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> u64;
    create_dir(path: impl AsRef<Path>) -> ();
    create_dir_all(path: impl AsRef<Path>) -> ();
    hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ();
    metadata(path: impl AsRef<Path>) -> Metadata;
    read(path: impl AsRef<Path>) -> Vec<u8>;
    read_dir(path: impl AsRef<Path>) -> ReadDir;
    read_link(path: impl AsRef<Path>) -> PathBuf;
    read_to_string(path: impl AsRef<Path>) -> String;
    remove_dir(path: impl AsRef<Path>) -> ();
    remove_dir_all(path: impl AsRef<Path>) -> ();
    remove_file(path: impl AsRef<Path>) -> ();
    rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> ();
    set_permissions(path: impl AsRef<Path>, perm: Permissions) -> ();
    #[cfg(unix)]
    symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ();
    #[cfg(windows)]
    symlink_dir(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ();
    #[cfg(windows)]
    symlink_file(original: impl AsRef<Path>, link: impl AsRef<Path>) -> ();
    symlink_metadata(path: impl AsRef<Path>) -> Metadata;
    try_exists(path: impl AsRef<Path>) -> bool;
    write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> ();
}
