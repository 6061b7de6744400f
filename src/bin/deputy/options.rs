//! What an option is, and the options that several subcommands have.

/// One option of a subcommand. The parser, help, man pages and completions are all made from it.
#[derive(Debug)]
pub(crate) struct Opt {
    pub(crate) short: Option<char>,
    /// With its dashes.
    pub(crate) long: &'static str,
    pub(crate) value: ValueKind,
    /// For the help text, without the default.
    pub(crate) help: &'static str,
    /// What it is if it is not given; empty if that goes without saying.
    pub(crate) default: &'static str,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Nothing,
    /// A whole number in this range.
    Number {
        min: u64,
        max: u64,
    },
    /// A time, more than 0 and at most a day; fractions are well.
    Seconds,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Anything else; the name is for help.
    Text(&'static str),
}

impl ValueKind {
    /// What stands for the value; empty if there is none.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Number { .. } => "N",
            Self::Seconds => "SECONDS",
            Self::Choice(_) => "WORD",
            Self::Text(name) => name,
        }
    }
}

impl Opt {
    /// An option without a value.
    pub(crate) const fn flag(short: Option<char>, long: &'static str, help: &'static str) -> Self {
        Self { short, long, value: ValueKind::Nothing, help, default: "" }
    }
}

/// Which server; read by [`Args::url`](crate::args::Args::url).
pub(crate) static SERVER: Opt = Opt {
    short: None,
    long: "--server",
    value: ValueKind::Text("URL"),
    help: "tcp://HOST:PORT, HOST:PORT or unix:/PATH",
    default: "$DEPUTY_URL, or tcp://127.0.0.1:11746",
};

/// Every subcommand has it, at the end of its list.
pub(crate) static HELP: Opt = Opt::flag(Some('h'), "--help", "show this and exit");

/// For `deputy` itself.
pub(crate) static VERSION: Opt = Opt::flag(Some('V'), "--version", "show the version and exit");
