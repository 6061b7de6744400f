//! Runs a test over every way to the server: TCP and a UNIX socket, one, two and four shards. And the scripts, over these
//! ways.

use super::leak_check::LeakCheck;
use crate::client::Client;
use crate::play_sockets::SocketFixture;
use crate::process::{Server, Via};
use crate::script;

/// The numbers of shards that everything is tried with.
const SHARDS: [&str; 3] = ["1", "2", "4"];

/// A server, and one of the ways to it.
pub(crate) struct Net {
    pub(crate) server: Server,
    pub(crate) via: Via,
}

impl Net {
    /// A new connection; `name` is for the messages of failing tests.
    pub(crate) fn connect(&self, name: &str) -> Client {
        self.server.connect(self.via, name)
    }
}

/// Runs a test over TCP and over a UNIX socket with each number of shards, every time against a server of its own.
pub(crate) fn everywhere(options: &[&str], test: impl Fn(&Net)) {
    for shards in SHARDS {
        over_both(&[&["--threads", shards], options].concat(), &test);
    }
}

/// Runs a test over TCP and over a UNIX socket: for tests that take a second because a time-out does.
pub(crate) fn over_both(options: &[&str], test: impl Fn(&Net)) {
    for via in [Via::Tcp, Via::Unix] {
        over(via, options, &test);
    }
}

/// Runs a test over one of the two: where it takes seconds, and the way makes no difference. Whatever it did, the server
/// must be at rest again when its clients are gone.
pub(crate) fn over(via: Via, options: &[&str], test: impl Fn(&Net)) {
    let net = Net { server: Server::start(options), via };
    let leak_check = LeakCheck::of(&net.server);
    // Shown by the test harness only if the test fails.
    #[allow(clippy::print_stdout, reason = "the harness keeps it for failures")]
    {
        println!("over {via:?} with {options:?}");
    }
    test(&net);
    leak_check.expect(&net.server);
}

/// Performs a script of the core's tables over both transports, at one shard: so that each line is in force before the next.
pub(crate) fn check(script: &str) {
    let lines = script::parse(script);
    let demanded = script::options(&lines).iter().filter(|(name, _)| name != "threads");
    let options: Vec<String> = demanded.flat_map(|(name, value)| [format!("--{name}"), value.to_string()]).collect();
    let options: Vec<&str> = ["--threads", "1"].into_iter().chain(options.iter().map(String::as_str)).collect();
    over_both(&options, |net| play_over(net, script));
}

/// Checks rows `line => expected line`, each as a script of its own, on one server for all.
pub(crate) fn check_rows(rows: &str) {
    over_both(&["--threads", "1"], |net| script::of_rows(rows).for_each(|script| play_over(net, &script)));
}

fn play_over(net: &Net, script: &str) {
    let fixture = SocketFixture::new(&net.server, net.via);
    fixture.play(&script::parse(script)).unwrap_or_else(|(place, what)| script::fail(script, place, &what));
}
