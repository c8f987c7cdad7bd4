//! The progress bar, and the signals that end a command.

use std::fmt;
#[cfg(unix)]
use std::io::Read;
use std::io::{self, IsTerminal, stderr};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use mapi_sync_sim::Shrinking;
use mapi_sync_sim::engine::parallel::Control;

use super::failure::Failure;
use super::status::Status;

/// How often the bar is updated.
const TICK: Duration = Duration::from_millis(100);

/// The signals that interrupt a search: Ctrl-C and, on Unix, SIGTERM.
pub(super) struct Interrupts {
    control: Arc<Control>,
    /// The status of the first signal that came.
    status: Arc<OnceLock<Status>>,
}

impl Interrupts {
    /// Listens from now on. The first signal interrupts the control; the second ends the process at
    /// once.
    pub(super) fn listen() -> Result<Self, Failure> {
        let interrupts = Self { control: Arc::new(Control::new()), status: Arc::default() };
        ctrlc::set_handler(interrupts.handler(Status::Interrupted))?;
        #[cfg(unix)]
        on_sigterm(interrupts.handler(Status::Terminated))?;
        Ok(interrupts)
    }

    /// The control that they interrupt.
    pub(super) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// The status of a search that was interrupted.
    pub(super) fn status(&self) -> Status {
        self.status.get().copied().unwrap_or(Status::Interrupted)
    }

    /// What a signal does whose status is this one.
    fn handler(&self, own: Status) -> impl FnMut() + Send + 'static {
        let (control, status) = (Arc::clone(&self.control), Arc::clone(&self.status));
        move || {
            if status.set(own).is_err() {
                std::process::exit(own.code().into());
            }
            control.interrupt();
        }
    }
}

/// Listens for SIGTERM, where there is one, and for nothing else; the status is there once it came.
pub(super) fn terminated() -> io::Result<Arc<OnceLock<Status>>> {
    let status = Arc::new(OnceLock::new());
    #[cfg(unix)]
    {
        let status = Arc::clone(&status);
        on_sigterm(move || {
            let _ = status.set(Status::Terminated);
        })?;
    }
    Ok(status)
}

/// Calls `handler`, in its own thread, each time SIGTERM comes.
#[cfg(unix)]
fn on_sigterm(mut handler: impl FnMut() + Send + 'static) -> io::Result<()> {
    let (mut signals, sender) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, sender)?;
    thread::spawn(move || {
        while signals.read_exact(&mut [0]).is_ok() {
            handler();
        }
    });
    Ok(())
}

/// The length of a bar that shows a share.
const WHOLE: u64 = 10_000;

/// A progress bar on the standard error stream, if that is a terminal. Dropping this removes it.
pub(super) struct ProgressLine {
    bar: ProgressBar,
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl ProgressLine {
    /// A bar that counts the executions of `control` up to `total`. Without a total, it shows the
    /// estimated share of the whole search.
    pub(super) fn of_schedules(total: Option<u64>, control: &Arc<Control>) -> Self {
        let bar = match total {
            Some(_) => {
                bar(total, "{bar:30} {human_pos} of {human_len} schedules, {rate}, {eta} left")
            }
            None => bar(Some(WHOLE), "{bar:30} {msg}, {eta} left"),
        };
        let (stop, stopped) = mpsc::channel();
        let ticker = (!bar.is_hidden()).then(|| {
            let (bar, control) = (bar.clone(), Arc::clone(control));
            let thread = thread::spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    match total {
                        Some(_) => bar.set_position(control.done()),
                        None => show_share(&bar, &control),
                    }
                }
            });
            (stop, thread)
        });
        Self { bar, ticker }
    }

    /// Shows how far the shrinking of a counterexample has come.
    pub(super) fn shrinks(&mut self, shrinking: Shrinking) {
        let Shrinking { defect, executions, most, .. } = shrinking;
        if self.bar.is_hidden() {
            return;
        }
        if let Some((stop, thread)) = self.ticker.take() {
            drop(stop);
            let _ = thread.join();
            let template =
                "{bar:30} {human_pos} of at most {human_len} executions to make {msg} smaller";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style.progress_chars("=> "));
            }
        }
        if executions == 0 {
            self.bar.set_length(most.into());
            self.bar.set_message(defect.id());
        }
        self.bar.set_position(executions.into());
    }

    /// A bar of `total` steps. [`begin`](Self::begin) moves it.
    pub(super) fn of_steps(total: u64) -> Self {
        let bar = bar(Some(total), "{bar:30} {pos} of {len}, {eta} left: {msg}");
        bar.enable_steady_tick(TICK);
        Self { bar, ticker: None }
    }

    /// Begins the next step.
    pub(super) fn begin(&self, name: &str) {
        if !self.bar.message().is_empty() {
            self.bar.inc(1);
        }
        self.bar.set_message(name.to_owned());
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.ticker.take() {
            drop(stop);
            // Nothing in that thread can panic. If it did, only the bar would stop.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::no_length(),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ").with_key("rate", rate)),
        Err(_) => bar,
    }
}

/// Shows how much is done of a search whose size is not known.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate, no less than 0"
)]
fn show_share(bar: &ProgressBar, control: &Control) {
    let (done, share) = (control.done(), control.share());
    bar.set_position((share * WHOLE as f64) as u64);
    let of = match (done as f64 / share) as u64 {
        _ if share <= 0.0 => String::new(),
        whole => format!(" of about {}", HumanCount(whole)),
    };
    bar.set_message(format!("{}{of} schedules", HumanCount(done)));
}

/// Whole executions in a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is no less than 0, and a saturating cast is good enough"
)]
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A bar that cannot be drawn does not end the command.
    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
}
