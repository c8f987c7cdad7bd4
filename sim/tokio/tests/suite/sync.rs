//! The primitives: every schedule inside, and the classes that the engine's own have.

use std::any::type_name;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use mapi_sync_engine::sync as ours;
use mapi_sync_engine::{self as engine, End};
use tokio::sync::{
    Barrier, Mutex, MutexGuard, Notify, OnceCell, OwnedMutexGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockWriteGuard, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use tokio::task::JoinSet;

use crate::common::{All, classes, exhaust, once, outside};

/// Starts these and waits for all.
async fn all<T: Send + 'static>(tasks: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}

#[test]
fn a_mutex_excludes() {
    async fn program() -> u32 {
        let counter = Arc::new(Mutex::new(0));
        let add = |counter: Arc<Mutex<u32>>| async move {
            let mut counter = counter.lock().await;
            let seen = *counter;
            tokio::task::yield_now().await;
            *counter = seen + 1;
        };
        all((0..2).map(|_| add(Arc::clone(&counter))).collect()).await;
        Arc::into_inner(counter).unwrap().into_inner()
    }
    assert!(exhaust(program).results.into_keys().eq([2]));
    assert_eq!(outside(program()), 2);
}

/// What the order of two locks decides, as on the engine's own mutex.
#[test]
fn a_mutex_has_the_classes_of_the_engine() {
    async fn program(tasks: u32) -> Vec<u32> {
        let order = Arc::new(Mutex::new(Vec::new()));
        let handles: Vec<_> = (0..tasks)
            .map(|task| {
                let order = Arc::clone(&order);
                tokio::spawn(async move {
                    let mut order = order.lock().await;
                    order.push(task);
                    tokio::task::yield_now().await;
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        order.lock().await.clone()
    }
    async fn on_the_engine(tasks: u32) -> Vec<u32> {
        let order = ours::Mutex::new("order", Vec::new());
        let handles: Vec<_> = (0..tasks)
            .map(|task| {
                let order = order.clone();
                engine::spawn("task", async move {
                    let mut order = order.lock().await;
                    order.push(task);
                    engine::yield_now().await;
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        order.lock().await.clone()
    }
    for tasks in 1..=3 {
        let ours = classes(|| on_the_engine(tasks));
        assert_eq!(classes(|| program(tasks)), ours);
        assert_eq!(ours.results.len(), [1, 2, 6][tasks as usize - 1]);
    }
    assert_eq!(exhaust(|| program(2)).results.len(), 2);
    assert_eq!(outside(program(3)), [0, 1, 2]);
}

#[test]
fn oneshot_and_mpsc_have_the_classes_of_the_engine() {
    async fn one() -> Result<u32, ()> {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            sender.send(7).unwrap();
        });
        receiver.await.map_err(|_| ())
    }
    async fn one_on_the_engine() -> Result<u32, ()> {
        let (sender, receiver) = ours::oneshot("one");
        engine::Builder::new("sender").background().spawn(async move {
            engine::yield_now().await;
            sender.send(7).unwrap();
        });
        receiver.await.map_err(|_| ())
    }
    assert_eq!(classes(one), classes(one_on_the_engine));
    assert!(exhaust(one).results.into_keys().eq([Ok(7)]));
    assert_eq!(outside(one()), Ok(7));

    async fn many(capacity: usize, senders: u32) -> Vec<u32> {
        let (sender, mut receiver) = mpsc::channel(capacity);
        for i in 0..senders {
            let sender = sender.clone();
            tokio::spawn(async move {
                sender.send(10 * i).await.unwrap();
                sender.send(10 * i + 1).await.unwrap();
            });
        }
        drop(sender);
        let mut received = Vec::new();
        while let Some(message) = receiver.recv().await {
            received.push(message);
        }
        received
    }
    async fn many_on_the_engine(capacity: usize, senders: u32) -> Vec<u32> {
        let (sender, mut receiver) = ours::bounded("many", capacity);
        for i in 0..senders {
            let sender = sender.clone();
            engine::Builder::new("sender").background().spawn(async move {
                sender.send(10 * i).await.unwrap();
                sender.send(10 * i + 1).await.unwrap();
            });
        }
        drop(sender);
        let mut received = Vec::new();
        while let Ok(message) = receiver.recv().await {
            received.push(message);
        }
        received
    }
    for (capacity, senders) in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 2)] {
        let own = classes(|| many_on_the_engine(capacity, senders));
        assert_eq!(classes(|| many(capacity, senders)), own, "{capacity} {senders}");
    }
    assert!(exhaust(|| many(1, 1)).results.into_keys().eq([vec![0, 1]]));
    assert_eq!(outside(many(1, 1)), [0, 1]);
}

#[test]
fn an_unbounded_queue_keeps_the_order_of_each_sender() {
    async fn program() -> Vec<u32> {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let weak = sender.downgrade();
        let other = sender.clone();
        tokio::spawn(async move {
            sender.send(1).unwrap();
            tokio::task::yield_now().await;
            sender.send(2).unwrap();
        });
        tokio::spawn(async move { other.send(3).unwrap() });
        let mut received = Vec::new();
        receiver.recv_many(&mut received, 2).await;
        while let Some(message) = receiver.recv().await {
            received.push(message);
        }
        assert!(weak.upgrade().is_none() && receiver.is_closed());
        received
    }
    let results = exhaust(program).results;
    assert!(results.into_keys().eq([vec![1, 2, 3], vec![1, 3, 2], vec![3, 1, 2]]));
    assert_eq!(outside(program()), [1, 3, 2]);
}

#[test]
fn room_is_given_back() {
    async fn program() -> Vec<u32> {
        let (sender, mut receiver) = mpsc::channel(2);
        let permit = sender.reserve().await.unwrap();
        let owned = sender.clone().reserve_owned().await.unwrap();
        assert!(sender.try_send(0).is_err() && sender.capacity() == 0);
        permit.send(1);
        let again = owned.release();
        again.try_send(2).unwrap();
        assert_eq!(receiver.recv().await, Some(1));
        let mut permits = sender.try_reserve_many(1).unwrap();
        permits.next().unwrap().send(3);
        drop((again, permits));
        receiver.close();
        assert!(sender.send(4).await.is_err() && sender.is_closed());
        let mut received = vec![];
        while let Ok(message) = receiver.try_recv() {
            received.push(message);
        }
        received
    }
    assert!(exhaust(program).results.into_keys().eq([vec![2, 3]]));
    assert_eq!(outside(program()), [2, 3]);
}

#[test]
fn a_semaphore_admits_as_many_as_it_has_permits() {
    async fn program(permits: usize) -> usize {
        let semaphore = Arc::new(Semaphore::new(permits));
        let inside = Arc::new(std::sync::Mutex::new((0_usize, 0_usize)));
        let task = |owned: bool| {
            let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
            async move {
                let _permit = match owned {
                    true => Ok(Arc::clone(&semaphore).acquire_owned().await.unwrap()),
                    false => Err(semaphore.acquire().await.unwrap()),
                };
                {
                    let mut inside = inside.lock().unwrap();
                    inside.0 += 1;
                    inside.1 = inside.1.max(inside.0);
                }
                tokio::task::yield_now().await;
                inside.lock().unwrap().0 -= 1;
            }
        };
        let tasks = [true, false, true].map(|owned| tokio::spawn(task(owned)));
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(semaphore.available_permits(), permits);
        inside.lock().unwrap().1
    }
    assert!(classes(|| program(1)).results.into_keys().eq([1]));
    assert!(classes(|| program(2)).results.into_keys().all(|most| most <= 2));
    assert_eq!((outside(program(1)), outside(program(2))), (1, 2));
}

#[test]
fn permits_are_split_merged_and_forgotten() {
    async fn program() -> usize {
        let semaphore = Arc::new(Semaphore::new(4));
        let mut permit = semaphore.acquire_many(3).await.unwrap();
        let part = permit.split(1).unwrap();
        assert_eq!((permit.num_permits(), part.num_permits()), (2, 1));
        permit.merge(part);
        drop(permit);
        let mut owned = Arc::clone(&semaphore).try_acquire_many_owned(2).unwrap();
        owned.split(1).unwrap().forget();
        assert_eq!(owned.num_permits(), 1);
        drop(owned);
        semaphore.close();
        assert!(semaphore.acquire().await.is_err());
        semaphore.available_permits()
    }
    assert!(exhaust(program).results.into_keys().eq([3]));
    assert_eq!(outside(program()), 3);
}

#[test]
fn readers_share_and_a_writer_excludes() {
    async fn program() -> (u32, u32) {
        let lock = Arc::new(RwLock::new(0));
        let read = |lock: Arc<RwLock<u32>>| async move { *lock.read().await };
        let write = |lock: Arc<RwLock<u32>>| async move {
            let mut value = lock.write().await;
            *value += 1;
            tokio::task::yield_now().await;
            *value += 1;
        };
        let readers = [0, 1].map(|_| tokio::spawn(read(Arc::clone(&lock))));
        let writer = tokio::spawn(write(Arc::clone(&lock)));
        let [first, second] = readers;
        let seen = (first.await.unwrap(), second.await.unwrap());
        writer.await.unwrap();
        seen
    }
    let All { results, .. } = exhaust(program);
    assert!(results.into_keys().eq([(0, 0), (0, 2), (2, 0), (2, 2)]));
    assert_eq!(outside(program()), (0, 0));
}

#[test]
fn guards_own_map_and_downgrade() {
    async fn program() -> Vec<u32> {
        let mutex = Arc::new(Mutex::new((1, 2)));
        let guard = Arc::clone(&mutex).lock_owned().await;
        assert!(Arc::clone(&mutex).try_lock_owned().is_err());
        let mut part = OwnedMutexGuard::map(guard, |pair| &mut pair.0);
        *part += 2;
        drop(part);
        *MutexGuard::map(mutex.lock().await, |pair| &mut pair.1) += 2;
        let lock = Arc::new(RwLock::new((5, 6)));
        let guard = Arc::clone(&lock).write_owned().await;
        let guard = guard.downgrade();
        assert!(lock.try_write().is_err() && lock.try_read().is_ok());
        drop(guard);
        let guard = Arc::clone(&lock).write_owned().await;
        *OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.0) += 2;
        let guard = lock.write().await;
        let guard = RwLockWriteGuard::downgrade_map(guard, |pair| &pair.1);
        let six = *guard;
        drop(guard);
        let (mutex, lock) = (*mutex.lock().await, *Arc::clone(&lock).read_owned().await);
        vec![mutex.0, mutex.1, lock.0, lock.1, six]
    }
    assert!(exhaust(program).results.into_keys().eq([vec![3, 4, 7, 6, 6]]));
    assert_eq!(outside(program()), [3, 4, 7, 6, 6]);
}

#[test]
fn a_notification_is_kept_for_the_next() {
    async fn program() -> u32 {
        let notify = Arc::new(Notify::new());
        let waiter = Arc::clone(&notify);
        let task = tokio::spawn(async move {
            waiter.notified().await;
            1
        });
        notify.notify_one();
        task.await.unwrap()
    }
    assert!(exhaust(program).results.into_keys().eq([1]));
    assert_eq!(outside(program()), 1);
}

#[test]
fn all_who_wait_are_notified() {
    async fn program() -> bool {
        let notify = Arc::new(Notify::new());
        let mut enabled = pin!(notify.notified());
        assert!(!enabled.as_mut().enable());
        // It counts from its making.
        let made = Arc::clone(&notify).notified_owned();
        let waiter = Arc::clone(&notify);
        let task = tokio::spawn(async move { waiter.notify_waiters() });
        enabled.await;
        made.await;
        task.await.unwrap();
        let mut late = pin!(notify.notified());
        poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx).is_pending())).await
    }
    assert!(exhaust(program).results.into_keys().eq([true]));
    assert!(outside(program()));
}

#[test]
fn a_notification_that_nobody_waits_for_is_lost_in_some_schedules() {
    async fn program() {
        let notify = Arc::new(Notify::new());
        let waiter = Arc::clone(&notify);
        let task = tokio::spawn(async move { waiter.notified().await });
        tokio::task::yield_now().await;
        notify.notify_waiters();
        task.await.unwrap();
    }
    let ends: Vec<_> = (0..40).map(|seed| once(seed, program()).0.end).collect();
    assert!(ends.contains(&End::Completed));
    assert!(ends.iter().any(|end| matches!(end, End::Deadlock(_))));
}

#[test]
fn a_barrier_has_one_leader() {
    async fn program() -> usize {
        let barrier = Arc::new(Barrier::new(3));
        let wait = |barrier: Arc<Barrier>| async move { barrier.wait().await.is_leader() };
        let waits = (0..3).map(|_| wait(Arc::clone(&barrier))).collect();
        all(waits).await.into_iter().filter(|leads| *leads).count()
    }
    assert!(classes(program).results.into_keys().eq([1]));
    assert_eq!(outside(program()), 1);
}

#[test]
fn every_receiver_gets_every_message() {
    async fn program() -> Vec<Vec<u32>> {
        let (sender, first) = broadcast::channel(4);
        let second = sender.subscribe();
        let receive = |mut receiver: broadcast::Receiver<u32>| async move {
            let mut received = Vec::new();
            while let Ok(message) = receiver.recv().await {
                received.push(message);
            }
            received
        };
        let tasks = [first, second].map(|receiver| tokio::spawn(receive(receiver)));
        sender.send(1).unwrap();
        tokio::task::yield_now().await;
        sender.send(2).unwrap();
        drop(sender);
        let mut received = Vec::new();
        for task in tasks {
            received.push(task.await.unwrap());
        }
        received
    }
    assert!(classes(program).results.into_keys().eq([vec![vec![1, 2]; 2]]));
    assert_eq!(outside(program()), [[1, 2], [1, 2]]);
}

#[test]
fn a_watcher_sees_the_last_value() {
    async fn program() -> Vec<u32> {
        let (sender, mut receiver) = watch::channel(0);
        let task = tokio::spawn(async move {
            sender.send(1).unwrap();
            tokio::task::yield_now().await;
            sender.send(2).unwrap();
            sender.closed().await;
        });
        let mut seen = vec![*receiver.borrow()];
        while *receiver.borrow_and_update() != 2 {
            receiver.changed().await.unwrap();
            seen.push(*receiver.borrow());
        }
        drop(receiver);
        task.await.unwrap();
        seen
    }
    let results = exhaust(program).results;
    assert!(results.contains_key(&vec![0, 1, 2]) && results.contains_key(&vec![0, 2]));
    assert!(results.keys().all(|seen| seen.last() == Some(&2)), "{results:?}");
    assert_eq!(outside(program()).last(), Some(&2));
}

#[test]
fn one_task_fills_a_cell() {
    static CELL: OnceCell<u32> = OnceCell::const_new();
    async fn program() -> Vec<u32> {
        let cell = Arc::new(OnceCell::new());
        let init = |task: u32| {
            let cell = Arc::clone(&cell);
            async move {
                *cell
                    .get_or_init(|| async {
                        tokio::task::yield_now().await;
                        task
                    })
                    .await
            }
        };
        let seen = all(vec![init(1), init(2)]).await;
        assert_eq!(*CELL.get_or_init(|| async { 3 }).await, 3);
        seen
    }
    let results = exhaust(program).results;
    assert!(results.into_keys().eq([vec![1, 1], vec![2, 2]]));
    assert_eq!(outside(program()), [1, 1]);
}

#[test]
fn a_value_that_is_set_once_reaches_all() {
    async fn program() -> Vec<u32> {
        let once = Arc::new(SetOnce::new());
        let wait = |once: Arc<SetOnce<u32>>| async move { *once.wait().await };
        let mut waits = JoinSet::new();
        waits.spawn(wait(Arc::clone(&once)));
        waits.spawn(wait(Arc::clone(&once)));
        tokio::task::yield_now().await;
        once.set(4).unwrap();
        assert!(once.set(5).is_err());
        waits.join_all().await
    }
    assert!(classes(program).results.into_keys().eq([vec![4, 4]]));
    assert_eq!(outside(program()), [4, 4]);
}

#[test]
fn a_deadlock_names_what_is_waited_for() {
    let (outcome, _) = once(1, async {
        let mutex = Mutex::new(());
        let _first = mutex.lock().await;
        let _second = mutex.lock().await;
    });
    let End::Deadlock(blocked) = outcome.end else { panic!("{outcome:?}") };
    assert_eq!(blocked[0].on, "mutex \"Mutex\"");
}

#[test]
fn locks_that_have_nothing_to_do_with_each_other_are_one_class() {
    async fn program(tasks: u32) -> u32 {
        let lock = |task: u32| async move {
            let mutex = Mutex::new(task);
            *mutex.lock().await += 1;
            let (sender, mut receiver) = mpsc::channel(1);
            sender.send(*mutex.lock().await).await.unwrap();
            receiver.recv().await.unwrap()
        };
        all((0..tasks).map(lock).collect()).await.into_iter().sum()
    }
    for tasks in 1..5 {
        assert_eq!(classes(|| program(tasks)).classes, 1);
    }
}

#[test]
fn permits_beyond_32_bits_are_merged() {
    async fn program() -> usize {
        let permits = Semaphore::MAX_PERMITS.min((u32::MAX as usize).saturating_mul(2)) / 2 * 2;
        let semaphore = Arc::new(Semaphore::new(permits));
        let half = u32::try_from(permits / 2).unwrap();
        let mut owned = Arc::clone(&semaphore).try_acquire_many_owned(half).unwrap();
        owned.merge(Arc::clone(&semaphore).acquire_many_owned(half).await.unwrap());
        permits - owned.num_permits()
    }
    assert!(exhaust(program).results.into_keys().eq([0]));
    assert_eq!(outside(program()), 0);
}

/// A type that is `Unpin` is this in two ways, so that it cannot be said in which.
trait NotUnpin<Way> {
    fn name() -> &'static str {
        type_name::<Self>()
    }
}

struct Unpinned;

impl<T: ?Sized> NotUnpin<()> for T {}
impl<T: ?Sized + Unpin> NotUnpin<Unpinned> for T {}

#[test]
fn futures_that_stand_in_a_queue_stay_in_place() {
    use tokio::sync::futures::{Notified, OwnedNotified};

    // This builds only if neither is `Unpin`.
    let names =
        [<Notified<'static> as NotUnpin<_>>::name(), <OwnedNotified as NotUnpin<_>>::name()];
    assert!(names.iter().all(|name| name.contains("Notified")));
}
