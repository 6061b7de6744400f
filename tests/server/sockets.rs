//! The path of the UNIX socket: what may be there, what is left there, and who may use it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use super::start::expect_refused;
use crate::process::{Ended, SERVER, Server, Via, run, run_under};
use crate::programs;

/// Tries to listen on a path only, and fails.
fn run_on(path: &Path) -> Ended {
    run(&["--no-tcp", "-s", path.to_str().unwrap()])
}

#[test]
fn f52_a_stale_socket_is_replaced() {
    let server = Server::start(&["--no-tcp"]);
    server.process.signal(Signal::KILL);
    server.process.ended();
    let stale = fs::symlink_metadata(&server.sock).unwrap();
    assert!(stale.file_type().is_socket());
    let next = crate::process::start_process(&[], &["--no-tcp", "-s", server.sock.to_str().unwrap()]);
    assert!(next.listens().is_some(), "{}", next.stderr());
    crate::client::Client::connect("the client", &server.address(Via::Unix)).expect_nothing();
    drop(next);
}

#[test]
fn f52_a_live_socket_is_refused_and_goes_on() {
    let first = Server::start(&["--no-tcp"]);
    expect_refused(&run_on(&first.sock), &[first.sock.to_str().unwrap()]);
    first.connect(Via::Unix, "the client").expect_nothing();
}

#[test]
fn f52_a_live_socket_whose_owner_accepts_nobody_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("busy");
    let listener = UnixListener::bind(&path).unwrap();
    expect_refused(&run_on(&path), &[path.to_str().unwrap()]);
    assert!(path.exists());
    drop(listener);
}

#[test]
fn f52_what_is_no_socket_is_refused_and_never_removed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "precious").unwrap();
    let directory = folder.path().join("directory");
    fs::create_dir(&directory).unwrap();
    let link = folder.path().join("link");
    symlink(&file, &link).unwrap();
    for path in [&file, &directory, &link] {
        expect_refused(&run_on(path), &[path.to_str().unwrap()]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(directory.is_dir());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn f52_a_path_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let nowhere = folder.path().join("nowhere").join("sock");
    expect_refused(&run_on(&nowhere), &[nowhere.to_str().unwrap()]);
    let long = folder.path().join("x".repeat(200));
    expect_refused(&run_on(&long), &[long.to_str().unwrap()]);
}

#[test]
fn f52_a_folder_without_permission_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sock");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let nobody = ["setpriv", "--reuid=65534", "--clear-groups"];
    let ended = if !geteuid().is_root() {
        run_on(&path)
    } else if programs::permitted(&[&nobody[..], &[SERVER, "--version"]].concat()) {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        run_under(&nobody, &["--no-tcp", "-s", path.to_str().unwrap()])
    } else {
        return;
    };
    expect_refused(&ended, &[path.to_str().unwrap(), "ermission"]);
}

#[test]
fn f52_a_full_disk_is_named() {
    let mount = "mount -t tmpfs -o nr_inodes=1 tmpfs";
    let on_mnt = ["sh", "-c", &format!("{mount} /mnt")];
    // As root, or as a user who is root in a namespace.
    let (root, user) =
        (["unshare", "--mount"].as_slice(), ["unshare", "--user", "--map-root-user", "--mount"].as_slice());
    let unshare = if programs::succeeds(&[root, &on_mnt].concat()) { root } else { user };
    if !programs::permitted(&[unshare, &on_mnt].concat()) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sock");
    let script = format!(r#"{mount} {} && exec "$@""#, folder.path().display());
    let wrapper = [unshare, &["sh", "-c", &script, "sh"]].concat();
    let ended = run_under(&wrapper, &["--no-tcp", "-s", path.to_str().unwrap()]);
    expect_refused(&ended, &[path.to_str().unwrap(), "space"]);
}

#[test]
fn f52_the_mode_is_set_before_anybody_can_connect() {
    if !programs::permitted(&["strace", "-f", "-o", "/dev/null", "true"]) {
        return;
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let calls = "trace=bind,listen,/chmod";
    let strace = ["strace", "-D", "-f", "-qq", "-e", calls, "-o", trace.path().to_str().unwrap()];
    let server = Server::start_under(&strace, &["--no-tcp"]);
    server.process.signal(Signal::TERM);
    server.process.ended();
    let trace = fs::read_to_string(trace.path()).unwrap();
    let at = |call: &str| trace.lines().position(|line| line.contains(call)).unwrap_or_else(|| panic!("{trace}"));
    let (bound, mode_set, listens) = (at("bind("), at("chmod"), at("listen("));
    assert!(bound < mode_set && mode_set < listens && trace.contains("0660"), "{trace}");
}

#[test]
fn f52_the_socket_is_for_its_owner_and_group() {
    for umask in ["000", "077"] {
        let script = format!(r#"umask {umask} && exec "$@""#);
        let server = Server::start_under(&["sh", "-c", &script, "sh"], &[]);
        let mode = fs::symlink_metadata(&server.sock).unwrap().mode();
        assert_eq!(mode & 0o777, 0o660, "with umask {umask}");
    }
}

#[test]
fn f52_the_socket_is_removed_at_the_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start(&[]);
        server.process.signal(signal);
        assert_eq!(server.process.ended().status.code(), Some(0));
        assert_eq!(fs::read_dir(server.folder.path()).unwrap().count(), 0, "nothing else is left either");
    }
}

#[test]
fn f52_a_socket_that_another_put_in_its_place_is_left_alone() {
    let server = Server::start(&[]);
    fs::remove_file(&server.sock).unwrap();
    let other = UnixListener::bind(&server.sock).unwrap();
    server.process.signal(Signal::TERM);
    assert_eq!(server.process.ended().status.code(), Some(0));
    assert!(server.sock.exists());
    drop(other);
}

#[test]
fn f52_a_socket_that_is_gone_already_is_no_reason_to_fail() {
    let server = Server::start(&[]);
    fs::remove_file(&server.sock).unwrap();
    server.process.signal(Signal::TERM);
    assert_eq!(server.process.ended().status.code(), Some(0));
}

#[test]
fn f52_of_two_servers_that_start_at_once_one_listens() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sock");
    // A stale socket makes it worse: both want to replace it.
    drop(UnixListener::bind(&path).unwrap());
    let path = path.to_str().unwrap();
    let start = || crate::process::start_process(&[], &["--no-tcp", "-s", path]);
    let both = [start(), start()];
    let loser = crate::wait::until("the end of one", || both.iter().position(|process| process.status().is_some()));
    expect_refused(&both[loser].ended(), &[path]);
    let address = socket2::SockAddr::unix(path).unwrap();
    crate::wait::until("the other", || crate::client::Client::can_connect(&address).then_some(()));
    crate::client::Client::connect("the client", &address).expect_nothing();
    assert_eq!(both[1 - loser].status(), None);
}
