//! A server that serves HTTP.

use std::net::SocketAddr;

use socket2::SockAddr;

use crate::browser::{Answer, Browser};
use crate::client::Client;
use crate::process::{Server, Via};
use crate::wait::until;

/// A server, and where it serves HTTP.
pub(crate) struct Watched {
    pub(crate) server: Server,
    pub(crate) http: SocketAddr,
}

impl Watched {
    /// Starts a server with these options, and HTTP on a free port.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_under(&[], options)
    }

    /// As [`Watched::start`], started by another program.
    pub(crate) fn start_under(wrapper: &[&str], options: &[&str]) -> Self {
        let mut all = vec!["--http", "127.0.0.1:0"];
        all.extend_from_slice(options);
        let server = Server::start_under(wrapper, &all);
        let http = until("the line that says where it serves HTTP", || addresses(&server).pop());
        Self { server, http }
    }

    pub(crate) fn browse(&self) -> Browser {
        Browser::connect(&SockAddr::from(self.http))
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.browse().get(target)
    }

    /// Opens a connection for jobs.
    pub(crate) fn connect(&self, name: &str) -> Client {
        self.server.connect(Via::Tcp, name)
    }

    pub(crate) fn process(&self) -> u32 {
        self.server.process.id()
    }
}

/// Returns where a server says that it serves HTTP by TCP.
fn addresses(server: &Server) -> Vec<SocketAddr> {
    let stderr = server.process.stderr();
    let whole_lines = stderr.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole_lines.filter_map(|line| line.split_once("http on ")?.1.trim().parse().ok()).collect()
}
