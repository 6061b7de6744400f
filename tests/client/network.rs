//! Faults of the network and of names, each in a network namespace of its own: the test program runs itself there.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use deputy::client::{Client, ConnectError, Options, Worker};

use crate::alone;
use crate::fake::Fake;
use crate::fixture::{Running, next, quick_retry};
use crate::programs;
use crate::wait::until;

/// Makes a network, and a view of the file system, for one process.
const OWN_NETWORK: &str = "unshare -rnm";

/// Runs the ignored test `name` of this file in a network of its own, which `script` prepares.
fn run_alone(name: &str, script: &str) {
    let prepare = format!("ip link set lo up && {script}");
    let shell: Vec<&str> = OWN_NETWORK.split(' ').chain(["sh", "-c"]).collect();
    if !programs::permitted(&[&shell[..], &[&prepare]].concat()) {
        return;
    }
    let exec = format!(r#"{prepare} >&2 && exec "$0" "$@""#);
    alone::run(&[&shell[..], &[&exec]].concat(), &format!("network::{name}"));
}

#[test]
fn a_worker_that_retries_never_connects_to_itself() {
    run_alone("four_local_ports", "sysctl -w net.ipv4.ip_local_port_range='40000 40003'");
}

/// With four local ports, every second attempt or so reaches its own port.
#[test]
#[ignore = "run by a_worker_that_retries_never_connects_to_itself"]
fn four_local_ports() {
    let server: SocketAddr = "127.0.0.1:40002".parse().unwrap();
    let (sender, events) = unbounded();
    let worker = Worker::new(&server.to_string()).handle("t", |_| Ok::<_, String>(()));
    let worker = worker.on_event(move |event| sender.send(event.to_string()).unwrap_or_default());
    let _running = Running::start(worker.options(quick_retry()));
    let mut own_port = 0;
    until("attempts that reach their own port", || {
        let event = next(&events);
        assert!(event.contains("cannot connect to tcp://127.0.0.1:40002"), "{event}");
        own_port += u32::from(event.contains("its own port"));
        (own_port == 5).then_some(())
    });
    // The port is free for the server.
    let listener = until("the port", || TcpListener::bind(server).ok());
    let mut peer = Fake::of(listener).accept();
    peer.expect(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
}

#[test]
fn the_connect_timeout_bounds_a_silent_name_server() {
    let resolv = "mkdir -p /tmp && f=$(mktemp) && echo 'nameserver 127.0.0.9' > $f && mount --bind $f /etc/resolv.conf";
    run_alone("silent_name_server", resolv);
}

#[test]
#[ignore = "run by the_connect_timeout_bounds_a_silent_name_server"]
fn silent_name_server() {
    let _silent = UdpSocket::bind("127.0.0.9:53").unwrap();
    let start = Instant::now();
    let error = Options::new().connect_timeout(Duration::from_millis(100)).connect("jobs.example").unwrap_err();
    assert!(matches!(error, ConnectError::Resolve { .. }), "{error}");
    assert!(error.to_string().contains("jobs.example") && error.to_string().contains("in time"), "{error}");
    // The system's resolver alone takes 10 s.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_link_local_address_is_reached_by_number_or_name_of_its_interface() {
    run_alone("link_local", "ip address add fe80::7/64 dev lo nodad");
}

#[test]
#[ignore = "run by a_link_local_address_is_reached_by_number_or_name_of_its_interface"]
fn link_local() {
    let listener = TcpListener::bind("[fe80::7%1]:0").unwrap();
    // The system adds the route a little after the address.
    until("the route", || TcpStream::connect(listener.local_addr().unwrap()).ok());
    let port = listener.local_addr().unwrap().port();
    for scope in ["1", "lo"] {
        for scheme in ["", "tcp://"] {
            Client::connect(&format!("{scheme}[fe80::7%{scope}]:{port}")).unwrap();
        }
    }
    let error = Client::connect(&format!("[fe80::7%none]:{port}")).unwrap_err().to_string();
    assert!(error.contains("%none"), "{error}");
}
