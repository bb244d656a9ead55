//! VirtualServices of Istio, with the subsets of DestinationRules -> a policy.
//!
//! What they mean is read from Istio's own translation (`pilot/pkg/networking/core/route`): routes are asked in order, and
//! nothing behind one without a match is reached; a header is compared as a whole, also by a regular expression; a share is a weight
//! over the sum of all weights.

mod condition;
mod hosts;
mod lanes;
mod read;
mod releases;

use graylane::error::{FieldError, Problem};

use super::{Draft, Imported};
use crate::check::Severity;
use crate::manifests::{Manifests, Object};

/// What is asked for.
#[derive(Debug, Default)]
pub struct Options {
    /// What the cluster of a lane is called, with `{service}`, `{namespace}`, `{port}`, `{subset}` and `{lane}` in it.
    pub cluster: Option<String>,
    /// Whether every client is trusted with headers that an edge listener removes from what others send.
    pub trusts_anybody: bool,
}

/// Reads VirtualServices as a policy.
pub fn import(mut manifests: Manifests, options: &Options) -> Imported {
    let of_kind = |kind: &str| -> Vec<Object> {
        let objects = manifests.objects.iter();
        objects.filter(|it| it.kind() == kind && it.group() == "networking.istio.io").cloned().collect()
    };
    let (services, rules) = (of_kind("VirtualService"), of_kind("DestinationRule"));
    let mut reader = Reader { manifests: &mut manifests };
    let read: Vec<_> =
        services.iter().filter_map(|object| read::virtual_service(object, &mut reader)).collect();
    let releases = releases::releases(&read, &rules, options, &mut reader);
    let head = vec![
        "Imported from Istio. Differences stand in the comments; the last word is docs/tools.md, \"Import\"."
            .to_owned(),
    ];
    let draft = Draft { head, releases, trusts_anybody: options.trusts_anybody };
    let is_good = manifests.count(Severity::Error) == 0;
    Imported { manifests, policy: is_good.then_some(draft) }
}

/// Keeps what is found.
struct Reader<'r> {
    manifests: &'r mut Manifests,
}

impl Reader<'_> {
    /// Tells something of a place in an object.
    fn tell(&mut self, object: &Object, severity: Severity, path: &str, what: &str) {
        let problem = Problem::Warning;
        let error =
            FieldError { path: path.to_owned(), problem, value: String::new(), allowed: what.to_owned() };
        self.manifests.found(object, severity, error);
    }

    /// Tells a mistake.
    fn mistake(&mut self, object: &Object, error: FieldError) {
        self.manifests.found(object, Severity::Error, error);
    }
}
