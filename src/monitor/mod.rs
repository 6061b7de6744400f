//! What people see of a server: its figures in words, for the command and for the pages that the server serves.
//!
//! | file | contents |
//! |---|---|
//! | [`format`] | numbers and names for people |
//! | [`page`] | the dashboard, one document |
//! | [`state`] | what figures mean |
//! | [`why`] | why jobs of a type are waiting |

pub mod format;
pub mod page;
mod similar;
pub mod state;
pub mod why;
