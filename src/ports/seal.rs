//! The seal of continuation tokens: by it a worker knows that one of its fleet wrote a token, and each byte of it.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What stands between a token's text and its seal.
const MARK: char = '.';

/// Shorter keys can be guessed: 32 random letters and digits are as good as the 128 bits that are never tried out.
const LEAST_KEY: usize = 32;

/// What tokens are sealed with.
#[derive(Clone)]
pub struct Seal(Option<Hmac<Sha256>>);

/// The key is too short to keep anybody from guessing it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the key for continuation tokens has {0} characters, and needs at least {least}", least = LEAST_KEY)]
pub struct ShortKey(usize);

impl Seal {
    /// No seal: tokens are taken as they come.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// The seal of all workers that have this key.
    pub fn of(key: &SecretString) -> Result<Self, ShortKey> {
        let key = key.expose_secret();
        let length = key.chars().count();
        if length < LEAST_KEY {
            return Err(ShortKey(length));
        }
        // HMAC takes keys of any length.
        Hmac::new_from_slice(key.as_bytes()).map(|mac| Self(Some(mac))).map_err(|_| ShortKey(length))
    }

    /// The text with its seal.
    #[must_use]
    pub fn sealed(&self, mut text: String) -> String {
        if let Some(mac) = &self.0 {
            let seal = mac.clone().chain_update(&text).finalize().into_bytes();
            text.push(MARK);
            for byte in seal {
                let _ = write!(text, "{byte:02x}"); // a String takes everything
            }
        }
        text
    }

    /// The text, if its seal is unbroken.
    #[must_use]
    pub fn opened<'a>(&self, sealed: &'a str) -> Option<&'a str> {
        let Some(mac) = &self.0 else {
            return Some(sealed);
        };
        let (text, seal) = sealed.rsplit_once(MARK)?;
        // Compares in constant time.
        mac.clone().chain_update(text).verify_slice(&bytes(seal)?).is_ok().then_some(text)
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|c| c.to_digit(16)).collect();
    digits?.chunks(2).map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: &str) -> Seal {
        Seal::of(&SecretString::from(key.to_owned())).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_with_no_other() {
        let ours = seal("0123456789abcdef0123456789abcdef");
        let sealed = ours.sealed("a.b".to_owned());
        assert_eq!(ours.opened(&sealed), Some("a.b"));
        assert_eq!(seal("0123456789abcdef0123456789abcdeF").opened(&sealed), None);
        assert_eq!(Seal::none().opened(&sealed), Some(sealed.as_str()));
        assert_eq!(Seal::none().sealed("a.b".to_owned()), "a.b");
    }

    #[test]
    fn no_byte_can_be_changed_added_or_left_out() {
        let ours = seal("0123456789abcdef0123456789abcdef");
        let sealed = ours.sealed("{\"deadline\":1}".to_owned());
        for at in 0..sealed.len() {
            let changed = format!("{}_{}", &sealed[..at], &sealed[at + 1..]);
            let added = format!("{}0{}", &sealed[..at], &sealed[at..]);
            let left_out = format!("{}{}", &sealed[..at], &sealed[at + 1..]);
            for other in [changed, added, left_out, sealed[..at].to_owned()] {
                assert_eq!(ours.opened(&other), None, "{other}");
            }
        }
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        assert_eq!(Seal::of(&SecretString::from("geheim".to_owned())).err(), Some(ShortKey(6)));
    }
}
