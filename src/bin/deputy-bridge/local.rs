//! Holds the two connections to the local server. They are opened together; if one is lost, both are closed. This
//! module reads and writes lines; `wire` decodes and encodes them.

use std::io;
use std::time::Duration;

use deputy::client::Url;
use deputy::limits::{LINE_BYTES_MAX, RETRY_CAP_MS_DEFAULT, RETRY_FIRST_MS_DEFAULT};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep, timeout};

use crate::wire::{self, Conn, FromServer};

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of lines that were read and wait to be handled.
const LINES_MAX: usize = 4_096;
/// The maximum number of bytes that are read or written at once.
const BUFFER_BYTES: usize = 64 << 10;

/// What happened to the connections.
pub(crate) enum LocalEvent {
    /// Both connections are open.
    Connected(Lines),
    /// Both connections are closed.
    Lost { reason: String },
    /// An attempt to connect failed. The next one follows.
    Failed { error: String },
    /// The server has sent a line.
    Line(Conn, FromServer),
}

/// Sends lines to the connections.
pub(crate) struct Lines {
    main: UnboundedSender<Vec<u8>>,
    durable: UnboundedSender<Vec<u8>>,
}

impl Lines {
    /// Sends a line. If the connection is lost, the line is dropped, and an event reports the loss.
    pub(crate) fn send(&self, conn: Conn, line: Vec<u8>) {
        let sender = match conn {
            Conn::Main => &self.main,
            Conn::Durable => &self.durable,
        };
        let _ = sender.send(line);
    }
}

/// The running task.
pub(crate) struct Local {
    pub(crate) events: Receiver<LocalEvent>,
    drops: Sender<String>,
}

impl Local {
    /// Starts to connect, and reconnects after each loss.
    pub(crate) fn start(url: Url) -> Self {
        let (sender, events) = mpsc::channel(LINES_MAX);
        let (drops, dropped) = mpsc::channel(1);
        tokio::spawn(keep_connected(url, sender, dropped));
        Self { events, drops }
    }

    /// Closes the connections for this reason.
    pub(crate) fn drop_connections(&self, reason: String) {
        // If the channel is full, the connections are being closed already.
        let _ = self.drops.try_send(reason);
    }
}

async fn keep_connected(url: Url, events: Sender<LocalEvent>, mut dropped: Receiver<String>) {
    let first = Duration::from_millis(RETRY_FIRST_MS_DEFAULT);
    let cap = Duration::from_millis(RETRY_CAP_MS_DEFAULT);
    let mut pause = first;
    loop {
        let event = match connect_both(&url).await {
            Ok((main, durable)) => {
                pause = first;
                let (main_lines, main_out) = mpsc::unbounded_channel();
                let (durable_lines, durable_out) = mpsc::unbounded_channel();
                let lines = Lines { main: main_lines, durable: durable_lines };
                while dropped.try_recv().is_ok() {} // Meant for earlier connections.
                if events.send(LocalEvent::Connected(lines)).await.is_err() {
                    return;
                }
                let reason = tokio::select! {
                    reason = serve(main, Conn::Main, &events, main_out) => reason,
                    reason = serve(durable, Conn::Durable, &events, durable_out) => reason,
                    Some(reason) = dropped.recv() => reason,
                };
                LocalEvent::Lost { reason }
            }
            Err(error) => LocalEvent::Failed { error: error.to_string() },
        };
        if events.send(event).await.is_err() {
            return; // The bridge ends.
        }
        sleep(pause).await;
        pause = (pause * 2).min(cap);
    }
}

/// A connection of either kind.
type Stream = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

async fn connect_both(url: &Url) -> io::Result<(Stream, Stream)> {
    Ok((connect(url).await?, connect(url).await?))
}

async fn connect(url: &Url) -> io::Result<Stream> {
    let connected = timeout(CONNECT_TIMEOUT, async {
        match url {
            Url::Unix(path) => {
                let (read, write) = UnixStream::connect(path).await?.into_split();
                Ok::<Stream, io::Error>((Box::new(read), Box::new(write)))
            }
            Url::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                // The system may choose the server's port as the local one while no server listens there.
                if stream.local_addr()? == stream.peer_addr()? {
                    stream.set_zero_linger()?;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                Ok::<Stream, io::Error>((Box::new(read), Box::new(write)))
            }
        }
    });
    connected.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Serves a connection until it is lost. Returns why.
async fn serve(
    (read, write): Stream,
    conn: Conn,
    events: &Sender<LocalEvent>,
    lines: UnboundedReceiver<Vec<u8>>,
) -> String {
    tokio::select! {
        reason = read_lines(read, conn, events) => reason,
        error = write_lines(write, lines) => format!("cannot write to the server: {error}"),
    }
}

async fn read_lines(read: impl AsyncRead + Unpin, conn: Conn, events: &Sender<LocalEvent>) -> String {
    let mut read = BufReader::with_capacity(BUFFER_BYTES, read);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut read).take(LINE_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line).await {
            Ok(_) if line.ends_with(b"\n") => {}
            Ok(0) => return "the server closed the connection".to_owned(),
            Ok(_) => return "the server's last line has no end".to_owned(),
            Err(error) => return format!("cannot read from the server: {error}"),
        }
        let event = match wire::read(&line) {
            Ok(line) => LocalEvent::Line(conn, line),
            Err(error) => return format!("the server sent a line that is not valid: {error}"),
        };
        if line.capacity() > BUFFER_BYTES {
            line = Vec::new();
        }
        if events.send(event).await.is_err() {
            return "the bridge ends".to_owned();
        }
    }
}

async fn write_lines(mut write: impl AsyncWrite + Unpin, mut lines: UnboundedReceiver<Vec<u8>>) -> io::Error {
    let mut bytes = Vec::new();
    while let Some(line) = lines.recv().await {
        bytes.extend_from_slice(&line);
        while bytes.len() < BUFFER_BYTES
            && let Ok(line) = lines.try_recv()
        {
            bytes.extend_from_slice(&line);
        }
        if let Err(error) = write.write_all(&bytes).await {
            return error;
        }
        bytes.clear();
        bytes.shrink_to(2 * BUFFER_BYTES);
    }
    io::ErrorKind::BrokenPipe.into()
}
