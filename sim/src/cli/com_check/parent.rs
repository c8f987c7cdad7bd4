//! The parent's part: it starts the child, debugs it, reads what it says, and ends it.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync_probe::{Crash, DebugEvent, Debugged, Wire, windows_error};
use mapi_sync_sim::foreign::{Assembly, ForeignReport, Messages, ProcessRule, Said};

use crate::cli::args::ComCheckArgs;
use crate::cli::failure::Failure;

/// How long to wait for an event of the child at a time.
const POLL: Duration = Duration::from_millis(10);

/// The child says that it is alive while it waits for the provider. So longer than the patience,
/// and this for a slow machine, it is silent only if it hangs itself.
const SLACK: Duration = Duration::from_secs(5);

/// How many messages may wait to be read. The child waits when there are more.
const WAITING: usize = 256;

/// How the child ended.
enum End {
    /// It ended by itself, with this status.
    Exited(Option<ExitStatus>),
    Crashed(Crash),
    /// It said nothing for too long.
    Silent,
    /// It waits to be ended.
    Over,
}

/// Checks the provider: the child's report, as far as it went, and how the child ended.
pub(super) fn supervise(args: &ComCheckArgs) -> Result<ForeignReport, Failure> {
    let began = Instant::now();
    let wire = Wire::new()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["com-check", "--wire", &wire.number().to_string()])
        .args(["--export", &args.export])
        .args(["--flags", &format!("{:#x}", args.flags.bits())])
        .args(["--syncs", &args.syncs.to_string()])
        .args(["--patience", &args.patience.to_string()])
        .args(["--seed", &args.seed.to_string()])
        .args(args.cancel_after.iter().flat_map(|ms| ["--cancel-after".into(), ms.to_string()]))
        .arg("--")
        .arg(&args.provider)
        // What the provider prints is its own, and is not mixed with the report.
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut child = Debugged::spawn(&mut command)?;
    if let Some(path) = &args.minidump {
        child.dump_to(path.clone());
    }
    let messages = read(wire);

    let patience = Duration::from_millis(args.patience);
    let mut watch = Watch {
        assembly: Assembly::default(),
        invalid_closes: 0,
        is_over: false,
        unloads: false,
        silence: patience + SLACK,
    };
    let end = watch.until_the_end(&mut child, &messages);
    let mut report = watch.report(end);
    // Whatever the provider has started ends too.
    child.end()?;
    if report.elapsed_s == 0.0 {
        report.elapsed_s = began.elapsed().as_secs_f64();
    }
    Ok(report)
}

/// Reads the wire on a thread of its own, which ends with the child.
fn read(wire: Wire) -> Receiver<Said> {
    let mut reader = wire.into_reader();
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    thread::spawn(move || {
        let mut messages = Messages::default();
        let mut bytes = vec![0; 1 << 14];
        let mut is_heard = true;
        while is_heard {
            match reader.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(length) => messages.push(&bytes[..length], |said| {
                    is_heard &= sender.send(said).is_ok();
                }),
            }
        }
    });
    receiver
}

struct Watch {
    assembly: Assembly,
    invalid_closes: u64,
    /// All syncs are over.
    is_over: bool,
    /// The child unloads the provider, and ends.
    unloads: bool,
    /// How long the child may be silent.
    silence: Duration,
}

impl Watch {
    fn until_the_end(&mut self, child: &mut Debugged, messages: &Receiver<Said>) -> End {
        let mut crash = None;
        let mut is_unloading = false;
        let mut last = Instant::now();
        loop {
            // The child stands still until its event is answered, so the event is counted before
            // the child's next message.
            match child.next(POLL) {
                Some(DebugEvent::InvalidClose) => self.invalid_closes += 1,
                Some(DebugEvent::Crashed(seen)) => {
                    crash.get_or_insert(seen);
                }
                Some(DebugEvent::Announced) => is_unloading = true,
                // The loader handles what `DllMain` raises, and so hides it.
                Some(DebugEvent::Raised(seen)) if is_unloading => {
                    crash.get_or_insert(seen);
                }
                Some(DebugEvent::Exited) => {
                    // What it said last may still be on its way.
                    while let Ok(said) = messages.recv_timeout(self.silence) {
                        self.take(said);
                    }
                    return match crash {
                        Some(crash) => End::Crashed(crash),
                        None => End::Exited(child.end().ok()),
                    };
                }
                _ => {}
            }
            while let Ok(said) = messages.try_recv() {
                self.take(said);
                last = Instant::now();
            }
            if self.is_over && !self.unloads {
                return End::Over;
            }
            if let Some(crash) = crash.take_if(|_| last.elapsed() >= SLACK) {
                // Nothing handled its exception, and yet it does not end.
                return End::Crashed(crash);
            }
            if last.elapsed() >= self.silence {
                return End::Silent;
            }
        }
    }

    fn take(&mut self, said: Said) {
        match said {
            Said::Over { unloads, .. } => (self.is_over, self.unloads) = (true, unloads),
            Said::Unusable(_) => self.is_over = true,
            _ => {}
        }
        self.assembly.take(said);
    }

    fn report(mut self, end: End) -> ForeignReport {
        let phase = self.assembly.phase().to_owned();
        let report = self.assembly.report();
        match end {
            End::Over => {}
            End::Exited(status) => {
                if !(self.is_over && status.is_some_and(|status| status.success())) {
                    let status = status.map_or_else(|| "unknown".into(), words);
                    let message =
                        format!("the process of the provider ended {phase}, with {status}");
                    report.add(ProcessRule::Survives, message);
                }
            }
            End::Crashed(crash) => {
                let message = format!("the process of the provider crashed {phase}: {crash}");
                report.add(ProcessRule::Survives, message);
            }
            End::Silent => {
                let rule = if self.is_over { ProcessRule::Unload } else { ProcessRule::Ends };
                let seconds = self.silence.as_secs_f64();
                let message = format!("the process of the provider hung {phase}, for {seconds} s");
                report.add(rule, message);
            }
        }
        if self.invalid_closes > 0 {
            let times = self.invalid_closes;
            let message = format!("{times} times a handle was closed that was not open");
            report.add(ProcessRule::HandlesOnce, message);
        }
        self.assembly.finish()
    }
}

/// An exit status: a small number, or an error's.
fn words(status: ExitStatus) -> String {
    match status.code().map(i32::cast_unsigned) {
        Some(code @ 0..=255) => format!("the exit code {code}"),
        Some(code) => format!("the exit code {code:#010X}: {}", windows_error(code)),
        None => status.to_string(),
    }
}
