//! The page at `/`: the document with a nonce, and the policy that goes with it.
//!
//! The policy allows the document's own script and style, by a nonce that is new with each answer, and requests to its
//! own server. The document contains no text from peers, so no browser can take the name of a type for markup.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::monitor::page::DOCUMENT;

/// The placeholder of the nonce in the document.
const NONCE: &str = "@NONCE@";

/// Returns the document and its policy.
pub(super) fn document() -> (String, String) {
    let nonce = nonce();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (DOCUMENT.replace(NONCE, &nonce), policy)
}

/// Returns 128 bits that cannot be guessed. The hasher of std has keys from the system's random numbers, and another key
/// each time.
fn nonce() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_own_nonce_in_the_document_and_in_the_policy() {
        let (document, policy) = document();
        let (_, rest) = policy.split_once("script-src 'nonce-").unwrap();
        let nonce = &rest[..32];
        assert!(nonce.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(document.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert!(!document.contains(NONCE));
        assert!(!super::document().1.contains(nonce));
    }
}
