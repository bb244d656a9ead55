//! Which service is behind which lane.

use graylane::error::{FieldError, Path, Problem};
use serde_json::{Value, json};

use crate::document::{self, Fault, Form};
use crate::manifests::error;

/// The services behind lanes: a file of facts, and what is said on the command line, which comes first.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The file, see [`facts`](crate::facts): its services with their names, namespaces and ports, and those of their lanes.
    pub file: Value,
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
    /// Reads a file of facts.
    ///
    /// # Errors
    /// It is no document.
    pub fn read(text: &str, form: Form) -> Result<Value, Fault> {
        document::parse(text, form).map(|node| document::json(&node))
    }

    /// The service of a lane.
    pub(super) fn service(&self, release: &str, lane: &str) -> Result<Service, FieldError> {
        let services =
            self.file.get("services").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_named = |service: &&Value| service.get("release").and_then(Value::as_str) == Some(release);
        let of_release = services.iter().find(is_named);
        let facts = of_release.and_then(|facts| facts.get("lanes")?.get(lane));
        let text = |facts: Option<&Value>, key: &str| match facts?.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let said = self.services.iter().find(|(of, _)| of == lane).map(|(_, service)| service.clone());
        let written = text(facts, "service").map(|name| Service {
            namespace: None,
            name,
            port: text(facts, "port").or(text(of_release, "port")).unwrap_or_else(|| "80".to_owned()),
        });
        let service = said.or(written).ok_or_else(|| missing(release, lane))?;
        let namespace = self.namespace.clone().or_else(|| text(of_release, "namespace"));
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
