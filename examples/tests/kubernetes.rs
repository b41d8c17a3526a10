//! The manifests are YAML, and their settings fit the program and each other.

use serde_json::Value;

const DEPLOYMENT: &str = include_str!("../kubernetes/deployment.yaml");
const STATEFUL_SET: &str = include_str!("../kubernetes/statefulset.yaml");
const PROGRAM: &str = include_str!("../src/bin/http/main.rs");

/// The document of this kind.
fn document(file: &str, kind: &str) -> Value {
    let documents: Vec<Value> = serde_saphyr::from_multiple(file).expect("YAML");
    assert_eq!(documents.len(), 3);
    let found = documents.into_iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

/// How many seconds the program gives its shutdown.
fn shutdown_timeout() -> u64 {
    let (_, after) =
        PROGRAM.split_once(".shutdown_timeout(Duration::from_secs(").expect("it is set");
    let (seconds, _) = after.split_once(')').expect("a number");
    seconds.parse().expect("a number")
}

#[test]
fn pods_have_time_to_hand_over_and_are_probed_where_the_program_answers() {
    for (file, kind) in [(DEPLOYMENT, "Deployment"), (STATEFUL_SET, "StatefulSet")] {
        let spec = &document(file, kind)["spec"];
        let pod = &spec["template"]["spec"];
        let container = &pod["containers"][0];
        let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a number");
        let pre_stop = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
        let needed = shutdown_timeout() + pre_stop.expect("a number") + LEASE;
        assert!(grace > needed, "{kind}: {grace} s, of {needed} s");
        for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
            assert_eq!(container[probe]["httpGet"]["path"], path, "{kind}");
        }
        let labels = &spec["template"]["metadata"]["labels"];
        assert_eq!(&spec["selector"]["matchLabels"], labels);
        for other in ["PodDisruptionBudget", "Service"] {
            let selector = &document(file, other)["spec"]["selector"];
            assert!(selector == labels || &selector["matchLabels"] == labels, "{kind}: {other}");
        }
    }
}

#[test]
fn a_deployment_surges_and_a_stateful_set_keeps_its_node_ids() {
    let rolling = &document(DEPLOYMENT, "Deployment")["spec"]["strategy"]["rollingUpdate"];
    assert_eq!((&rolling["maxSurge"], &rolling["maxUnavailable"]), (&1.into(), &0.into()));
    let spec = &document(STATEFUL_SET, "StatefulSet")["spec"];
    let container = &spec["template"]["spec"]["containers"][0];
    let args = container["args"].as_array().expect("a list");
    assert!(args.contains(&"--node=$(POD_NAME)".into()), "{args:?}");
    assert!(args.contains(&"--restart-grace=90s".into()), "{args:?}");
    assert_eq!(container["env"][0]["name"], "POD_NAME");
    assert_eq!(spec["podManagementPolicy"], "Parallel");
}

/// The lease of a node on one server, in seconds.
const LEASE: u64 = 6;
