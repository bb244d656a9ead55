//! Canaries of ingress-nginx: Ingresses with `nginx.ingress.kubernetes.io/canary` -> a policy.
//!
//! What they mean is read from the controller itself: `rootfs/etc/nginx/lua/balancer.lua` (which backend a request gets) and
//! `internal/ingress/controller` (which canary stands beside which backend).

mod annotation;
mod controller;
mod path;
mod places;
mod read;
mod releases;
mod rules;

use graylane::error::{FieldError, Problem};

use super::Imported;
use crate::check::Severity;
use crate::manifests::{Manifests, Object};

pub(crate) use rules::{ALWAYS, NEVER};

/// The prefix of annotations, unless the controller was started with another.
pub const PREFIX: &str = "nginx.ingress.kubernetes.io";

/// What is asked for.
#[derive(Debug)]
pub struct Options {
    /// The prefix of the annotations.
    pub prefix: String,
    /// The class of the Ingresses that are taken; without it all of them.
    pub class: Option<String>,
    /// What the cluster of a lane is called, with `{service}`, `{namespace}`, `{port}` and `{lane}` in it.
    pub cluster: Option<String>,
    /// Whether every client is trusted with headers that an edge listener removes from what others send.
    pub trusts_anybody: bool,
}

/// Reads Ingresses as a policy.
pub fn import(mut manifests: Manifests, options: &Options) -> Imported {
    let objects: Vec<Object> =
        manifests.objects.iter().filter(|object| object.kind() == "Ingress").cloned().collect();
    let mut reader = Reader { manifests: &mut manifests, prefix: &options.prefix };
    let ingresses = read::ingresses(&objects, options.class.as_deref(), &mut reader);
    let draft = releases::draft(&ingresses, options, &mut reader);
    let is_good = manifests.count(Severity::Error) == 0;
    Imported { manifests, policy: is_good.then_some(draft) }
}

/// Reads annotations, and keeps what is found.
struct Reader<'r> {
    manifests: &'r mut Manifests,
    prefix: &'r str,
}

impl Reader<'_> {
    fn annotation<'o>(&self, object: &'o Object, name: &str) -> Option<&'o str> {
        object.annotation(&format!("{}/{name}", self.prefix))
    }

    /// Tells something of an annotation.
    fn tell(&mut self, object: &Object, severity: Severity, name: &str, what: &str) {
        let path = annotation::path(self.prefix, name);
        self.tell_at(object, severity, &path, what);
    }

    /// Tells something of a place in an object.
    fn tell_at(&mut self, object: &Object, severity: Severity, path: &str, what: &str) {
        let error = FieldError {
            path: path.to_owned(),
            problem: Problem::Warning,
            value: String::new(),
            allowed: what.to_owned(),
        };
        self.manifests.found(object, severity, error);
    }
}
