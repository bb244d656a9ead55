//! The users of a simulation: ids from a file, or ids that are made up.

use std::net::Ipv6Addr;

use anyhow::{Context, Result, bail};
use graylane::identity::GrayId;
use serde_json::Value;

/// The users of a simulation, each once.
#[derive(Debug)]
pub struct Population {
    ids: Ids,
    /// Rows without an id, which were left out.
    pub empty: u64,
    /// Rows with an id that stood before, which were left out.
    pub duplicates: u64,
}

#[derive(Debug)]
enum Ids {
    MadeUp { count: u64, seed: u64 },
    Listed(Vec<String>),
}

/// What made-up ids look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// UUIDs, as graylane itself gives them to users.
    Uuid,
    /// Addresses of the part of IPv6 that is kept for documentation (RFC 3849).
    Address,
}

impl Population {
    /// So many made-up users: the same for the same seed, others for another.
    pub fn made_up(count: u64, seed: u64) -> Self {
        Population { ids: Ids::MadeUp { count, seed }, empty: 0, duplicates: 0 }
    }

    /// The users of a text: an id a line, or with a column, CSV with a line of names (comma or tab) or an object of JSON a
    /// line. Ids are taken byte for byte.
    ///
    /// # Errors
    /// What is not of that form, and where; a column that is not there.
    pub fn read(text: &str, column: Option<&str>) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rows = Rows::default();
        let is_json = text.trim_start().starts_with('{');
        match column {
            None => {
                if let Some(columns) = is_json.then(|| columns_of_json(text)).flatten() {
                    bail!(
                        "these are objects of JSON; name the one of their keys that holds the id by --column: {columns}"
                    );
                }
                text.lines().for_each(|line| rows.add(line));
            }
            Some(column) if is_json => read_json(text, column, &mut rows)?,
            Some(column) => read_csv(text, column, &mut rows)?,
        }
        let Rows { mut ids, empty } = rows;
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        let duplicates = u64::try_from(all.saturating_sub(ids.len())).unwrap_or(u64::MAX);
        Ok(Population { ids: Ids::Listed(ids), empty, duplicates })
    }

    /// How many users there are.
    pub fn len(&self) -> u64 {
        match &self.ids {
            Ids::MadeUp { count, .. } => *count,
            Ids::Listed(ids) => u64::try_from(ids.len()).unwrap_or(u64::MAX),
        }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The seed of made-up users.
    pub fn seed(&self) -> Option<u64> {
        match self.ids {
            Ids::MadeUp { seed, .. } => Some(seed),
            Ids::Listed(_) => None,
        }
    }

    /// The id of a user; `made_up` is where it is written if it is made up.
    pub(super) fn id<'a>(&'a self, user: u64, looks: Looks, made_up: &'a mut String) -> &'a str {
        match &self.ids {
            Ids::Listed(ids) => usize::try_from(user).ok().and_then(|user| ids.get(user)).map_or("", |id| id),
            Ids::MadeUp { seed, .. } => {
                let bits = random(*seed, user);
                made_up.clear();
                match looks {
                    Looks::Uuid => {
                        let uuid = GrayId::fresh(bits.to_be_bytes());
                        made_up.push_str(std::str::from_utf8(uuid.as_bytes()).unwrap_or_default());
                    }
                    Looks::Address => {
                        let address = Ipv6Addr::from(0x2001_0db8 << 96 | bits >> 32);
                        made_up.push_str(&address.to_string());
                    }
                }
                made_up
            }
        }
    }
}

/// 128 bits that look random, others for each seed and number.
///
/// Source: `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), its outputs
/// `2 n` and `2 n + 1`. It starts at the mixed seed, so that neighbouring seeds have nothing in common.
fn random(seed: u64, number: u64) -> u128 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = |state: u64| {
        let state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ state >> 31
    };
    let start = mixed(seed.wrapping_add(STEP));
    let output = |n: u64| mixed(start.wrapping_add(n.wrapping_add(1).wrapping_mul(STEP)));
    let first = number.wrapping_mul(2);
    u128::from(output(first)) << 64 | u128::from(output(first.wrapping_add(1)))
}

#[derive(Default)]
struct Rows {
    ids: Vec<String>,
    empty: u64,
}

impl Rows {
    fn add(&mut self, id: &str) {
        if id.trim().is_empty() {
            self.empty = self.empty.saturating_add(1);
        } else {
            self.ids.push(id.to_owned());
        }
    }
}

/// The keys of the first line, if it is an object: whoever has such a file hardly means its lines for ids.
fn columns_of_json(text: &str) -> Option<String> {
    let object: Value = serde_json::from_str(text.trim_start().lines().next()?).ok()?;
    let keys: Vec<&str> = object.as_object()?.keys().map(String::as_str).collect();
    Some(keys.join(", "))
}

fn read_json(text: &str, column: &str, rows: &mut Rows) -> Result<()> {
    let mut is_known = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            rows.add("");
            continue;
        }
        let at = || format!("line {number} of the population");
        let object: Value = serde_json::from_str(line).with_context(at)?;
        let Value::Object(object) = object else { bail!("{} is no object of JSON", at()) };
        is_known |= object.contains_key(column);
        match object.get(column) {
            Some(Value::String(id)) => rows.add(id),
            Some(Value::Number(id)) => rows.add(&id.to_string()),
            Some(Value::Null) | None => rows.add(""),
            Some(other) => bail!("{}: {column} is neither text nor a number: {other}", at()),
        }
    }
    if !is_known {
        let columns = columns_of_json(text).unwrap_or_default();
        bail!("no line of the population has a key {column:?}; those of the first are: {columns}");
    }
    Ok(())
}

fn read_csv(text: &str, column: &str, rows: &mut Rows) -> Result<()> {
    let names = text.lines().next().unwrap_or_default();
    let separator = if names.contains('\t') && !names.contains(',') { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(text.as_bytes());
    let names = reader.headers().context("the first line of the population")?;
    let Some(position) = names.iter().position(|name| name == column) else {
        let names: Vec<&str> = names.iter().collect();
        bail!("the first line of the population names no column {column:?}: {}", names.join(", "));
    };
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).context("the population")? {
        rows.add(record.get(position).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids(population: &Population) -> Vec<String> {
        let mut text = String::new();
        (0..population.len()).map(|user| population.id(user, Looks::Uuid, &mut text).to_owned()).collect()
    }

    fn read(text: &str, column: Option<&str>) -> (Vec<String>, u64, u64) {
        let population = Population::read(text, column).expect("it is read");
        (ids(&population), population.empty, population.duplicates)
    }

    fn fault(text: &str, column: Option<&str>) -> String {
        format!("{:#}", Population::read(text, column).unwrap_err())
    }

    fn owned(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn made_up_users_are_uuids_that_follow_from_the_seed() {
        let population = Population::made_up(10_000, 7);
        let all = ids(&population);
        assert_eq!(all, ids(&Population::made_up(10_000, 7)));
        let different: HashSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        let others = ids(&Population::made_up(10_000, 8));
        assert!(others.iter().all(|id| !different.contains(id)));
        for id in &all {
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        }
    }

    #[test]
    fn made_up_addresses_are_documentation() {
        let (population, mut text) = (Population::made_up(2, 0), String::new());
        let first = population.id(0, Looks::Address, &mut text).to_owned();
        assert!(first.starts_with("2001:db8:") && first.parse::<Ipv6Addr>().is_ok(), "{first}");
        assert_ne!(population.id(1, Looks::Address, &mut text), first);
    }

    #[test]
    fn lines_are_ids_byte_for_byte_each_once() {
        let text = "\u{feff}a\r\n\n b\na\n  \nä,\"1\"\n";
        assert_eq!(read(text, None), (owned(&[" b", "a", "ä,\"1\""]), 2, 1));
        assert_eq!(read("", None), (Vec::new(), 0, 0));
    }

    #[test]
    fn a_column_of_csv_may_be_quoted() {
        let text = "name,\"user id\"\nx,1\n\"x,y\",\"a \"\"b\"\"\"\nz,\nw,1\n";
        assert_eq!(read(text, Some("user id")), (owned(&["1", "a \"b\""]), 1, 1));
        assert_eq!(read("a\tid\n1\t2,3\n", Some("id")), (owned(&["2,3"]), 0, 0));
        assert_eq!(
            fault(text, Some("id")),
            "the first line of the population names no column \"id\": name, user id"
        );
        assert!(fault("a,id\n1\n", Some("id")).contains("line: 2"), "{}", fault("a,id\n1\n", Some("id")));
    }

    #[test]
    fn a_key_of_json_lines_is_text_or_a_number() {
        let text = "{\"id\": \"a\"}\n\n{\"id\": 12345678901234567890}\n{\"id\": null}\n{\"other\": 1}\n{\"id\": \"a\"}\n";
        assert_eq!(read(text, Some("id")), (owned(&["12345678901234567890", "a"]), 3, 1));
        assert_eq!(
            fault("{\"id\": [1]}", Some("id")),
            "line 1 of the population: id is neither text nor a number: [1]"
        );
        assert!(fault("{\"id\": 1}\n{\"id\":", Some("id")).starts_with("line 2 of the population: EOF"));
        assert_eq!(fault("{\"id\": 1}\n[]", Some("id")), "line 2 of the population is no object of JSON");
        let unknown = fault("{\"a\": 1, \"b\": 2}", Some("id"));
        assert!(unknown.ends_with("has a key \"id\"; those of the first are: a, b"), "{unknown}");
    }

    #[test]
    fn json_without_a_column_is_hardly_meant() {
        assert!(fault("{\"a\": 1, \"b\": 2}\n", None).ends_with("by --column: a, b"));
        assert_eq!(read("{a}\n", None).0, ["{a}"], "what is no JSON is an id");
    }
}
