//! Makes the file of the UNIX socket, and removes it at the end.
//!
//! The socket of a dead server is replaced. A live socket, or a file that is not a socket, is neither replaced nor
//! removed. At the end, the server removes only the file that it has made itself.

use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{self, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::start_error::{StartError, scarce};
use crate::limits;

/// Only owner and group may connect, because a client can run jobs and read them.
const MODE: u32 = 0o660;

/// The file of a listening socket, removed when this is dropped. It must be dropped before the socket: while the socket is
/// open, no other file can have its inode number, and no other server takes it for stale.
#[derive(Debug)]
pub(crate) struct SockFile {
    /// Absolute, because the process may change its folder.
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Returns a socket that listens at `path`, and its file. At most `backlog` connections can wait to be accepted.
pub(super) fn listen(path: &Path, backlog: i32) -> Result<(SockFile, Socket), StartError> {
    bind(path, backlog).map_err(|reason| StartError::Unix { path: path.to_owned(), reason })
}

fn bind(path: &Path, backlog: i32) -> Result<(SockFile, Socket), String> {
    let address = address(path)?;
    let _lock = lock_folder(path); // Held until the socket listens, so that two starts run one after the other.
    if is_stale(path, &address)? {
        fs::remove_file(path).map_err(|error| explain("cannot remove the stale socket", &error))?;
    }
    let socket =
        Socket::new(Domain::UNIX, Type::STREAM, None).map_err(|error| explain("cannot make a socket", &error))?;
    socket.bind(&address).map_err(|error| explain("cannot make the file", &error))?;
    let file = SockFile::new(path).map_err(|error| explain("cannot read the new file's attributes", &error))?;
    // Set before it listens: no client can connect under the mode that the umask gave.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(|error| explain("cannot set the mode", &error))?;
    socket.listen(backlog).map_err(|error| explain("cannot listen", &error))?;
    socket.set_nonblocking(true).map_err(|error| explain("cannot make the socket non-blocking", &error))?;
    Ok((file, socket))
}

fn address(path: &Path) -> Result<SockAddr, String> {
    if path.as_os_str().as_bytes().contains(&0) {
        return Err("the path contains a NUL byte; choose another path".to_owned());
    }
    SockAddr::unix(path)
        .map_err(|_| "the path is too long: a socket's path may have about 100 bytes; choose a shorter path".to_owned())
}

/// Returns the error text: what failed, why, and advice.
fn explain(attempt: &str, error: &io::Error) -> String {
    let advice = scarce(error).unwrap_or_else(|| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "the folder does not exist: make it, or choose another path"
        }
        io::ErrorKind::PermissionDenied => "allow this user to write to the folder, or choose another path",
        io::ErrorKind::AddrInUse => "another program has just made this file: choose another path",
        _ => "choose another path",
    });
    format!("{attempt}: {error}; {advice}")
}

/// Returns whether the path has a dead server's socket. Gives `Err` if it has a file that must stay.
fn is_stale(path: &Path, address: &SockAddr) -> Result<bool, String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(explain("cannot read the path's attributes", &error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err("the file there is not a socket: remove it, or choose another path".to_owned())
        }
        Ok(_) => refuses_connections(address),
    }
}

/// Returns whether connecting is refused. Does not block, so that a live server with a full backlog cannot delay the
/// start.
fn refuses_connections(address: &SockAddr) -> Result<bool, String> {
    let probe = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(address)
    };
    match probe() {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false), // Its server removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied || scarce(&error).is_some() => {
            Err(explain("cannot find out whether the socket there is in use", &error))
        }
        // Connected, or the backlog is full, or it is a socket of another type.
        _ => Err("another program uses this socket: stop it, or choose another path".to_owned()),
    }
}

/// Locks the folder against other starts while the returned file is open. Returns `None` if the folder cannot be opened or
/// locked, or if another program keeps the lock: the start then goes on without it.
fn lock_folder(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(parent).ok()?;
    let deadline = Instant::now() + Duration::from_millis(limits::START_LOCK_MS);
    loop {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
}

impl SockFile {
    fn new(path: &Path) -> io::Result<Self> {
        let made = fs::symlink_metadata(path)?;
        Ok(Self { path: path::absolute(path)?, device: made.dev(), inode: made.ino() })
    }

    fn is(&self, found: &Metadata) -> bool {
        (found.dev(), found.ino()) == (self.device, self.inode)
    }
}

impl Drop for SockFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| self.is(&found)) {
            // If the file cannot be removed, it is stale from now on, and the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use tempfile::TempDir;

    use super::*;

    /// Returns why the server cannot listen on `path`.
    fn refusal(path: &Path) -> String {
        listen(path, limits::BACKLOG).unwrap_err().to_string()
    }

    #[test]
    fn f52_the_socket_listens_has_its_mode_and_goes_with_its_owner() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let (file, socket) = listen(&path, limits::BACKLOG).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o7777, 0o660);
        UnixStream::connect(&path).unwrap();
        drop(file);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn f52_a_stale_socket_is_replaced() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind");
        let _listening = listen(&path, limits::BACKLOG).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn f52_a_live_socket_is_refused_and_lives_on() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let _live = listen(&path, limits::BACKLOG).unwrap();
        assert!(refusal(&path).contains("another program uses this socket"));
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn f52_a_live_socket_with_a_full_backlog_is_refused_at_once() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let address = SockAddr::unix(&path).unwrap();
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&address).unwrap();
        socket.listen(0).unwrap();
        let _waiting = UnixStream::connect(&path).unwrap();
        assert!(refusal(&path).contains("another program uses this socket"));
    }

    #[test]
    fn f52_a_socket_of_another_kind_is_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let _datagrams = UnixDatagram::bind(&path).unwrap();
        assert!(refusal(&path).contains("another program uses this socket"));
        assert!(path.exists());
    }

    #[test]
    fn f52_what_is_no_socket_is_refused_and_stays() {
        let parent = TempDir::new().unwrap();
        let [file, folder, link] = ["file", "folder", "link"].map(|name| parent.path().join(name));
        fs::write(&file, "precious").unwrap();
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        for path in [&file, &folder, &link] {
            assert!(refusal(path).contains("not a socket"), "{}", refusal(path));
            assert!(fs::symlink_metadata(path).is_ok());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    }

    #[test]
    fn f52_a_path_that_cannot_be_says_why() {
        let folder = TempDir::new().unwrap();
        assert!(refusal(&folder.path().join("x".repeat(108))).contains("too long"));
        assert!(refusal(&folder.path().join("none/s")).contains("the folder does not exist"));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(refusal(&folder.path().join("file/s")).contains("the folder does not exist"));
        assert!(refusal(&folder.path().join("a\0b")).contains("NUL"));
        let denied = explain("cannot make the file", &io::ErrorKind::PermissionDenied.into());
        assert!(denied.contains("allow this user to write to the folder"));
    }

    #[test]
    fn f52_only_the_own_file_is_removed() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let (file, socket) = listen(&path, limits::BACKLOG).unwrap();
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(file);
        drop(socket);
        UnixStream::connect(&path).unwrap();
        drop(other);
    }

    #[test]
    fn f52_of_many_starts_at_once_one_listens() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        for _ in 0..20 {
            drop(UnixListener::bind(&path).unwrap()); // A stale socket, which all starts replace.
            let start = std::sync::Barrier::new(4);
            let results: Vec<_> = thread::scope(|scope| {
                let starts = [(); 4].map(|()| {
                    scope.spawn(|| {
                        start.wait();
                        listen(&path, limits::BACKLOG)
                    })
                });
                starts.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            UnixStream::connect(&path).unwrap();
            drop(results);
            assert!(!path.exists());
        }
    }
}
