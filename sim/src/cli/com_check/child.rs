//! The child's part: the process that the provider is loaded into.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mapi_sync::com::IUnknown;
use mapi_sync::{HResult, SyncFlags};
use mapi_sync_probe::{Library, MapiThreads, Session, announce, open_wire, query_sync};
use mapi_sync_sim::foreign::{
    Ended, ForeignCheck, ForeignViolation, ProcessRule, Said, Stores, Tell, check_stores,
};

use crate::cli::args::ComCheckArgs;
use crate::cli::failure::Failure;
use crate::cli::status::Status;

const POLL: Duration = Duration::from_millis(5);

/// How often the process says that it is alive while it waits.
const ALIVE: Duration = Duration::from_millis(250);

/// The wire, which any thread may write to.
#[derive(Clone)]
struct Teller(Arc<Mutex<File>>);

impl Teller {
    fn say(&self, said: &Said) {
        let mut wire = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // If the parent has gone away, go on without it: its job ends this process.
        let _ = said.write(&mut *wire);
    }

    fn phase(&self, phase: &str) {
        self.say(&Said::Phase(phase.into()));
    }

    fn found(&self, rule: ProcessRule, message: String) {
        self.say(&Said::Found(ForeignViolation::of(rule, message)));
    }
}

/// Stores from one library.
struct Loaded<'a> {
    /// Until it is asked for: the check must be able to give back every reference.
    first: Option<IUnknown>,
    library: &'a Library,
}

impl Stores for Loaded<'_> {
    fn first(&mut self) -> IUnknown {
        self.first.take().expect("it is asked for once")
    }

    fn another(&mut self) -> Result<IUnknown, HResult> {
        self.library.store().map_err(|_| HResult::E_FAIL)
    }
}

pub(super) fn run(args: &ComCheckArgs, wire: usize) -> Result<Status, Failure> {
    let teller = Teller(Arc::new(Mutex::new(open_wire(wire)?)));
    let began = Instant::now();
    let mapi = MapiThreads::count();
    let threads = mapi_sync_probe::threads();
    let checked = check(args, &teller, mapi);
    let elapsed_s = began.elapsed().as_secs_f64();
    match checked {
        Ok((library, Ended::Clean)) => {
            teller.say(&Said::Over { elapsed_s, unloads: true });
            announce();
            unload(library, threads, &check_of(args), &teller);
            teller.phase("in the end of the process");
            teller.say(&Said::Did("exit".into(), 1));
            // Not the return of `main`: it would run what the provider has registered with the C
            // library of this program, and no more.
            std::process::exit(0);
        }
        Ok((_, Ended::Dirty)) => teller.say(&Said::Over { elapsed_s, unloads: false }),
        Err(why) => teller.say(&Said::Unusable(why)),
    }
    // A wrong provider may still have threads. Its library must stay loaded under them until the
    // parent ends this process.
    loop {
        std::thread::park();
    }
}

fn check_of(args: &ComCheckArgs) -> ForeignCheck {
    ForeignCheck {
        flags: SyncFlags::from_bits_retain(args.flags.bits()),
        syncs: args.syncs.get(),
        cancel_after: args.cancel_after.map(Duration::from_millis),
        patience: Duration::from_millis(args.patience),
        seed: args.seed,
        ..ForeignCheck::default()
    }
}

/// Loads the provider and runs all syncs.
fn check(
    args: &ComCheckArgs,
    teller: &Teller,
    mapi: Option<MapiThreads>,
) -> Result<(Library, Ended), String> {
    teller.phase("while it was loaded");
    let library = Library::load(&args.provider, &args.export).map_err(|error| error.to_string())?;
    teller.phase("in its export");
    let first = library.store().map_err(|error| error.to_string())?;
    teller.phase("in QueryInterface");
    query_sync(&first).map_err(|error| error.to_string())?;
    let session = Session::new();
    let said = teller.clone();
    let tell: Tell = Arc::new(move |message| said.say(message));
    let mut stores = Loaded { first: Some(first), library: &library };
    let checked = check_stores(&mut stores, &check_of(args), Some(session.unknown()), tell);
    let ended = checked.map_err(|code| format!("the store answered {code} for IMAPISync"))?;
    match ended {
        Ended::Clean => {
            teller.phase("in the last release of the store");
            drop(stores);
            judge_session(session, teller);
            if let Some(mapi) = mapi {
                judge_mapi(mapi, teller);
            }
        }
        Ended::Dirty => std::mem::forget(stores),
    }
    Ok((library, ended))
}

fn judge_session(session: Session, teller: &Teller) {
    let (left, too_often) = (session.references(), session.released_too_often());
    if too_often > 0 {
        let message = format!("psesSync was released {too_often} times without a reference");
        teller.found(ProcessRule::Session, message);
    } else if left > 0 {
        let message = format!("{left} references to psesSync are left after the last release");
        teller.found(ProcessRule::Session, message);
    }
}

fn judge_mapi(mapi: MapiThreads, teller: &Teller) {
    if let Ok(threads @ 1..) = u64::try_from(mapi.entered()) {
        teller.say(&Said::Did("mapi-threads".into(), threads));
    }
    let unbalanced = mapi.unbalanced();
    let Some((thread, counts)) = unbalanced.first() else { return };
    let (initialized, uninitialized) = (counts.initialized, counts.uninitialized);
    let mut message = format!(
        "thread {thread} called MAPIInitialize {initialized} times and MAPIUninitialize \
         {uninitialized} times"
    );
    if counts.too_often > 0 {
        message.push_str(&format!(", {} times without one to undo", counts.too_often));
    }
    match unbalanced.len() - 1 {
        0 => {}
        more => message.push_str(&format!(" (and {more} threads more)")),
    }
    teller.found(ProcessRule::MapiThreads, message);
}

/// Unloads the library, if nothing of it runs: no more threads than before it was loaded, or its
/// own word for it.
fn unload(library: Library, threads: Option<usize>, check: &ForeignCheck, teller: &Teller) {
    teller.phase("in DllCanUnloadNow");
    let end = Instant::now() + check.grace;
    let mut alive = Instant::now();
    let may_unload = loop {
        let ended = mapi_sync_probe::threads() <= threads;
        // Its word counts once its threads have ended, if it has one; and without threads to be
        // seen, its word is enough.
        let may = match library.can_unload_now() {
            Some(can_unload) => can_unload && (ended || threads.is_none()),
            None => ended && threads.is_some(),
        };
        if may || Instant::now() >= end {
            break may;
        }
        if alive.elapsed() >= ALIVE {
            alive = Instant::now();
            teller.say(&Said::Alive);
        }
        std::thread::sleep(POLL);
    };
    if may_unload {
        teller.phase("in its unloading");
        if library.unload() {
            teller.say(&Said::Did("unload".into(), 1));
        }
    }
}
