//! Where what was read waits to be joined: in memory up to a limit, beyond it in a temporary file, in partitions by the hash of the id.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

/// How many partitions there are: each of them is joined in memory.
const PARTITIONS: usize = 128;

/// What is known of a user: 128 bits, from the id by a hash or by the secret of the policy.
pub(super) type Key = u128;

/// A piece of a partition in the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    length: usize,
}

/// Records in partitions.
#[derive(Debug)]
pub(super) struct Store {
    parts: Vec<Part>,
    /// The bytes in memory, and how many there may be.
    held: usize,
    limit: usize,
    spilled: Option<File>,
}

#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    extents: Vec<Extent>,
}

/// A record as it lies in a partition: its length, the key, and what it says.
const HEAD: usize = 2 + 16;

impl Store {
    /// A store that holds so many bytes in memory.
    pub(super) fn new(limit: usize) -> Self {
        Store { parts: (0..PARTITIONS).map(|_| Part::default()).collect(), held: 0, limit, spilled: None }
    }

    /// Adds a record.
    pub(super) fn add(&mut self, key: Key, says: &[u8]) -> Result<()> {
        let length = u16::try_from(says.len()).context("a record is too long")?;
        let index = usize::try_from(key % (PARTITIONS as u128)).unwrap_or_default();
        if let Some(part) = self.parts.get_mut(index) {
            part.bytes.extend_from_slice(&length.to_le_bytes());
            part.bytes.extend_from_slice(&key.to_le_bytes());
            part.bytes.extend_from_slice(says);
            self.held += HEAD + says.len();
        }
        if self.held > self.limit {
            self.spill().context("cannot write to a temporary file")?;
        }
        Ok(())
    }

    /// Writes what is in memory to the file.
    fn spill(&mut self) -> Result<()> {
        let file = match &mut self.spilled {
            Some(file) => file,
            // It has no name, and is gone with the process.
            empty => empty.insert(tempfile::tempfile()?),
        };
        let mut start = file.stream_position()?;
        for part in &mut self.parts {
            file.write_all(&part.bytes)?;
            let length = part.bytes.len();
            part.extents.push(Extent { start, length });
            start += u64::try_from(length)?;
            part.bytes.clear();
        }
        self.held = 0;
        Ok(())
    }

    /// How many bytes are in the temporary file.
    pub(super) fn spilled(&self) -> u64 {
        let bytes: usize = self.parts.iter().flat_map(|part| &part.extents).map(|extent| extent.length).sum();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Hands all records over, those of a key one after another in the order in which they came; the store keeps them. `user` is
    /// called once for each key.
    pub(super) fn join(&self, mut user: impl FnMut(&[&[u8]])) -> Result<()> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            bytes.clear();
            for extent in &part.extents {
                let from = bytes.len();
                bytes.resize(from + extent.length, 0);
                let file = self.spilled.as_ref().context("the temporary file is gone")?;
                file.read_exact_at(bytes.get_mut(from..).unwrap_or_default(), extent.start)
                    .context("cannot read a temporary file")?;
            }
            bytes.extend_from_slice(&part.bytes);
            let mut records: Vec<(Key, &[u8])> = Records(&bytes).collect();
            // Stable: what came first is first.
            records.sort_by_key(|(key, _)| *key);
            let mut run: Vec<&[u8]> = Vec::new();
            for of_user in records.chunk_by(|(one, _), (other, _)| one == other) {
                run.clear();
                run.extend(of_user.iter().map(|(_, says)| *says));
                user(&run);
            }
        }
        Ok(())
    }
}

/// The records of a partition.
struct Records<'b>(&'b [u8]);

impl<'b> Iterator for Records<'b> {
    type Item = (Key, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (says, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.0 = rest;
        Some((Key::from_le_bytes(*key), says))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn joined(limit: usize) -> (BTreeMap<Vec<Vec<u8>>, usize>, u64) {
        let mut store = Store::new(limit);
        for round in 0..3_u8 {
            for key in 0..1_000_u128 {
                let key_bytes = key.to_le_bytes();
                store.add(key * 0x1_0000_0001, &[&key_bytes[..2], &[round]].concat()).unwrap();
            }
        }
        let mut users = BTreeMap::new();
        let mut take = |records: &[&[u8]]| {
            *users.entry(records.iter().map(|says| says.to_vec()).collect()).or_default() += 1;
        };
        store.join(&mut take).unwrap();
        let spilled = store.spilled();
        (users, spilled)
    }

    #[test]
    fn what_is_spilled_comes_back_in_its_order() {
        let (in_memory, nothing) = joined(usize::MAX);
        assert_eq!((in_memory.len(), nothing), (1_000, 0));
        assert!(in_memory.keys().all(|records| records.iter().map(|says| says[2]).eq(0..3)));
        for limit in [0, 100, 10_000] {
            let (users, spilled) = joined(limit);
            assert!(users == in_memory && spilled > 0, "{limit}");
        }
    }
}
