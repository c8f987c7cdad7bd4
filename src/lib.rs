//! Outlook mail-store synchronization.
