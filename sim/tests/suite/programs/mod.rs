//! Programs whose classes of schedules can be counted on paper. The tests count them, the benches
//! time them.

use futures::future::{BoxFuture, FutureExt};
use mapi_sync_sim::engine::sync::{Register, unbounded};
use mapi_sync_sim::engine::{self, Limits};

/// A program of any size.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// How many drops an execution may have.
    pub(crate) drops: u32,
    /// The size that the literature, or our patience, gives as an example.
    pub(crate) size: usize,
    /// The program of this size.
    pub(crate) of: fn(usize) -> BoxFuture<'static, ()>,
    /// How many classes the program of this size has.
    pub(crate) classes: fn(usize) -> u64,
}

pub(crate) static PROGRAMS: &[Program] = &[
    Program {
        name: "readers",
        drops: 0,
        size: 13,
        of: |n| readers(n).boxed(),
        classes: |n| 1 << n,
    },
    Program {
        name: "writers",
        drops: 0,
        size: 8,
        of: |n| stores(n, 1).boxed(),
        classes: factorial,
    },
    Program {
        name: "lastzero",
        drops: 0,
        size: 12,
        of: |n| last_zero(n).boxed(),
        classes: |n| (n as u64 + 3) << n >> 2,
    },
    Program {
        name: "stores of 2",
        drops: 0,
        size: 5,
        of: |n| stores(2, n).boxed(),
        classes: |n| factorial(2 * n) / factorial(n).pow(2),
    },
    Program {
        name: "stores of 3",
        drops: 0,
        size: 3,
        of: |n| stores(3, n).boxed(),
        classes: |n| factorial(3 * n) / factorial(n).pow(3),
    },
    Program { name: "senders", drops: 0, size: 7, of: |n| senders(n).boxed(), classes: factorial },
    Program {
        name: "equal timers",
        drops: 0,
        size: 7,
        of: |n| equal_timers(n).boxed(),
        classes: factorial,
    },
    Program {
        name: "awaits",
        drops: 1,
        size: 30,
        of: |n| awaits(n).boxed(),
        classes: |n| n as u64 + 1,
    },
    Program {
        name: "strangers",
        drops: 0,
        size: 100,
        of: |n| strangers(n, 20).boxed(),
        classes: |_| 1,
    },
];

impl Program {
    pub(crate) fn limits(&self) -> Limits {
        Limits::default().with_drops(self.drops)
    }
}

fn factorial(n: usize) -> u64 {
    (1..=n as u64).product()
}

/// `tasks` tasks that write one cell `stores` times each: `(tasks * stores)! / stores!^tasks`
/// classes.
async fn stores(tasks: usize, stores: usize) {
    let cell = Register::new("cell", 0);
    for _ in 0..tasks {
        let cell = cell.clone();
        engine::spawn("storer", async move {
            for i in 0..stores {
                cell.write(i).await;
            }
        });
    }
}

/// One task that writes a cell and `n` that read it: `2^n` classes.
async fn readers(n: usize) {
    let cell = Register::new("cell", 0);
    let written = cell.clone();
    engine::spawn("writer", async move { written.write(1).await });
    for _ in 0..n {
        let cell = cell.clone();
        engine::spawn("reader", async move {
            cell.read().await;
        });
    }
}

/// Each of `n` tasks sets its cell to one more than the cell before; one looks for the last zero
/// from the end: `(n + 3) * 2^(n - 2)` classes.
async fn last_zero(n: usize) {
    let cells: Vec<_> = (0..=n).map(|_| Register::new("cell", 0)).collect();
    let seen = cells.clone();
    engine::spawn("finder", async move {
        let mut i = n;
        while seen[i].read().await != 0 {
            i -= 1;
        }
    });
    for pair in cells.windows(2) {
        let (from, to) = (pair[0].clone(), pair[1].clone());
        engine::spawn("raiser", async move {
            let value = from.read().await;
            to.write(value + 1).await;
        });
    }
}

/// `n` tasks that send to one receiver: `n!` classes.
async fn senders(n: usize) {
    let (tx, mut rx) = unbounded("pipe");
    for i in 0..n {
        let tx = tx.clone();
        engine::spawn("sender", async move { tx.send(i).await.unwrap() });
    }
    drop(tx);
    for _ in 0..n {
        rx.recv().await.unwrap();
    }
}

/// `k` tasks whose timers are due at once, and whose order can be seen: `k!` classes.
async fn equal_timers(k: usize) {
    let cell = Register::new("cell", 0);
    for i in 0..k {
        let cell = cell.clone();
        engine::spawn("sleeper", async move {
            engine::sleep(10).await;
            cell.set(i);
        });
    }
}

/// A task of `n` await points that may be dropped at any of them: `n + 1` classes, if one drop is
/// allowed.
async fn awaits(n: usize) {
    engine::spawn_droppable("victim", async move {
        for _ in 0..n {
            engine::yield_now().await;
        }
    });
}

/// `n` tasks that share nothing: one class.
async fn strangers(n: usize, steps: usize) {
    for _ in 0..n {
        engine::spawn("stranger", async move {
            let own = Register::new("own", 0);
            for i in 0..steps {
                own.write(i).await;
            }
            engine::sleep(5).await;
        });
    }
}
