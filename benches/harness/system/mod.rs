//! What the operating system knows: cores and limits, a process's time and memory, its system calls.

pub(crate) mod calls;
pub(crate) mod machine;
pub(crate) mod process;
