//! Which lanes have series of their own: all VMs of the process name the same.

use std::collections::BTreeSet;

use graylane::guard::Guard;
use graylane::limits;
use graylane::plan::Segment;
use graylane::policy;
use graylane::series::lanes;
use graylane_host as host;

/// How many lanes may have series of their own.
pub(crate) fn lanes_counted(metrics: policy::Metrics) -> usize {
    metrics.lanes.map_or(limits::COUNTED_LANES, |most| most as usize)
}

/// Under which key all VMs share which lanes have series, a [`line()`] each: a VM that comes later, as the one in which Envoy tries a
/// configuration, knows nothing of those before, and what the host counts does not go.
pub(super) const COUNTED: Counted = Counted { key: "graylane.counted_lanes", guarded: limits::GUARDED_LANES };

/// The same for those of a shadow.
pub(crate) const SHADOWED: Counted = Counted { key: "graylane.shadowed_lanes", guarded: 0 };

/// Lanes that have series in this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    key: &'static str,
    /// So many that are guarded have some at least.
    guarded: usize,
}

/// A lane of a release as one line, in the place of what `out` has; neither name has a space or ends a line.
pub(crate) fn line<'l>(release: &[u8], lane: &[u8], out: &'l mut Vec<u8>) -> &'l [u8] {
    out.clear();
    out.extend_from_slice(release);
    out.push(b' ');
    out.extend_from_slice(lane);
    out
}

impl Counted {
    /// Those of these lanes that have series, besides all others that have some: as long as there is room the first that come, guarded
    /// ones before others.
    pub(crate) fn of(self, segments: &[&Segment], most: usize) -> BTreeSet<Vec<u8>> {
        let set = |text: &[u8]| -> BTreeSet<Vec<u8>> {
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.map(<[u8]>::to_vec).collect()
        };
        let counted = host::change_shared(self.key, |text| {
            let (mut known, mut new, mut buffer) = (set(text), text.to_vec(), Vec::new());
            let all = || {
                segments.iter().flat_map(|segment| lanes(segment).map(move |(id, lane)| (segment, id, lane)))
            };
            let guarded = all().filter(|(segment, id, _)| Guard::of(segment, *id).is_some());
            let guarded = guarded.map(|lane| (lane, most.max(self.guarded)));
            for ((segment, _, lane), most) in guarded.chain(all().map(|lane| (lane, most))) {
                if known.len() >= most {
                    continue;
                }
                let line = line(segment.name(), lane, &mut buffer);
                if known.insert(line.to_vec()) {
                    new.extend_from_slice(line);
                    new.push(b'\n');
                }
            }
            (new.len() > text.len()).then_some(new)
        });
        set(&counted)
    }
}
