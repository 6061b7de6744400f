//! Checks whether a program can be run, as far as is possible without running it.

use std::env;
use std::env::consts::ARCH;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::cli::parse::quoted;

/// The folders in which the system looks for programs if the variable `PATH` is not set.
const PATH_DEFAULT: &str = "/bin:/usr/bin";
/// The bytes at the beginning of a program that the system reads.
const BEGINNING_BYTES: u64 = 256;
/// The folder in which Linux has a file for each interpreter of other formats.
const BINFMT_MISC: &str = "/proc/sys/fs/binfmt_misc";
/// The programs that each architecture can run: the numbers of ELF machines, and whether they are big-endian. A 64-bit
/// system may run 32-bit programs. An architecture that is absent here is not checked.
const MACHINES: [(&str, [u16; 2], bool); 8] = [
    ("x86_64", [62, 3], false),
    ("x86", [3, 62], false),
    ("aarch64", [183, 40], false),
    ("arm", [40, 183], false),
    ("riscv64", [243, 243], false),
    ("loongarch64", [258, 258], false),
    ("powerpc64", [21, 20], cfg!(target_endian = "big")),
    ("s390x", [22, 22], true),
];

/// Checks that the program exists and may be executed, and likewise the interpreter that its first line may name. A
/// program in machine code must be for this machine. The error names the file.
pub(super) fn check(program: &OsStr) -> Result<(), String> {
    let path = find(program)?;
    let beginning = check_machine(&path)?;
    match interpreter(&beginning).as_deref() {
        None | Some([]) => Ok(()),
        Some([interpreter, words @ ..]) => {
            let needed = |reason| format!("{} needs an interpreter: {reason}", shown(path.as_os_str()));
            // An interpreter without a folder is not searched for, but taken from the working directory.
            let interpreter = Path::new(interpreter);
            check_file(interpreter).and_then(|()| check_machine(interpreter)).map_err(needed)?;
            // `env` runs the first word that is no option or assignment.
            let is_env = interpreter.file_name() == Some(OsStr::new("env"));
            let is_program =
                |word: &&OsString| !matches!(word.as_bytes(), [b'-', ..]) && !word.as_bytes().contains(&b'=');
            let started = words.iter().find(is_program).filter(|_| is_env);
            started.map_or(Ok(()), |word| find(word).map(drop).map_err(needed))
        }
    }
}

/// Finds the file of a program: at this path or, for a bare name, in a folder of `PATH`.
fn find(program: &OsStr) -> Result<PathBuf, String> {
    if program.is_empty() {
        return Err("COMMAND is empty".to_owned());
    }
    if program.as_bytes().contains(&b'/') {
        let path = PathBuf::from(program);
        return check_file(&path).map(|()| path);
    }
    let folders = env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into());
    let mut error = format!("no such program: {}", shown(program));
    for path in env::split_paths(&folders).map(|folder| folder.join(program)) {
        match check_file(&path) {
            Ok(()) => return Ok(path),
            // A file that may not be executed is a better explanation than a missing file.
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

/// Checks that a file in machine code is for this machine. Returns the first bytes of the file.
fn check_machine(path: &Path) -> Result<Vec<u8>, String> {
    let beginning = beginning(path);
    if is_elf_of_another_machine(&beginning, ARCH) && !has_other_formats(Path::new(BINFMT_MISC)) {
        return Err(format!("{} is not a program for this machine ({ARCH})", shown(path.as_os_str())));
    }
    Ok(beginning)
}

/// Returns the first bytes of a file, or no bytes if the file cannot be read: a program need not be readable.
fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING_BYTES).read_to_end(&mut bytes));
    if read.is_ok() { bytes } else { Vec::new() }
}

/// Returns the words of a `#!` line; `None` if the file does not begin with such a line.
fn interpreter(beginning: &[u8]) -> Option<Vec<OsString>> {
    let line = beginning.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    Some(words.map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// Whether a file begins as an ELF file that this architecture cannot execute: a file for another machine, or no
/// program. The system would let `sh` run it, which fails.
fn is_elf_of_another_machine(beginning: &[u8], arch: &str) -> bool {
    let Some((_, machines, is_big)) = MACHINES.iter().find(|(name, ..)| *name == arch) else { return false };
    if !beginning.starts_with(b"\x7fELF") {
        return false;
    }
    // The kind of file and the machine follow the first 16 bytes. The sixth of these has the order of bytes.
    let Some(&[k0, k1, m0, m1]) = beginning.get(16..20) else { return true };
    let number = |bytes| if *is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    let is_program = matches!(number([k0, k1]), 2 | 3);
    !is_program || beginning[5] != 1 + u8::from(*is_big) || !machines.contains(&number([m0, m1]))
}

/// Whether the system runs files of other formats by interpreters, such as emulators of other machines.
fn has_other_formats(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_enabled = |path: PathBuf| fs::read(path).is_ok_and(|text| text.starts_with(b"enabled"));
    entries.map(|entry| entry.path()).any(|path| !path.ends_with("status") && is_enabled(path))
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
        assert_eq!(check(OsStr::new("")).unwrap_err(), "COMMAND is empty");
        assert!(check(folder.path().as_os_str()).unwrap_err().contains("is not a file"));
        assert!(check(OsStr::new("no-such-program")).unwrap_err().contains("no such program"));
        assert_eq!(check(OsStr::new("sh")), Ok(()));
    }

    /// The beginning of an ELF file: its order of bytes, kind and machine.
    fn elf(order: u8, kind: [u8; 2], machine: [u8; 2]) -> Vec<u8> {
        [&b"\x7fELF\x02"[..], &[order], &[1; 10], &kind, &machine].concat()
    }

    #[test]
    fn machine_code_must_be_for_this_machine() {
        for (arch, beginning, is_other) in [
            ("x86_64", elf(1, [2, 0], [62, 0]), false),
            ("x86_64", elf(1, [3, 0], [3, 0]), false),
            ("x86_64", elf(1, [3, 0], [183, 0]), true),
            ("x86_64", elf(2, [0, 3], [0, 22]), true),
            ("s390x", elf(2, [0, 3], [0, 22]), false),
            ("loongarch64", elf(1, [3, 0], [2, 1]), false),
            // An object file, and garbage.
            ("x86_64", elf(1, [1, 0], [62, 0]), true),
            ("x86_64", b"\x7fELF\n".to_vec(), true),
            ("x86_64", b"#!/bin/sh\n".to_vec(), false),
            ("unknown", elf(1, [3, 0], [183, 0]), false),
        ] {
            assert_eq!(is_elf_of_another_machine(&beginning, arch), is_other, "{arch} {beginning:?}");
        }
        let this = beginning(&env::current_exe().unwrap());
        assert!(!this.is_empty() && !is_elf_of_another_machine(&this, ARCH));
    }

    #[test]
    fn an_emulator_may_run_machine_code_of_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("status"), "enabled\n").unwrap();
        assert!(!has_other_formats(folder.path()) && !has_other_formats(&folder.path().join("missing")));
        fs::write(folder.path().join("qemu-s390x"), "disabled\ninterpreter /x\n").unwrap();
        assert!(!has_other_formats(folder.path()));
        fs::write(folder.path().join("qemu-aarch64"), "enabled\ninterpreter /x\n").unwrap();
        assert!(has_other_formats(folder.path()));
    }
}
