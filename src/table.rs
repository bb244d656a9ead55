//! A hash table over positions, as flat as the rest of a plan.

use crate::arena::position;
use crate::record::{Record, give, record, take};

/// Entries found by hash: open addressing over positions, at most half full.
#[derive(Debug, Clone)]
pub(crate) struct Table<T> {
    pub(crate) entries: Vec<T>,
    /// A power of two.
    places: Vec<Place>,
}

/// Where an entry may stand: side by side with its hash, so that most others are told from it at a glance.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u32,
    /// The position of the entry + 1; 0 for free.
    entry: u32,
}

record!(Place { hash: u32, entry: u32 });

impl<T: Record> Table<T> {
    /// As bytes: how many entries and places there are, the entries, the places.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        write_all(&[position(self.entries.len()), position(self.places.len())], bytes);
        write_all(&self.entries, bytes);
        write_all(&self.places, bytes);
    }

    /// Reads a table off the front of `bytes`. What is no table is an empty one.
    pub(crate) fn read(bytes: &mut &[u8]) -> Self {
        let (entries, places): (u32, u32) = (take(bytes), take(bytes));
        let (entries, places) = (entries as usize, places as usize);
        let size = entries.saturating_mul(T::SIZE).saturating_add(places.saturating_mul(Place::SIZE));
        if size > bytes.len() || !places.is_power_of_two() {
            return Table::default();
        }
        Table { entries: read_all(entries, bytes), places: read_all(places, bytes) }
    }
}

fn write_all<T: Record>(values: &[T], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.resize(start + values.len() * T::SIZE, 0);
    let mut rest = bytes.get_mut(start..).unwrap_or_default();
    for value in values {
        rest = give(*value, rest);
    }
}

/// So many records, which are there.
fn read_all<T: Record>(count: usize, bytes: &mut &[u8]) -> Vec<T> {
    (0..count).map(|_| take(bytes)).collect()
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { entries: Vec::new(), places: vec![Place::default(); 8] }
    }
}

impl<T> Table<T> {
    /// The entry with that hash that `same` recognises, and its position.
    pub(crate) fn find(&self, hash: u32, same: impl Fn(&T) -> bool) -> Option<(u32, &T)> {
        // At least half of the places are free, so this ends.
        for place in self.probe(hash) {
            let place = self.places.get(place)?;
            let position = place.entry.checked_sub(1)?;
            if place.hash == hash {
                let entry = self.entries.get(position as usize)?;
                if same(entry) {
                    return Some((position, entry));
                }
            }
        }
        None
    }

    /// The position of the entry with that hash that `same` recognises; a new one if there is none.
    pub(crate) fn find_or_insert(
        &mut self,
        hash: u32,
        same: impl Fn(&T) -> bool,
        new: impl FnOnce() -> T,
    ) -> u32 {
        if let Some((position, _)) = self.find(hash, same) {
            return position;
        }
        if (self.entries.len() + 1) * 2 > self.places.len() {
            self.grow();
        }
        let position = position(self.entries.len());
        self.entries.push(new());
        self.put(Place { hash, entry: position + 1 });
        position
    }

    fn grow(&mut self) {
        let places = vec![Place::default(); self.places.len() * 2];
        for place in std::mem::replace(&mut self.places, places) {
            if place.entry != 0 {
                self.put(place);
            }
        }
    }

    fn put(&mut self, place: Place) {
        let free =
            self.probe(place.hash).find(|at| self.places.get(*at).is_some_and(|place| place.entry == 0));
        if let Some(free) = free.and_then(|at| self.places.get_mut(at)) {
            *free = place;
        }
    }

    /// The places at which an entry may stand, in order, each once.
    fn probe(&self, hash: u32) -> impl Iterator<Item = usize> + use<T> {
        let len = self.places.len();
        let first = hash as usize;
        (0..len).map(move |offset| first.wrapping_add(offset) & (len - 1))
    }
}
