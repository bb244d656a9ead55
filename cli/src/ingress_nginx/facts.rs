//! Which service is behind which lane.

use graylane::error::{FieldError, Path, Problem};
use serde_json::{Value, json};

use crate::facts::written::{self, Port, TargetPort};
use crate::manifests::error;

/// The services behind lanes: a file of facts, and what is said on the command line, which comes first.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The file, see [`facts`](crate::facts): its services with their namespaces and ports, and the Services of their lanes.
    pub file: written::Facts,
    /// Services by their lanes.
    pub services: Vec<(String, Service)>,
    /// The namespace of all of them.
    pub namespace: Option<String>,
}

/// A service, as an Ingress names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The namespace, if one is known.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The port, as number or name.
    pub port: String,
}

impl Service {
    /// A service as it is written on a command line: `shop-v1:80`; without a port it is 80.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = text.split_once(':').unwrap_or((text, "80"));
        let is_good = !name.is_empty() && !port.is_empty() && !name.contains('/') && !port.contains(':');
        is_good.then(|| Service { namespace: None, name: name.to_owned(), port: port.to_owned() })
    }

    /// The backend of an Ingress.
    pub(super) fn backend(&self) -> Value {
        match self.port.parse::<u16>() {
            Ok(number) => json!({"name": self.name, "port": {"number": number}}),
            Err(_) => json!({"name": self.name, "port": {"name": self.port}}),
        }
    }
}

impl Facts {
    /// The service of a lane.
    pub(super) fn service(&self, release: &str, lane: &str) -> Result<Service, FieldError> {
        let of_release =
            self.file.services.iter().find(|service| service.release.as_deref() == Some(release));
        let facts = of_release.and_then(|service| service.lanes.iter().find(|(name, _)| *name == lane));
        let said = self.services.iter().find(|(of, _)| of == lane).map(|(_, service)| service.clone());
        let written = facts.and_then(|(_, facts)| {
            let port = match (&facts.port, &of_release.and_then(|service| service.port)) {
                (Some(TargetPort::Name(name)), _) => name.clone(),
                (Some(TargetPort::Number(number)), _) | (None, Some(Port(number))) => number.to_string(),
                (None, None) => "80".to_owned(),
            };
            Some(Service { namespace: None, name: facts.service.clone()?, port })
        });
        let service = said.or(written).ok_or_else(|| missing(release, lane))?;
        let namespace =
            self.namespace.clone().or_else(|| of_release.and_then(|service| service.namespace.clone()));
        Ok(Service { namespace, ..service })
    }
}

fn missing(release: &str, lane: &str) -> FieldError {
    let path = Path::Root.key("services").to_string();
    let allowed = format!(
        "the service of lane {lane} of {release}: in the file of --facts, or --service {lane}=NAME:PORT"
    );
    error(&path, Problem::Required, "", allowed)
}
