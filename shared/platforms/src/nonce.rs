//! The name of a delivery on its platform.

use sha2::{Digest, Sha256};

/// The base 32 of RFC 4648, in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Discord takes 25 characters at most. Three groups of eight carry 120 bits, enough never to meet twice.
const GROUPS: usize = 3;

/// The nonce of a command of a job, of the same form. `key` tells it from the job's other commands.
pub fn nonce_for_command(job_id: i64, key: &str) -> String {
    let mut hasher = Sha256::new();
    // A delivery's numbers stand alone, so no nonce of one can meet a nonce of the other.
    hasher.update(b"command");
    hasher.update(job_id.to_be_bytes());
    hasher.update(key);
    encoded(&hasher.finalize())
}

/// The nonce of a delivery: 24 characters of `a`–`z` and `2`–`7`, the same for every attempt of one epoch.
///
/// A later epoch is for a post that is known to be absent, whose old nonce may still be remembered.
pub fn nonce_for(delivery_id: i64, epoch: u32) -> String {
    let mut hasher = Sha256::new();
    hasher.update(delivery_id.to_be_bytes());
    hasher.update(epoch.to_be_bytes());
    encoded(&hasher.finalize())
}

/// The nonce of one message of several that one nonce stands for: that nonce for the first, and for each other one a
/// nonce made from it and the message's place. One nonce for all would be one message for all.
pub(crate) fn nonce_of_part(nonce: &str, index: usize) -> String {
    if index == 0 {
        return nonce.to_owned();
    }
    encoded(&Sha256::digest(format!("{nonce}\0{index}")))
}

fn encoded(digest: &[u8]) -> String {
    let mut nonce = String::with_capacity(GROUPS * 8);
    for group in digest.chunks_exact(5).take(GROUPS) {
        let bits = group.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for position in (0..8).rev() {
            let [low, ..] = (bits >> (position * 5)).to_le_bytes();
            nonce.push(char::from(ALPHABET[usize::from(low & 31)]));
        }
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_of_a_delivery_never_changes() {
        // Rows of running installations hold such values: an update must find its own deliveries again.
        assert_eq!(nonce_for(42, 0), "jv7onxai36kw75toegaydob3");
    }

    #[test]
    fn another_delivery_or_epoch_has_another_nonce() {
        assert_ne!(nonce_for(1, 0), nonce_for(2, 0));
        assert_ne!(nonce_for(1, 0), nonce_for(1, 1));
    }
    #[test]
    fn every_part_of_a_text_has_a_nonce_of_its_own_that_never_changes() {
        assert_eq!(nonce_of_part("n", 0), "n");
        assert_eq!(nonce_of_part("n", 1), nonce_of_part("n", 1));
        assert_eq!(nonce_of_part("n", 1).len(), 24);
        assert_ne!(nonce_of_part("n", 1), nonce_of_part("n", 2));
        assert_ne!(nonce_of_part("n", 1), nonce_of_part("m", 1));
    }
}
