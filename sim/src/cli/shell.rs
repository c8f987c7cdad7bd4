//! `completions` and `man`: what a shell and its manual know of the command.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::{Args, CompletionsArgs, ManArgs};
use super::failure::Failure;
use super::status::Status;

/// Writes the completions of a shell.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "mapi-sync", &mut script);
    print(&script)
}

/// Writes the manual page, or one for each command into a folder.
pub(super) fn man(args: &ManArgs) -> Result<Status, Failure> {
    let mut command = Args::command();
    command.build();
    match &args.folder {
        None => {
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            print(&page)
        }
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            write_pages(&command, "mapi-sync", folder)?;
            Ok(Status::Held)
        }
    }
}

/// Writes the page of a command and those of its subcommands.
fn write_pages(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command.clone()).title(name).render(&mut page)?;
    std::fs::write(folder.join(format!("{name}.1")), page)?;
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    for subcommand in command.get_subcommands().filter(shown) {
        write_pages(subcommand, &format!("{name}-{}", subcommand.get_name()), folder)?;
    }
    Ok(())
}

/// If the reader has closed the pipe, it has seen enough.
fn print(bytes: &[u8]) -> Result<Status, Failure> {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Status::Held),
    }
}
