//! The hosts of services as requests name them.

/// The names by which requests call a host. In the mesh a service has several: its own, and those with more of its domain.
pub(super) fn names(host: &str, namespace: Option<&str>) -> Vec<String> {
    if host == "*" {
        return Vec::new();
    }
    let parts: Vec<&str> = host.split('.').collect();
    match (parts.as_slice(), namespace) {
        ([service], Some(namespace)) => of_service(service, namespace, true),
        ([service, of, "svc", ..], _) => of_service(service, of, namespace.is_none_or(|own| own == *of)),
        _ => vec![host.to_owned()],
    }
}

fn of_service(service: &str, namespace: &str, is_own: bool) -> Vec<String> {
    let short = is_own.then(|| service.to_owned());
    let longer = ["", ".svc", ".svc.cluster.local"].map(|rest| format!("{service}.{namespace}{rest}"));
    short.into_iter().chain(longer).collect()
}

/// The service and the namespace of a destination.
pub(super) fn service<'h>(host: &'h str, namespace: Option<&'h str>) -> (&'h str, Option<&'h str>) {
    let mut parts = host.split('.');
    let (first, second, third) = (parts.next().unwrap_or(host), parts.next(), parts.next());
    match (second, third) {
        (None, _) => (first, namespace),
        (Some(of), Some("svc")) => (first, Some(of)),
        _ => (host, namespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_called_by_each_of_its_names() {
        let all = ["pay", "pay.shop", "pay.shop.svc", "pay.shop.svc.cluster.local"];
        assert_eq!(names("pay", Some("shop")), all);
        assert_eq!(names("pay.shop.svc.cluster.local", Some("shop")), all);
        assert_eq!(names("pay.shop.svc.cluster.local", Some("other")), all[1..]);
        assert_eq!(names("pay", None), ["pay"]);
        assert_eq!(names("shop.example.com", Some("shop")), ["shop.example.com"]);
        assert_eq!(names("*.example.com", None), ["*.example.com"]);
        assert!(names("*", None).is_empty());
    }

    #[test]
    fn the_service_of_a_destination_is_known_by_its_host() {
        assert_eq!(service("pay", Some("shop")), ("pay", Some("shop")));
        assert_eq!(service("pay.eu.svc.cluster.local", Some("shop")), ("pay", Some("eu")));
        assert_eq!(service("api.example.com", Some("shop")), ("api.example.com", Some("shop")));
    }
}
