//! Small numbers for tasks and objects, the same in every part of a search.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex};

use super::event::Process;
use crate::lock::lock;
use crate::{ObjectId, TaskKey};

/// The clock's number.
pub(super) const CLOCK: Process = 0;

/// The numbers. They are looked up here, and taken from what all parts share where they are not
/// known yet.
#[derive(Debug)]
pub(super) struct Interner {
    shared: Arc<Mutex<Tables>>,
    known: Tables,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    // Never iterated.
    processes: HashMap<u64, Process, BuildHasherDefault<Hashed>>,
    keys: Vec<TaskKey>,
    objects: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
}

impl Interner {
    pub(super) fn new() -> Self {
        let mut known = Tables::default();
        known.process(TaskKey::CLOCK);
        Self { shared: Arc::new(Mutex::new(known.clone())), known }
    }

    /// Those of another part of the same search.
    pub(super) fn of_another_part(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), known: Tables::default() }
    }

    pub(super) fn process(&mut self, key: TaskKey) -> Process {
        match self.known.processes.get(&key.get()) {
            Some(process) => *process,
            None => {
                let mut shared = lock(&self.shared);
                let process = shared.process(key);
                self.known.processes.insert(key.get(), process);
                process
            }
        }
    }

    pub(super) fn key(&mut self, process: Process) -> TaskKey {
        let place = process as usize;
        if self.known.keys.len() <= place {
            let shared = lock(&self.shared);
            self.known.keys.clone_from(&shared.keys);
        }
        self.known.keys[place]
    }

    pub(super) fn object(&mut self, id: ObjectId) -> u32 {
        match self.known.objects.get(&id.get()) {
            Some(object) => *object,
            None => {
                let mut shared = lock(&self.shared);
                let next = number(shared.objects.len());
                let object = *shared.objects.entry(id.get()).or_insert(next);
                self.known.objects.insert(id.get(), object);
                object
            }
        }
    }
}

impl Tables {
    fn process(&mut self, key: TaskKey) -> Process {
        let keys = &mut self.keys;
        *self.processes.entry(key.get()).or_insert_with(|| {
            keys.push(key);
            number(keys.len() - 1)
        })
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 tasks and objects")
}

/// Takes keys as they are: they are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        // Task keys have 48 bits, and tables look at the highest ones too.
        self.0 = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
