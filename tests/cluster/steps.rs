//! The declared steps: what they get, what they hand on, how often they are tried.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::support::Lab;

tests![
    an_http_check_is_tried_until_the_answer_is_right,
    an_http_check_says_what_was_answered_and_what_was_wanted,
    an_http_check_reaches_a_service_through_the_api_server,
    a_payload_goes_from_step_to_step,
    a_secret_may_not_be_an_argument_of_a_command,
];

/// Answers requests on loopback, one after the other; the last answer is repeated. How many came.
fn answers(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    (format!("http://{address}"), serve(listener, answers))
}

fn serve(listener: TcpListener, answers: &'static [&'static str]) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let mut request = BufReader::new(&socket).lines();
            while request
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let n = seen.fetch_add(1, Ordering::SeqCst);
            let (status, body) = answers[n.min(answers.len() - 1)]
                .split_once(' ')
                .expect("two words");
            let length = body.len();
            let _ = write!(
                socket,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    count
}

fn an_http_check_is_tried_until_the_answer_is_right() {
    let lab = Lab::new("http-retry");
    let (url, count) = answers(&["503 starting", "200 starting", "200 all is well"]);
    lab.stack(&format!(
        r#"
[charts.web]
chart = "./charts/app"
[[charts.web.validate]]
http = {{ url = "{url}/health", status = 200, body = "all is well" }}
retry = {{ attempts = 5, delay = "100ms" }}
"#
    ));
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "succeeded")]);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

fn an_http_check_says_what_was_answered_and_what_was_wanted() {
    let lab = Lab::new("http-wrong");
    let (url, count) = answers(&["418 teapot"]);
    lab.stack(&format!(
        r#"
[charts.web]
chart = "./charts/app"
[[charts.web.validate]]
name = "health"
http = {{ url = "{url}/health" }}
retry = {{ attempts = 2, delay = "10ms" }}
[charts.below]
chart = "./charts/app"
needs = ["web"]
"#
    ));
    let up = lab
        .stackctl(&["up"])
        .exits(1)
        .says(&[
            "answered 418",
            "a 2xx was wanted",
            "teapot",
            "after 2 attempts",
        ])
        .ended(&[("web", "failed"), ("below", "not run because web")]);
    assert_eq!(up.failure("web").step, "validate/health");
    assert_eq!(count.load(Ordering::SeqCst), 2);
    // The deploy itself was good: a failing validation takes nothing back.
    lab.has_releases(&["web 1 deployed"]);
}

/// An address of this machine that is not loopback: the API server passes requests on to no other.
/// It is the one that the API server itself found for the Service `kubernetes`.
fn own_address(lab: &Lab) -> IpAddr {
    let slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
    let slice = lab.kubectl(&["get", "--raw", slice]);
    let slice: Value = serde_json::from_str(&slice).expect("JSON");
    let address = slice["endpoints"][0]["addresses"][0].as_str();
    let address: IpAddr = address
        .and_then(|text| text.parse().ok())
        .expect("an address");
    assert!(!address.is_loopback(), "the machine has only loopback");
    address
}

/// A Service, and a server of the test behind it. The API server passes requests on to addresses of
/// pods only, so there is a pod that nobody runs and that is said to have the address.
fn service(lab: &Lab, name: &str, address: IpAddr, port: u16) {
    let namespace = &lab.namespace;
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let objects = format!(
        r#"
apiVersion: v1
kind: Service
metadata: {{ name: {name} }}
spec: {{ ports: [{{ name: http, port: 80, targetPort: {port} }}] }}
---
apiVersion: v1
kind: Pod
metadata: {{ name: {name} }}
spec: {{ schedulerName: nobody, containers: [{{ name: {name}, image: {name} }}] }}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{ name: {name}, labels: {{ kubernetes.io/service-name: {name} }} }}
addressType: {family}
endpoints:
- addresses: ["{address}"]
  conditions: {{ ready: true }}
  targetRef: {{ kind: Pod, namespace: {namespace}, name: {name} }}
ports: [{{ name: http, port: {port} }}]
"#
    );
    lab.write("service.yaml", &objects);
    let file = lab.path().join("service.yaml");
    let file = file.to_str().expect("temporary folders are UTF-8");
    lab.kubectl(&["create", "namespace", namespace]);
    lab.kubectl(&["apply", "-f", file]);
    let status = json!({ "status": { "podIP": address, "podIPs": [{ "ip": address }] } });
    let (pod, status) = (format!("pod/{name}"), status.to_string());
    lab.kubectl(&[
        "patch",
        &pod,
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ]);
}

fn an_http_check_reaches_a_service_through_the_api_server() {
    let lab = Lab::new("http-service");
    let address = own_address(&lab);
    let listener = TcpListener::bind((address, 0)).expect("the address has ports");
    let port = listener.local_addr().expect("it is bound").port();
    let count = serve(listener, &["503 starting", "201 all is well"]);
    service(&lab, "web", address, port);
    let stack = |check: &str| {
        lab.stack(&format!(
            r#"
[charts.web]
chart = "./charts/app"
[[charts.web.validate]]
name = "health"
http = {{ service = "web", path = "/health?deep=1", {check} }}
retry = {{ attempts = 3, delay = "50ms" }}
"#
        ));
    };
    // By the port's name and by its number; the first answer is not right yet.
    stack(r#"port = "http", status = 201, body = "is well""#);
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "succeeded")]);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    stack("port = 80");
    lab.stackctl(&["up"]).exits(0);
    assert_eq!(count.load(Ordering::SeqCst), 3);

    stack(r#"port = "http", body = "is bad""#);
    let up = lab.stackctl(&["up"]).exits(1).says(&[
        "the answer of service http-service/web:http/health?deep=1 does not hold `is bad`",
        "all is well",
        "after 3 attempts",
    ]);
    assert_eq!(up.failure("web").step, "validate/health");
    assert_eq!(count.load(Ordering::SeqCst), 6);
    stack(r#"port = "http", status = 200"#);
    lab.stackctl(&["up"])
        .exits(1)
        .says(&["answered 201, 200 was wanted"]);
}

fn a_payload_goes_from_step_to_step() {
    let lab = Lab::new("payload");
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
[[charts.web.pre]]
name = "start"
run = '''echo '{"seen": ["pre"], "chart": "'$STACKCTL_CHART'"}' '''
[[charts.web.pre]]
name = "talk"
run = "echo only words are no payload"
[[charts.web.post]]
name = "end"
run = "cat > payload.json; env | grep ^STACKCTL_ | sort > env.txt; kubectl=$KUBECONFIG; test -r $kubectl"
"#,
    );
    lab.stackctl(&["up"]).exits(0);
    let read = |name| fs::read_to_string(lab.path().join(name)).expect("the step wrote it");
    let payload: Value = serde_json::from_str(&read("payload.json")).expect("JSON");
    assert_eq!(payload, json!({ "seen": ["pre"], "chart": "web" }));
    for line in [
        "STACKCTL_ACTION=install",
        "STACKCTL_NAMESPACE=payload",
        "STACKCTL_PHASE=post",
        "STACKCTL_RELEASE=web",
        "STACKCTL_STACK=payload",
        "STACKCTL_STEP=end",
    ] {
        assert!(
            read("env.txt").lines().any(|found| found == line),
            "{line}: {}",
            read("env.txt")
        );
    }
}

fn a_secret_may_not_be_an_argument_of_a_command() {
    let lab = Lab::new("argv");
    lab.stack(
        r#"
[inputs]
token = { default = "s3cr3t-t0k3n", secret = true }
[charts.web]
chart = "./charts/app"
[[charts.web.pre]]
run = ["echo", "${inputs.token}"]
"#,
    );
    let up = lab
        .stackctl(&["up", "-v"])
        .exits(65)
        .says(&["stack.toml:12", "env"]);
    assert!(!up.to_string().contains("s3cr3t-t0k3n"), "{up}");
    lab.has_releases(&[]);
}
