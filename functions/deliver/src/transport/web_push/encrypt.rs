//! Encryption of a push into one record (RFC 8291), on the primitives of the crypto library, with a new key pair each.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, rand};
use shared::domain::subscription::{AuthSecret, P256dh};

/// The record size in the header (RFC 8188); the one record of a push is never longer.
const RECORD_SIZE: u32 = 4096;

/// The encrypted body for one subscription.
pub(crate) fn encrypt(plaintext: &[u8], p256dh: &P256dh, auth: &AuthSecret) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; 16];
    rand::fill(&mut salt)?;
    encrypt_with(plaintext, p256dh, auth, &PrivateKey::generate(&ECDH_P256)?, salt)
}

/// The same with a given key pair and salt, to compare it with the RFC's example.
fn encrypt_with(
    plaintext: &[u8],
    p256dh: &P256dh,
    auth: &AuthSecret,
    sender: &PrivateKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, Unspecified> {
    let public = sender.compute_public_key()?;
    let receiver = UnparsedPublicKey::new(&ECDH_P256, p256dh.as_bytes());
    let key_info = [b"WebPush: info\0".as_slice(), p256dh.as_bytes(), public.as_ref()];
    let keying_material: [u8; 32] =
        agreement::agree(sender, receiver, Unspecified, |shared| derive(auth.as_bytes(), shared, &key_info))?;
    let content_key: [u8; 16] = derive(&salt, &keying_material, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; NONCE_LEN] = derive(&salt, &keying_material, &[b"Content-Encoding: nonce\0"])?;

    let mut record = Vec::with_capacity(plaintext.len() + 1 + AES_128_GCM.tag_len());
    record.extend_from_slice(plaintext);
    // The delimiter of the last record, and no padding after it.
    record.push(2);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;

    let key_id_length = u8::try_from(public.as_ref().len()).map_err(|_| Unspecified)?;
    Ok([&salt, RECORD_SIZE.to_be_bytes().as_slice(), &[key_id_length], public.as_ref(), &record].concat())
}

/// HKDF with SHA-256 (RFC 5869), extract and expand.
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }

    let mut derived = [0; N];
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret).expand(info, Length(N))?.fill(&mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn the_example_of_rfc_8291_is_reproduced_byte_for_byte() {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let p256dh = P256dh::try_from(p256dh.to_owned()).expect("a public key");
        let auth = AuthSecret::try_from("BTBZMqHH6r4Tts7J_aSIgg".to_owned()).expect("a secret");
        let sender = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let sender = PrivateKey::from_private_key(&ECDH_P256, &sender).expect("a private key");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("16 bytes");

        let body = encrypt_with(b"When I grow up, I want to be a watermelon", &p256dh, &auth, &sender, salt);

        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body.expect("a body")), expected);
    }

    #[test]
    fn the_longest_plaintext_fills_the_record() {
        let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let p256dh = P256dh::try_from(p256dh.to_owned()).expect("a public key");
        let auth = AuthSecret::try_from("BTBZMqHH6r4Tts7J_aSIgg".to_owned()).expect("a secret");

        let body = encrypt(&[b'x'; shared::domain::notification::MAX_PLAINTEXT_BYTES], &p256dh, &auth).expect("a body");

        assert_eq!(body.len(), RECORD_SIZE as usize);
    }
}
