//! What can be wrong with the command line, and how it is told.

use std::fmt;

use deputy::server::ConfigError;

/// What is wrong with the command line. The text is one line that names the option and says what is right.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// There is no such option.
    Unknown(String),
    /// A word that belongs to no option.
    Stray(String),
    /// An option without the value that it takes.
    NoValue { option: &'static str, right: String },
    /// An option with a value, though it takes none.
    NeedlessValue { option: String },
    /// A value that cannot be.
    Config(ConfigError),
}

impl From<ConfigError> for Wrong {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// All that the raw stage does not find out itself is a value too many, as in `--pin=yes`.
impl From<lexopt::Error> for Wrong {
    fn from(error: lexopt::Error) -> Self {
        match error {
            lexopt::Error::UnexpectedValue { option, .. } => Self::NeedlessValue { option },
            other => Self::Stray(other.to_string()),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no option {name:?}"),
            Self::Stray(word) => write!(f, "{word:?} belongs to no option"),
            Self::NoValue { option: "--host", right } => write!(f, "-h, --host takes {right} (help is --help)"),
            Self::NoValue { option, right } => write!(f, "{option} takes {right}"),
            Self::NeedlessValue { option } => write!(f, "{option} takes no value"),
            Self::Config(error) => error.fmt(f),
        }?;
        f.write_str("; try 'deputy-server --help'")
    }
}
