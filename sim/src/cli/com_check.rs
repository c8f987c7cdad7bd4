//! `com-check`: runs a provider from a DLL in a child process, and reports on it from here.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use mapi_sync::SyncFlags;
use mapi_sync_probe::{DebugEvent, Debugged, load_store};
use mapi_sync_sim::foreign::{ForeignCheck, ForeignReport, ProcessRule, check_store};
use mapi_sync_sim::report::Document;
use serde::{Deserialize, Serialize};

use super::args::ComCheckArgs;
use super::failure::Failure;
use super::output;
use super::status::Status;

/// How long to wait for an event of the child at a time.
const POLL: Duration = Duration::from_millis(10);

/// A message of the child on its standard output. Each is one line.
#[derive(Debug, Serialize, Deserialize)]
enum Said {
    /// This many syncs are over.
    Syncs(u32),
    /// All syncs are over.
    Report(ForeignReport),
    /// The provider could not be used.
    Unusable(String),
}

pub(super) fn run(args: &ComCheckArgs) -> Result<Status, Failure> {
    if args.in_process {
        return in_process(args);
    }
    let (report, unusable) = supervise(args)?;
    if let Some(why) = unusable {
        return Err(Failure::Unusable { provider: args.provider.clone(), why });
    }
    let (provider, export) = (&*args.provider.display().to_string(), &*args.export);
    let document = Document::Foreign { provider, export, report: &report };
    output::write(args.output.format, document)?;
    Ok(if report.violations.is_empty() { Status::Held } else { Status::Broken })
}

fn check_of(args: &ComCheckArgs) -> ForeignCheck {
    ForeignCheck {
        flags: SyncFlags::from_bits_retain(args.flags.bits()),
        syncs: args.syncs.get(),
        cancel_after: args.cancel_after.map(Duration::from_millis),
        patience: Duration::from_millis(args.patience),
        ..ForeignCheck::default()
    }
}

/// The child's part.
fn in_process(args: &ComCheckArgs) -> Result<Status, Failure> {
    let say = |said: &Said| -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, said)?;
        writeln!(out)?;
        out.flush()
    };
    let store = match load_store(&args.provider, &args.export) {
        Ok(store) => store,
        Err(error) => {
            say(&Said::Unusable(error.to_string()))?;
            return Ok(Status::Held);
        }
    };
    // If the parent has gone away, go on without it.
    let checked = check_store(&store, &check_of(args), |syncs| drop(say(&Said::Syncs(syncs))));
    match checked {
        Ok(report) => say(&Said::Report(report))?,
        Err(code) => say(&Said::Unusable(format!("the store answered {code} for IMAPISync")))?,
    }
    // A wrong provider may still have threads. Its library must stay loaded under them.
    std::mem::forget(store);
    std::process::exit(0)
}

/// The parent's part: the child's report, or one made here if the child could not give any.
fn supervise(args: &ComCheckArgs) -> Result<(ForeignReport, Option<String>), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["com-check", "--in-process"])
        .arg(&args.provider)
        .args(["--export", &args.export])
        .args(["--flags", &format!("{:#x}", args.flags.bits())])
        .args(["--syncs", &args.syncs.to_string()])
        .args(["--patience", &args.patience.to_string()])
        .args(args.cancel_after.iter().flat_map(|ms| ["--cancel-after".into(), ms.to_string()]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = Debugged::spawn(&mut command)?;
    let lines = BufReader::new(child.child().stdout.take().expect("it is piped")).lines();
    let (sender, said) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // Other lines are the provider's own output.
            if let Ok(said) = serde_json::from_str::<Said>(&line)
                && sender.send(said).is_err()
            {
                break;
            }
        }
    });

    let began = Instant::now();
    // The child itself limits its waits for start, Done and event. This limit is for a child that
    // hangs.
    let limit = Duration::from_millis(args.patience) * 4 + Duration::from_secs(20);
    let mut report = ForeignReport::default();
    let mut unusable = None;
    let mut last_message = began;
    let mut invalid_closes = 0;
    loop {
        // The child stands still until its event is answered, so the event is counted before the
        // child's next message.
        if child.next(POLL) == Some(DebugEvent::InvalidClose) {
            invalid_closes += 1;
        }
        match said.try_recv() {
            Ok(Said::Syncs(syncs)) => {
                report.syncs = syncs;
                last_message = Instant::now();
            }
            Ok(Said::Report(whole)) => {
                report = whole;
                break;
            }
            Ok(Said::Unusable(why)) => {
                unusable = Some(why);
                break;
            }
            Err(TryRecvError::Empty) => {
                if last_message.elapsed() < limit {
                    continue;
                }
                let message =
                    format!("the process of the provider hung after {} syncs", report.syncs);
                report.add(ProcessRule::Ends, message);
                break;
            }
            Err(TryRecvError::Disconnected) => {
                let status = child.end()?;
                let syncs = report.syncs;
                let message =
                    format!("the process of the provider ended ({status}) after {syncs} syncs");
                report.add(ProcessRule::Survives, message);
                report.syncs += 1;
                break;
            }
        }
    }
    if report.elapsed_s == 0.0 {
        report.elapsed_s = began.elapsed().as_secs_f64();
    }
    if invalid_closes > 0 {
        let message = format!("{invalid_closes} times a handle was closed that was not open");
        report.add(ProcessRule::HandlesOnce, message);
    }
    // All its messages have been read.
    child.end()?;
    // The reader's thread ends with the child's output.
    drop(reader);
    Ok((report, unusable))
}
