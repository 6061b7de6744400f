//! Whether a program can be run, as far as that is known without running it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::cli::parse::quoted;

/// Where the system looks for programs if the variable `PATH` is not set.
const PATH_DEFAULT: &str = "/bin:/usr/bin";
/// Bytes of a first line that the system reads.
const FIRST_LINE_BYTES: u64 = 256;

/// Checks that the program, and the interpreter that its first line may name, exist and may be executed. The error names
/// the file.
pub(super) fn check(program: &OsStr) -> Result<(), String> {
    let path = find(program)?;
    match interpreter(&path).as_deref() {
        None | Some([]) => Ok(()),
        Some([interpreter, words @ ..]) => {
            let needed = |reason| format!("{} needs an interpreter: {reason}", shown(path.as_os_str()));
            // Without a folder it is not searched for, but taken from the working directory.
            check_file(Path::new(interpreter)).map_err(needed)?;
            // `env` runs the first word that is no option or assignment.
            let is_env = Path::new(interpreter).file_name() == Some(OsStr::new("env"));
            let is_program =
                |word: &&OsString| !matches!(word.as_bytes(), [b'-', ..]) && !word.as_bytes().contains(&b'=');
            let started = words.iter().find(is_program).filter(|_| is_env);
            started.map_or(Ok(()), |word| find(word).map(drop).map_err(needed))
        }
    }
}

/// Finds the file of a program: at this path or, for a bare name, in a folder of `PATH`.
fn find(program: &OsStr) -> Result<PathBuf, String> {
    if program.as_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return check_file(&path).map(|()| path);
    }
    let folders = env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into());
    let mut error = format!("no such program: {}", shown(program));
    for path in env::split_paths(&folders).map(|folder| folder.join(program)) {
        match check_file(&path) {
            Ok(()) => return Ok(path),
            // A file that may not be executed explains more than one that is missing.
            Err(reason) if path.is_file() => error = reason,
            Err(_) => {}
        }
    }
    Err(error)
}

fn check_file(path: &Path) -> Result<(), String> {
    let name = shown(path.as_os_str());
    match path.metadata() {
        Err(_) => Err(format!("no such program: {name}")),
        Ok(metadata) if !metadata.is_file() => Err(format!("{name} is not a file")),
        Ok(_) => access(path, Access::EXEC_OK).map_err(|error| format!("{name} cannot be executed: {error}")),
    }
}

/// Returns the words of a `#!` line; none if the file does not begin with one or cannot be read.
fn interpreter(path: &Path) -> Option<Vec<OsString>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut bytes).ok()?;
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

fn shown(program: &OsStr) -> String {
    quoted(&program.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_cannot_be_run_is_found_before_it_is_run() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode, text, error) in [
            ("good", 0o755, "#!/bin/sh\n", ""),
            ("spaces", 0o755, "#! /usr/bin/env  -S A=1 sh -e\n", ""),
            ("text", 0o755, "no first line", ""),
            ("empty", 0o755, "", ""),
            ("plain", 0o644, "#!/bin/sh\n", "plain' cannot be executed: Permission denied"),
            ("missing", 0o755, "#!/no/such\n", "missing' needs an interpreter: no such program: '/no/such'"),
            ("windows", 0o755, "#!/bin/sh\r\n", "no such program: '/bin/sh\\r'"),
            ("env", 0o755, "#!/usr/bin/env no-such-program\n", "no such program: 'no-such-program'"),
            ("folder", 0o755, "#!/bin\n", "'/bin' is not a file"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match check(path.as_os_str()) {
                Ok(()) => assert_eq!(error, "", "{name}"),
                Err(text) => assert!(!error.is_empty() && text.contains(error), "{name}: {text}"),
            }
        }
        assert!(check(folder.path().as_os_str()).unwrap_err().contains("is not a file"));
        assert!(check(OsStr::new("no-such-program")).unwrap_err().contains("no such program"));
        assert_eq!(check(OsStr::new("sh")), Ok(()));
    }
}
