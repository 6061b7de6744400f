//! Holds the connection to NATS. The NATS client reconnects after each loss, and this module reports the state.
//!
//! While there is no connection, this module publishes nothing: the NATS client would queue the messages, and block the
//! bridge when its queue is full. The time-outs of the core repeat messages that are lost in this way.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_nats::client::PublishError;
use async_nats::{Client, ClientError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, Server, Subscriber};
use bytes::Bytes;
use tokio::sync::watch;

use super::{EngineEvent, Findings};

/// The beginning of the subjects on which the bridge receives answers.
pub(super) const INBOX: &str = "_INBOX.deputy-bridge";
/// The time between two pings. The NATS client treats the connection as lost when two pings are unanswered and the
/// third is due. Only this shows that a server hangs. JetStream needs 4 to 9 s to elect another leader, so a shorter
/// time would gain little.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Messages of a subscription that wait to be handled.
const MESSAGES_MAX: usize = 1 << 16;
/// Explanations of the NATS client's errors for an operator, by a part of their text.
const MEANINGS: [(&str, &str); 7] = [
    ("authorization violation", "NATS does not accept this user: USER:PASSWORD@ in --nats, or --creds"),
    ("certificate", TLS_MEANING),
    ("corrupt message", TLS_MEANING),
    ("fatal alert", TLS_MEANING),
    ("TLS error", TLS_MEANING),
    ("timed out", "the program at this address does not answer as a nats-server, or a firewall drops the connection"),
    ("refused", "no nats-server listens at this address: is it running?"),
];
/// The explanation if TLS could not be established.
const TLS_MEANING: &str = "TLS failed: --tls, --tls-ca, --tls-cert, --tls-key";
/// The explanation of any other error.
const OTHER_MEANING: &str = "is a nats-server there, and does it require TLS (--tls) or not?";
/// The maximum number of servers whose errors are shown.
const SERVERS_SHOWN_MAX: usize = 3;
/// The permissions that the bridge needs, for people.
pub(crate) const PERMISSIONS: &str = "publish to $JS.API.STREAM.INFO.DEPUTY, $JS.API.CONSUMER.*.DEPUTY.>, \
     $JS.API.CONSUMER.LIST.DEPUTY, $JS.API.CONSUMER.MSG.NEXT.DEPUTY.*, $JS.ACK.DEPUTY.>, deputy.> and \
     _INBOX.deputy-bridge.>, and also to $JS.API.STREAM.CREATE.DEPUTY if the bridge must make the stream; \
     subscribe to deputy.> and _INBOX.deputy-bridge.>";

/// The connection to NATS.
pub(super) struct Connection {
    client: Client,
    /// The beginning of this bridge's own subjects for answers.
    inbox: String,
    is_up: watch::Receiver<bool>,
}

impl Connection {
    /// Starts to connect. `name` is shown by the tools of NATS.
    ///
    /// # Errors
    /// A message if a file of the options cannot be read.
    pub(super) async fn start(
        options: ConnectOptions,
        urls: Vec<String>,
        name: String,
        findings: Findings,
    ) -> Result<Self, String> {
        let (up, is_up) = watch::channel(false);
        let failures = findings.clone();
        let options = options
            .name(name)
            .custom_inbox_prefix(INBOX)
            .ping_interval(PING_EVERY)
            .subscription_capacity(MESSAGES_MAX)
            .retry_on_initial_connect()
            .max_reconnects(None)
            // The NATS client calls this before each attempt to connect, with the errors of the last one. Its events
            // have only the kinds of errors.
            .reconnect_to_server_callback(move |servers, _| {
                if let Some(text) = unreachable(&servers) {
                    let _ = failures.send(EngineEvent::Unreachable(text)); // If no one listens, the bridge has ended.
                }
                std::future::ready(None) // The client chooses the next server itself.
            })
            .event_callback(move |event| {
                report(event, &up, &findings);
                std::future::ready(())
            });
        let client = options.connect(urls).await.map_err(|error| failed(&error))?;
        Ok(Self { inbox: client.new_inbox(), client, is_up })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn inbox(&self) -> &str {
        &self.inbox
    }

    /// Returns a future that ends when the connection is lost.
    pub(super) fn loss(&self) -> impl Future<Output = ()> + use<> {
        let mut is_up = self.is_up.clone();
        async move {
            let _ = is_up.wait_for(|is_up| !is_up).await; // The client is gone: there is no connection then either.
        }
    }

    /// Subscribes for as long as the bridge runs, now or when there is a connection.
    pub(super) async fn subscribe(&self, subject: String) -> Result<Subscriber, String> {
        self.client.subscribe(subject).await.map_err(|error| failed(&error))
    }

    /// Awaits a future that publishes. Returns `None` if the connection is lost before or meanwhile.
    pub(super) async fn while_up<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        while_up(&mut self.is_up, future).await
    }

    /// Publishes a message.
    pub(super) async fn publish(&mut self, subject: String, payload: Bytes) {
        // If it is lost, the core's time-outs repeat it.
        let _ = while_up(&mut self.is_up, self.client.publish(subject, payload)).await;
    }

    /// Publishes a message whose answer comes on the subject `reply`. `None` without a connection; an error if it is
    /// too large.
    pub(super) async fn ask(
        &mut self,
        subject: String,
        reply: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Option<Result<(), PublishError>> {
        let client = &self.client;
        let published = async {
            match headers {
                Some(headers) => client.publish_with_reply_and_headers(subject, reply, headers, payload).await,
                None => client.publish_with_reply(subject, reply, payload).await,
            }
        };
        while_up(&mut self.is_up, published).await
    }

    /// Waits until NATS has received all published messages, or the connection is lost.
    pub(super) async fn flush(&mut self) {
        let _ = while_up(&mut self.is_up, self.client.flush()).await; // Without it, messages are delivered again.
    }
}

/// Awaits a future. Returns `None` if the connection to NATS is lost before or meanwhile.
async fn while_up<T>(is_up: &mut watch::Receiver<bool>, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = is_up.wait_for(|is_up| !is_up) => None,
        done = future => Some(done),
    }
}

fn failed(error: &dyn fmt::Display) -> String {
    format!("cannot connect to NATS: {error}")
}

/// Called by the client when something happens to the connection.
fn report(event: Event, up: &watch::Sender<bool>, events: &Findings) {
    let event = match event {
        Event::Connected => {
            let _ = up.send(true);
            EngineEvent::Connected
        }
        Event::Disconnected => {
            let _ = up.send(false);
            EngineEvent::Lost
        }
        Event::ServerError(error) => EngineEvent::Refused(error.to_string()),
        // The NATS client does not store this error with the server.
        Event::ClientError(ClientError::Other(kind)) if kind == ConnectErrorKind::Dns.to_string() => {
            EngineEvent::Unreachable("the host name is unknown".to_owned())
        }
        Event::SlowConsumer(_) => {
            EngineEvent::Refused("messages were dropped, because the bridge is too slow".to_owned())
        }
        // The list of servers has more details of an error.
        Event::ClientError(_) | Event::LameDuckMode | Event::Draining | Event::Closed => return,
    };
    let _ = events.send(event); // If no one listens, the bridge has ended.
}

/// Returns why the bridge could not connect to any server; `None` if no attempt has failed.
fn unreachable(servers: &[Server]) -> Option<String> {
    let failed: Vec<(&Server, &String)> =
        servers.iter().filter_map(|server| Some((server, server.last_error.as_ref()?))).collect();
    let explain = |(server, error): &(&Server, &String)| {
        let place =
            if servers.len() == 1 { String::new() } else { format!("{}:{}: ", server.addr.host(), server.addr.port()) };
        format!("{place}{}", explained(error))
    };
    (!failed.is_empty()).then(|| failed.iter().take(SERVERS_SHOWN_MAX).map(explain).collect::<Vec<_>>().join("; "))
}

/// Returns an error of the NATS client with an explanation. The original text stays, because it has the error of the
/// operating system or of TLS.
fn explained(error: &str) -> String {
    let error = error.strip_prefix("IO error: ").unwrap_or(error);
    let meaning = MEANINGS.iter().find(|(part, _)| error.contains(part)).map_or(OTHER_MEANING, |(_, meaning)| meaning);
    format!("{error} ({meaning})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_the_words_of_the_system_and_gets_its_meaning() {
        for (error, expected) in [
            (
                "IO error: Connection refused (os error 111)",
                "Connection refused (os error 111) (no nats-server listens at this address: is it running?)",
            ),
            (
                "IO error: invalid peer certificate: UnknownIssuer",
                "invalid peer certificate: UnknownIssuer (TLS failed: --tls, --tls-ca, --tls-cert, --tls-key)",
            ),
            (
                "IO error: Connection reset by peer (os error 104)",
                "Connection reset by peer (os error 104) (is a nats-server there, and does it require TLS (--tls) or not?)",
            ),
        ] {
            assert_eq!(explained(error), expected);
        }
    }

    #[test]
    fn the_permissions_are_those_of_the_documentation() {
        let page = include_str!("../../../../docs/scale-out.md");
        let (_, section) = page.split_once("\n### Permissions\n").unwrap();
        let table = section.trim_start().lines().take_while(|line| line.starts_with('|'));
        let subjects: Vec<&str> = table.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
        assert!(subjects.len() > 8);
        for subject in subjects {
            assert!(PERMISSIONS.contains(subject), "{subject}");
        }
        assert!(PERMISSIONS.contains(&format!("{INBOX}.>")));
    }
}
