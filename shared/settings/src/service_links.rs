//! The variables that Kubernetes adds to every container for each service of the namespace.

use std::collections::BTreeMap;

/// Removes the variables of services whose name begins with `botticelli`.
///
/// A service `botticelli-server-api` brings `BOTTICELLI_SERVER_API_PORT=tcp://10.0.0.7:3000`, which looks like a key of
/// ours. Each such family has a `…_SERVICE_HOST`, and that gives it away.
pub(crate) fn remove_service_links(variables: &mut BTreeMap<String, String>) {
    let services = variables
        .keys()
        .filter_map(|name| name.strip_suffix("_SERVICE_HOST"))
        .filter(|service| service.starts_with("BOTTICELLI"))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    variables.retain(|name, _| !services.iter().any(|service| belongs(name, service)));
}

fn belongs(name: &str, service: &str) -> bool {
    name.strip_prefix(service)
        .is_some_and(|rest| rest == "_PORT" || rest.starts_with("_PORT_") || rest.starts_with("_SERVICE_"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::remove_service_links;

    #[test]
    fn variables_of_a_kubernetes_service_are_removed_and_others_stay() {
        let mut variables = [
            "BOTTICELLI_SERVER_API_SERVICE_HOST",
            "BOTTICELLI_SERVER_API_SERVICE_PORT",
            "BOTTICELLI_SERVER_API_SERVICE_PORT_HTTP",
            "BOTTICELLI_SERVER_API_PORT",
            "BOTTICELLI_SERVER_API_PORT_3000_TCP_ADDR",
            "BOTTICELLI_SERVER_HEALTH_PORT",
            "BOTTICELLI_QUEUE_LEASE",
            "OTHER_SERVICE_HOST",
        ]
        .map(|name| (name.to_owned(), "x".to_owned()))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
        remove_service_links(&mut variables);
        let left = variables.keys().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(
            left,
            [
                "BOTTICELLI_QUEUE_LEASE",
                "BOTTICELLI_SERVER_HEALTH_PORT",
                "OTHER_SERVICE_HOST"
            ]
        );
    }
}
