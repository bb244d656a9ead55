//! A plan in parts, as the one who compiles hands it to those who decide.
//!
//! ```text
//! directory   which version of each part is in force; written last
//! settings    what is said for all releases, as JSON
//! index       host and path -> releases
//! pages       the blocks of the releases, release n on page n mod 64
//! ```
//!
//! [`Writer`] writes the parts that changed and then the directory; [`Reader`] takes those whose version it does not have.
//! Each part bears its own version, so a reader notices one that was replaced meanwhile, and its plan stays what it was
//! until all parts fit. Nothing is parsed or compiled again but the settings, where they changed.

use std::fmt;
use std::sync::Arc;

use crate::arena::position;
use crate::compile::live::{Changed, Live};
use crate::compile::taken_over;
use crate::error::PolicyErrors;
use crate::index::Index;
use crate::node::Node;
use crate::plan::{Plan, Segment};
use crate::policy::Map;
use crate::record::{Record, record, take};
pub use crate::settings::Staleness;

/// How many pages there are. With 10,000 releases of half a kilobyte one is 80 KB, which a host copies in microseconds.
const PAGES: u8 = 64;

/// The number of this layout of records. It is raised with every change to a record, and a test notices.
pub(crate) const LAYOUT: u32 = 3;

/// A part of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Which version of each other part is in force.
    Directory,
    /// What is said for all releases.
    Settings,
    /// Host and path -> releases.
    Index,
    /// The blocks of some releases.
    Page(u8),
}

impl Part {
    /// All but the directory, which says of each by its position here which version is in force.
    fn others() -> impl Iterator<Item = Part> {
        [Part::Settings, Part::Index].into_iter().chain((0..PAGES).map(Part::Page))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Directory => out.write_str("directory"),
            Part::Settings => out.write_str("settings"),
            Part::Index => out.write_str("index"),
            Part::Page(page) => write!(out, "page.{page}"),
        }
    }
}

/// Under which key a part is shared by the watch of this name.
pub fn shared_key(watch: &str, part: Part) -> String {
    format!("graylane.{watch}.{part}")
}

/// The gauge that is raised when there is something to take over from the watch of this name.
pub fn generation_gauge(watch: &str) -> String {
    format!("graylane.watch_generation.{watch}")
}

record! {
    #[derive(Debug, Clone, Copy)]
    struct Directory {
        layout: u32,
        /// Raised with every directory that is written; 0 before the first.
        generation: u64,
        /// The revision of the source that the plan has.
        revision: u64,
        /// How many releases there are, empty ones included.
        releases: u32,
        /// The generation with which each part was written last.
        parts: [u64; 2 + PAGES as usize],
        staleness: Staleness,
    }
}

impl Default for Directory {
    fn default() -> Self {
        let staleness = Staleness::Fresh;
        Directory { layout: LAYOUT, generation: 0, revision: 0, releases: 0, parts: [0; _], staleness }
    }
}

/// Writes a plan that changes.
#[derive(Debug, Default)]
pub struct Writer {
    directory: Directory,
}

impl Writer {
    /// A writer whose generations are higher than this: whoever writes in the place of another that has ended must not count
    /// from where that one did.
    pub fn above(generation: u64) -> Self {
        Writer { directory: Directory { generation, ..Directory::default() } }
    }

    /// Hands to `put` every part that changed since this was asked last, the directory last.
    ///
    /// `document` is what says the settings that `live` was made under, as JSON with the member `settings`; `keys` are its
    /// secrets. Returns the generation, which is another one than before.
    pub fn write(
        &mut self,
        live: &mut Live,
        (document, keys): (&[u8], &Map<String>),
        revision: u64,
        mut put: impl FnMut(Part, &[u8]),
    ) -> u64 {
        let changed = live.take_changed();
        let plan = live.plan();
        let directory = &mut self.directory;
        directory.generation += 1;
        directory.revision = revision;
        directory.releases = position(plan.segments.len());
        for (part, version) in Part::others().zip(&mut directory.parts) {
            if *version != 0 && !has_changed(part, &changed) {
                continue;
            }
            *version = directory.generation;
            let mut bytes = version.to_le_bytes().to_vec();
            match part {
                Part::Page(page) => write_page(plan, page, &mut bytes),
                Part::Index => plan.index.write(&mut bytes),
                Part::Settings | Part::Directory => write_settings(plan, document, keys, &mut bytes),
            }
            put(part, &bytes);
        }
        self.write_directory(put)
    }

    /// Hands to `put` the directory alone, as [`write`](Self::write) does: from now on decisions do this without their source.
    pub fn write_staleness(&mut self, staleness: Staleness, put: impl FnMut(Part, &[u8])) -> u64 {
        self.directory.generation += 1;
        self.directory.staleness = staleness;
        self.write_directory(put)
    }

    fn write_directory(&self, mut put: impl FnMut(Part, &[u8])) -> u64 {
        let mut bytes = vec![0; Directory::SIZE];
        self.directory.put(&mut bytes);
        put(Part::Directory, &bytes);
        self.directory.generation
    }
}

fn has_changed(part: Part, changed: &Changed) -> bool {
    match part {
        Part::Directory => true,
        Part::Settings => changed.settings,
        Part::Index => changed.index,
        Part::Page(page) => {
            changed.releases.iter().any(|release| release % u32::from(PAGES) == u32::from(page))
        }
    }
}

/// The document of the settings with the secrets, and what only the releases together say.
fn write_settings(plan: &Plan, document: &[u8], keys: &Map<String>, bytes: &mut Vec<u8>) {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let list = |words: &[Box<str>]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(",");
    let keys: Vec<String> = keys.iter().map(|(id, key)| format!("{}:{}", quoted(id), quoted(key))).collect();
    let (keys, claims) = (keys.join(","), &plan.settings.claims);
    bytes.extend_from_slice(br#"{"document":"#);
    bytes.extend_from_slice(if document.is_empty() { b"{}" } else { document });
    bytes.extend_from_slice(
        format!(
            r#","keys":{{{keys}}},"headers":[{}],"cookies":[{}]}}"#,
            list(&claims.headers),
            list(&claims.cookies)
        )
        .as_bytes(),
    );
}

/// The releases on a page, by their positions.
fn on_page(page: u8, releases: u32) -> impl Iterator<Item = u32> + Clone {
    (u32::from(page)..releases).step_by(PAGES.into())
}

fn write_page(plan: &Plan, page: u8, bytes: &mut Vec<u8>) {
    let releases = position(plan.segments.len());
    write_blocks(on_page(page, releases).filter_map(|at| plan.segments.get(at as usize)), bytes);
}

/// How long the block of each release is, then the blocks.
pub(crate) fn write_blocks<'s>(segments: impl Iterator<Item = &'s Segment> + Clone, bytes: &mut Vec<u8>) {
    let blocks = segments.map(|segment| segment.block().0);
    for block in blocks.clone() {
        bytes.extend(position(block.len()).to_le_bytes());
    }
    for block in blocks {
        bytes.extend(block);
    }
}

/// So many releases, whose lengths and blocks these are.
pub(crate) fn read_blocks(bytes: &[u8], releases: usize) -> impl Iterator<Item = Segment> + use<'_> {
    let mut lengths = bytes;
    let bytes: Arc<[u8]> = bytes.into();
    let mut end = releases.saturating_mul(u32::SIZE);
    (0..releases).map(move |_| {
        let start = end;
        end = start.saturating_add(take::<u32>(&mut lengths) as usize);
        Segment::taken_over(Arc::clone(&bytes), start, end)
    })
}

/// Why a plan cannot be taken over.
#[derive(Debug)]
pub enum Fault {
    /// Nobody has written one.
    Absent,
    /// Whoever wrote it is of another version.
    Layout {
        /// The layout that it is in.
        found: u32,
        /// The layout that is understood.
        known: u32,
    },
    /// A part was replaced meanwhile. Reading again helps.
    Torn,
    /// The settings have mistakes, which whoever compiled them did not see.
    Settings(PolicyErrors),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Absent => out.write_str("there is none"),
            Fault::Layout { found, known } => {
                write!(
                    out,
                    "it is of layout {found}, and {known} is known: let both modules be of one version"
                )
            }
            Fault::Torn => out.write_str("it is being replaced"),
            Fault::Settings(errors) => write!(out, "its settings: {errors}"),
        }
    }
}

/// Takes over a plan that somebody else compiles.
#[derive(Debug, Default)]
pub struct Reader {
    directory: Directory,
    plan: Plan,
}

impl Reader {
    /// The plan as it was taken over last; without releases before the first time.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The generation of the plan; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.directory.generation
    }

    /// The revision of the source that the plan has.
    pub fn revision(&self) -> u64 {
        self.directory.revision
    }

    /// The generation with which a release, or another one on its page, became what it is.
    pub fn generation_of(&self, release: u32) -> u64 {
        let page = release % u32::from(PAGES);
        self.directory.parts.get(2 + page as usize).copied().unwrap_or_default()
    }

    /// Takes over what changed.
    ///
    /// # Errors
    /// Why that is not possible; the plan is then what it was.
    pub fn read(&mut self, mut get: impl FnMut(Part) -> Option<Vec<u8>>) -> Result<(), Fault> {
        let bytes = get(Part::Directory).filter(|bytes| !bytes.is_empty()).ok_or(Fault::Absent)?;
        let directory = Directory::get(&bytes);
        if directory.layout != LAYOUT {
            return Err(Fault::Layout { found: directory.layout, known: LAYOUT });
        }
        let mut parts = Vec::new();
        for ((part, new), old) in Part::others().zip(directory.parts).zip(self.directory.parts) {
            if new != old {
                let bytes = get(part).filter(|bytes| u64::get(bytes) == new).ok_or(Fault::Torn)?;
                parts.push((part, bytes));
            }
        }
        // The only part that can be refused comes first.
        for (part, bytes) in parts {
            let content = bytes.get(u64::SIZE..).unwrap_or_default();
            match part {
                Part::Settings => self.plan.settings = read_settings(content).map_err(Fault::Settings)?,
                Part::Index => self.plan.index = Index::read(&mut { content }),
                Part::Page(page) => self.read_page(page, directory.releases, content),
                Part::Directory => {}
            }
        }
        self.plan.segments.truncate(directory.releases as usize);
        self.plan.settings.staleness = directory.staleness;
        self.directory = directory;
        Ok(())
    }

    fn read_page(&mut self, page: u8, releases: u32, content: &[u8]) {
        let segments = &mut self.plan.segments;
        segments.resize(segments.len().max(releases as usize), Segment::default());
        let blocks = read_blocks(content, on_page(page, releases).count());
        for (release, segment) in on_page(page, releases).zip(blocks) {
            if let Some(place) = segments.get_mut(release as usize) {
                *place = segment;
            }
        }
    }
}

fn read_settings(json: &[u8]) -> Result<crate::settings::Settings, PolicyErrors> {
    let node: Node<'_> = serde_json::from_slice(json).unwrap_or(Node::Null);
    taken_over(&node)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proptest::test_runner::Config;
    use serde_json::{Value, json};

    use super::*;
    use crate::bucket::murmur3_x86_32;
    use crate::error::Path;
    use crate::given::Given;
    use crate::policy::{Policy, Release, Trust};
    use crate::read::read;
    use crate::time::Timestamp;

    fn release(name: &str, host: &str, percent: u32) -> Value {
        json!({
            "name": name, "match": {"hosts": [host]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": percent}]},
        })
    }

    fn written(document: &Value) -> Release {
        let text = document.to_string();
        let mut errors = PolicyErrors::default();
        let release = read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut errors);
        errors.into_result(release).unwrap()
    }

    fn policy() -> Policy {
        Policy { language: Some(1), ..Policy::default() }
    }

    /// What one shares with the other, and how often each part was written.
    #[derive(Default)]
    struct Host {
        parts: BTreeMap<Part, Vec<u8>>,
        written: Vec<Part>,
    }

    impl Host {
        fn write(&mut self, writer: &mut Writer, live: &mut Live) -> u64 {
            self.written.clear();
            writer.write(live, (b"", &Map::default()), 7, |part, bytes| {
                self.parts.insert(part, bytes.to_vec());
                self.written.push(part);
            })
        }

        fn read(&self, reader: &mut Reader) -> Result<(), Fault> {
            reader.read(|part| self.parts.get(&part).cloned())
        }
    }

    fn live() -> Live {
        Live::under(&policy(), &Map::default()).unwrap()
    }

    fn lane(plan: &Plan, host: &str) -> Option<String> {
        let headers = [(":authority", host), (":path", "/"), ("x-gray-id", "u-1")].into_iter().collect();
        let request = Given { headers, ..Given::default() };
        let decision = crate::decide(plan, Trust::Mesh, &request);
        let entry = decision.entries.first()?;
        let segment = plan.release(entry.release)?;
        Some(format!(
            "{}/{}",
            String::from_utf8_lossy(segment.name()),
            String::from_utf8_lossy(segment.lane_name(entry.served?))
        ))
    }

    #[test]
    fn a_change_of_one_release_is_two_parts() {
        let (mut live, mut writer, mut host, mut reader) =
            (live(), Writer::default(), Host::default(), Reader::default());
        assert!(matches!(host.read(&mut reader), Err(Fault::Absent)));
        for number in 0..200 {
            live.stage(&written(&release(&format!("r-{number}"), &format!("h-{number}"), 0))).unwrap();
        }
        assert_eq!(live.commit(), []);
        host.write(&mut writer, &mut live);
        host.read(&mut reader).unwrap();
        assert_eq!(lane(reader.plan(), "h-77").as_deref(), Some("r-77/stable"));
        assert_eq!(host.written.len(), 3 + 64);

        live.stage(&written(&release("r-77", "h-77", 100))).unwrap();
        assert_eq!(live.commit(), []);
        let generation = host.write(&mut writer, &mut live);
        assert!(matches!(*host.written, [Part::Page(_), Part::Directory]), "{:?}", host.written);
        host.read(&mut reader).unwrap();
        assert_eq!(lane(reader.plan(), "h-77").as_deref(), Some("r-77/v2"));
        assert_eq!(lane(reader.plan(), "h-78").as_deref(), Some("r-78/stable"));
        assert_eq!((reader.generation(), reader.revision()), (generation, 7));
    }

    #[test]
    fn a_part_that_was_replaced_meanwhile_leaves_the_plan_as_it_was() {
        let (mut live, mut writer, mut host, mut reader) =
            (live(), Writer::default(), Host::default(), Reader::default());
        live.stage(&written(&release("a", "a", 0))).unwrap();
        assert_eq!(live.commit(), []);
        host.write(&mut writer, &mut live);
        host.read(&mut reader).unwrap();
        let directory = host.parts[&Part::Directory].clone();
        live.stage(&written(&release("a", "a", 100))).unwrap();
        live.stage(&written(&release("b", "b", 100))).unwrap();
        assert_eq!(live.commit(), []);
        host.write(&mut writer, &mut live);
        // Whoever asks between a part and the directory sees the one before.
        let newer = host.parts.insert(Part::Directory, directory).unwrap();
        host.read(&mut reader).unwrap();
        assert_eq!(lane(reader.plan(), "a").as_deref(), Some("a/stable"));
        host.parts.insert(Part::Page(0), host.parts[&Part::Page(1)].clone());
        host.parts.insert(Part::Directory, newer);
        host.parts.insert(Part::Index, vec![0; 40]);
        assert!(matches!(host.read(&mut reader), Err(Fault::Torn)));
        assert_eq!((lane(reader.plan(), "a").as_deref(), lane(reader.plan(), "b")), (Some("a/stable"), None));
    }

    #[test]
    fn how_stale_a_plan_is_takes_one_part_and_lasts_until_another_is_told() {
        let (mut live, mut writer, mut host, mut reader) =
            (live(), Writer::default(), Host::default(), Reader::default());
        live.stage(&written(&release("a", "a", 0))).unwrap();
        assert_eq!(live.commit(), []);
        let first = host.write(&mut writer, &mut live);
        host.read(&mut reader).unwrap();
        for (told, also) in [
            (Staleness::FrozenRamps(Timestamp::from_seconds(7)), Some("b")),
            (Staleness::DefaultLanes, None),
            (Staleness::Fresh, Some("c")),
        ] {
            let mut parts = Vec::new();
            let generation = writer.write_staleness(told, |part, bytes| {
                host.parts.insert(part, bytes.to_vec());
                parts.push(part);
            });
            assert!(matches!(*parts, [Part::Directory]) && generation > first, "{parts:?}");
            host.read(&mut reader).unwrap();
            assert_eq!((reader.plan().settings.staleness, reader.generation()), (told, generation));
            // Whatever else changes, the settings too.
            if let Some(name) = also {
                let mut release = release(name, name, 0);
                release["overrides"] = json!({"headers": [format!("x-{name}")]});
                live.stage(&written(&release)).unwrap();
                assert_eq!(live.commit(), []);
                host.write(&mut writer, &mut live);
                assert!(host.written.contains(&Part::Settings));
                host.read(&mut reader).unwrap();
                assert_eq!(reader.plan().settings.staleness, told);
            }
        }
    }

    #[test]
    fn whoever_is_of_another_layout_is_told_so() {
        let mut reader = Reader::default();
        let fault = reader.read(|_| Some(vec![9; Directory::SIZE])).unwrap_err();
        assert!(matches!(fault, Fault::Layout { found: 0x0909_0909, known: LAYOUT }), "{fault:?}");
    }

    #[test]
    fn a_layout_that_changed_has_another_number() {
        let mut live = live();
        live.stage(&written(&crate::plan::tests::full_release())).unwrap();
        assert_eq!(live.commit(), []);
        let mut all = Vec::new();
        Writer::default().write(&mut live, (b"", &Map::default()), 0, |part, bytes| {
            if part != Part::Settings {
                all.extend(bytes.to_vec());
            }
        });
        assert_eq!(
            (LAYOUT, murmur3_x86_32(&[&all], 0)),
            (3, 1_625_539_776),
            "raise LAYOUT and write down the new hash"
        );
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, cases: 64, ..Config::default() })]

        #[test]
        fn changes_one_by_one_give_the_plan_of_all_at_once(
            changes in proptest::collection::vec((0..8u8, proptest::option::of((0..6u8, 0..2u32))), 1..40),
        ) {
            let (mut live, mut writer, mut host, mut reader) = (live(), Writer::default(), Host::default(), Reader::default());
            let mut good = BTreeMap::new();
            for (name, change) in changes {
                let name = format!("r-{name}");
                if let Some((at, all)) = change {
                        let document = release(&name, &format!("h-{at}"), all * 100);
                        live.stage(&written(&document)).unwrap();
                        let taken = good.iter().any(|(other, held): (&String, &Value)| {
                            *other != name && held["match"] == document["match"]
                        });
                        let refused = live.commit();
                        prop_assert_eq!(!refused.is_empty(), taken);
                        if !taken {
                            good.insert(name, document);
                        }
                } else {
                        live.stage_removal(&name);
                        prop_assert_eq!(live.commit(), []);
                        good.remove(&name);
                }
                host.write(&mut writer, &mut live);
                host.read(&mut reader).unwrap();
                let all = json!({"language": 1, "releases": good.values().collect::<Vec<_>>()}).to_string();
                let whole = crate::compile_node(&serde_json::from_str(&all).unwrap()).unwrap();
                for at in 0..6 {
                    let at = format!("h-{at}");
                    prop_assert_eq!(lane(reader.plan(), &at), lane(&whole, &at));
                }
            }
        }

        #[test]
        fn any_bytes_are_no_plan_or_one_that_decides_something(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut reader = Reader::default();
            let mut directory = vec![0; Directory::SIZE];
            let version = u64::get(&bytes);
            Directory { generation: 3, releases: 70, parts: [version; _], ..Directory::default() }.put(&mut directory);
            let _ = reader.read(|part| Some(if part == Part::Directory { directory.clone() } else { bytes.clone() }));
            lane(reader.plan(), "h");
        }
    }
}
