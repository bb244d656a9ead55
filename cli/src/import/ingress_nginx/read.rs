//! Objects -> Ingresses, in the order in which the controller takes them.

use graylane::error::Problem;
use serde_json::Value;

use super::controller::{Ingress, Rule, RulePath, Upstream};
use super::{Reader, annotation};
use crate::check::Severity;
use crate::manifests::{Object, error, quoted};

/// The Ingresses of a class, oldest first; mistakes are kept by the reader.
pub(super) fn ingresses(objects: &[Object], class: Option<&str>, reader: &mut Reader<'_>) -> Vec<Ingress> {
    let mut classes: Vec<&str> = objects.iter().filter_map(class_of).collect();
    classes.sort_unstable();
    classes.dedup();
    if let (None, [_, _, ..], Some(object)) = (class, classes.as_slice(), objects.first()) {
        let told = format!(
            "there are Ingresses of several classes ({}); say which one with --class",
            classes.join(", ")
        );
        reader.manifests.found(object, Severity::Error, error("", Problem::Forbidden, "", told));
    }
    let is_taken = |object: &&Object| class.is_none() || class_of(object) == class;
    let mut taken: Vec<&Object> = objects.iter().filter(is_taken).collect();
    order(&mut taken);
    taken.into_iter().filter_map(|object| ingress(object, reader)).collect()
}

fn class_of(object: &Object) -> Option<&str> {
    object.annotation("kubernetes.io/ingress.class").or_else(|| object.text("/spec/ingressClassName"))
}

/// As the controller orders them: by the time of their creation, of one time the last name first. Where a time is not known, which
/// files of one's own have not, they stay in the order in which they are written.
fn order(objects: &mut [&Object]) {
    let time = |object: &Object| object.text("/metadata/creationTimestamp").map(str::to_owned);
    if objects.iter().all(|object| time(object).is_some()) {
        let name = |object: &Object| format!("{}/{}", object.namespace().unwrap_or("default"), object.name());
        objects.sort_by(|a, b| time(a).cmp(&time(b)).then_with(|| name(b).cmp(&name(a))));
    }
}

fn ingress(object: &Object, reader: &mut Reader<'_>) -> Option<Ingress> {
    if (object.group(), object.version()) != ("networking.k8s.io", "v1") {
        let value = quoted(object.value.get("apiVersion").unwrap_or(&Value::Null));
        let allowed = "networking.k8s.io/v1; `kubectl get ingress -o yaml` gives any Ingress in that form";
        reader.manifests.found(
            object,
            Severity::Error,
            error("apiVersion", Problem::Unsupported, value, allowed),
        );
        return None;
    }
    annotations_are_text(object, reader);
    let canary = annotation::canary(object, reader);
    let default_backend = object
        .value
        .pointer("/spec/defaultBackend")
        .and_then(|backend| upstream(object, backend, "spec.defaultBackend", reader));
    let rules = object.value.pointer("/spec/rules").and_then(Value::as_array);
    let rules = rules.into_iter().flatten().enumerate();
    let rules: Vec<Rule> = rules.map(|(index, value)| rule(object, index, value, reader)).collect();
    let aliases = reader.annotation(object, "server-alias").unwrap_or_default();
    let aliases =
        aliases.split(',').map(|alias| alias.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    let is_regex = annotation::boolean(object, "use-regex", reader)
        || reader.annotation(object, "rewrite-target").is_some_and(|target| !target.is_empty());
    Some(Ingress { object: object.clone(), canary, default_backend, rules, aliases, is_regex })
}

/// Kubernetes takes nothing else, so what stands there in a file was never applied as it is.
fn annotations_are_text(object: &Object, reader: &mut Reader<'_>) {
    let Some(annotations) = object.value.pointer("/metadata/annotations").and_then(Value::as_object) else {
        return;
    };
    for (name, value) in annotations.iter().filter(|(_, value)| !value.is_string()) {
        let path = format!("metadata.annotations.{}", graylane::error::Quoted(name));
        let allowed = "must be text; put it in quotes, as Kubernetes asks for";
        reader.manifests.found(object, Severity::Error, error(&path, Problem::Type, quoted(value), allowed));
    }
}

fn rule(object: &Object, index: usize, value: &Value, reader: &mut Reader<'_>) -> Rule {
    let at = format!("spec.rules[{index}]");
    let host = value.get("host").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let paths = value.pointer("/http/paths").and_then(Value::as_array);
    let paths = paths.into_iter().flatten().enumerate();
    let paths = paths.filter_map(|(index, value)| {
        let at = format!("{at}.http.paths[{index}]");
        rule_path(object, at, value, reader)
    });
    Rule { host, paths: paths.collect(), path: at }
}

fn rule_path(object: &Object, at: String, value: &Value, reader: &mut Reader<'_>) -> Option<RulePath> {
    let kind = value.get("pathType").and_then(Value::as_str);
    if !matches!(kind, None | Some("Exact" | "Prefix" | "ImplementationSpecific")) {
        let value = quoted(value.get("pathType").unwrap_or(&Value::Null));
        let allowed = "allowed: Exact, Prefix, ImplementationSpecific";
        let path = format!("{at}.pathType");
        reader.manifests.found(object, Severity::Error, error(&path, Problem::Unsupported, value, allowed));
    }
    let path =
        value.get("path").and_then(Value::as_str).filter(|path| !path.is_empty()).unwrap_or("/").to_owned();
    let backend = value.get("backend").unwrap_or(&Value::Null);
    let upstream = upstream(object, backend, &format!("{at}.backend"), reader)?;
    // ImplementationSpecific is Prefix to the controller.
    Some(RulePath { at, path, is_exact: kind == Some("Exact"), upstream })
}

fn upstream(object: &Object, backend: &Value, at: &str, reader: &mut Reader<'_>) -> Option<Upstream> {
    if backend.get("resource").is_some() {
        reader.tell_at(object, Severity::Note, at, "no service is behind it; it is left alone");
        return None;
    }
    let Some(service) = backend.pointer("/service/name").and_then(Value::as_str) else {
        let path = format!("{at}.service.name");
        let missing = error(&path, Problem::Required, "", "the name of the service behind it");
        reader.manifests.found(object, Severity::Error, missing);
        return None;
    };
    let port = match (backend.pointer("/service/port/number"), backend.pointer("/service/port/name")) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.as_str().unwrap_or_default().to_owned(),
        (None, None) => String::new(),
    };
    let namespace = object.namespace().map(str::to_owned);
    Some(Upstream { namespace, service: service.to_owned(), port })
}
