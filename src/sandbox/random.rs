//! What must not repeat or be guessed.

use ring::rand::{SecureRandom as _, SystemRandom};

/// Letters and digits of generated names: those of Kubernetes, which form no words.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The kernel always has some.
    SystemRandom::new().fill(&mut bytes).unwrap_or_default();
    bytes
}

/// A random UUID, version 4.
pub(super) fn uid() -> String {
    let mut bytes: [u8; 16] = bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex(&bytes);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// 256 bits as text; or an error where the system has no randomness.
pub(super) fn token() -> Result<String, ring::error::Unspecified> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// The five letters that `generateName` gets.
pub(super) fn suffix() -> String {
    let letter = |byte: u8| char::from(NAME_LETTERS[usize::from(byte) % NAME_LETTERS.len()]);
    bytes::<5>().into_iter().map(letter).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_look_as_they_should_and_differ() {
        let uid = uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(&uid[14..15], "4");
        assert_ne!(uid, super::uid());
        assert_eq!(token().unwrap().len(), 64);
        assert_eq!(suffix().len(), 5);
    }
}
