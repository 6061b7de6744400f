//! When two job ids are the same: the same text, the same string after unescaping, or numbers of the same double value.
