//! The writer thread: one write for all lines that were queued since the last write.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::Session;
use super::shared::Core;
use crate::client::stream;

/// The largest buffer that is kept for the next lines, in bytes.
const SPARE_BYTES_MAX: usize = 1 << 20;

impl<S: Session> Core<S> {
    /// Writes until the link is closed.
    pub(super) fn run_writer(&self) {
        let mut batch = Vec::new();
        while let Some(stream) = self.take_unsent(&mut batch) {
            let result = write_all(&stream, &batch, self.options.answer_timeout);
            self.on_written(&stream, batch.len(), result);
            batch.clear();
            if batch.capacity() > SPARE_BYTES_MAX {
                batch = Vec::new();
            }
        }
    }

    fn on_written(&self, stream: &Arc<Socket>, bytes: usize, result: io::Result<()>) {
        let mut state = self.state.lock();
        state.writing_bytes = 0;
        self.room.notify_all();
        if !state.stream.as_ref().is_some_and(|current| Arc::ptr_eq(current, stream)) {
            return; // The connection was lost meanwhile.
        }
        match result {
            Ok(()) => state.written_bytes += bytes as u64,
            Err(error) => {
                state.write_error = Some(match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => "the server takes no more bytes".to_owned(),
                    _ => error.to_string(),
                });
                // The reader finds the end of the connection.
                state.stream = None;
                stream::end(stream);
            }
        }
    }
}

/// Writes all bytes. The server has to take some within each `timeout`, which is also that of the socket.
fn write_all(stream: &Socket, mut bytes: &[u8], timeout: Duration) -> io::Result<()> {
    let mut waiting_since = Instant::now();
    while !bytes.is_empty() {
        match write(stream, bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => {
                bytes = &bytes[taken..];
                waiting_since = Instant::now();
            }
            // A signal has interrupted the write. The next write has the socket's whole time-out again.
            Err(error) if error.kind() == ErrorKind::Interrupted && waiting_since.elapsed() < timeout => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes without SIGPIPE, which would end a program that has set that signal to its default. On Apple's systems the
/// socket itself has that option.
#[cfg(not(target_vendor = "apple"))]
fn write(stream: &Socket, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(stream, bytes, rustix::net::SendFlags::NOSIGNAL)?)
}

#[cfg(target_vendor = "apple")]
fn write(stream: &Socket, bytes: &[u8]) -> io::Result<usize> {
    stream.send(bytes)
}
