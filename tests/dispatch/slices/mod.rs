//! What may be long is done a share per turn, and all of it in the end.

mod assigning;
mod give_ups;
mod lost_workers;
mod members;
