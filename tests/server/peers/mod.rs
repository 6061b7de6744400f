//! Peers that die, leave halfway, stop reading or break rules, and clients that exist already.

mod answer_then_fin;
mod clients;
mod strangers;
mod unread;
mod workers_die;
