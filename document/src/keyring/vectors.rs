//! Signatures that others have published, with what they say of them.

use graylane::error::{Path, PolicyErrors};
use serde_json::json;

use super::*;
use crate::base64::encode;
use crate::secret::Secret;

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn keyring(id: &str, public: &str) -> Option<Keyring> {
    let text = json!({id: {"ed25519": encode(&bytes(public))}}).to_string();
    let mut errors = PolicyErrors::default();
    let keyring = Keyring::read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut errors);
    errors.is_empty().then_some(keyring)
}

/// Whether the signature is good; `None` where the key is not even taken.
fn is_good(public: &str, message: &str, signature: &str) -> Option<bool> {
    let keyring = keyring("key", public)?;
    Some(keyring.entry("key")?.key.is_good(&[&bytes(message)], &bytes(signature)))
}

#[test]
fn the_vectors_of_rfc_8032_are_signed_and_verified() {
    for [secret, public, message, signature] in RFC_8032 {
        assert_eq!(is_good(public, message, signature), Some(true));
        let wrong = format!("{message}00");
        assert_eq!(is_good(public, &wrong, signature), Some(false));
        // RFC 8410 puts these bytes before a key.
        let der = [bytes("302e020100300506032b657004220420"), bytes(secret)].concat();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", encode(&der));
        let read = Secret::read(&pem).unwrap();
        assert_eq!(read.to_text(), pem);
        assert_eq!(read.signer().ed25519, Some(crate::signer::KeyText(encode(&bytes(public)))));
    }
}

/// "Taming the many `EdDSAs`" (Chalkias, Garillot, Nikolaenko, 2020), the cases of its ed25519-speccheck.
#[test]
fn keys_and_points_of_small_order_and_numbers_that_are_not_canonical_are_refused() {
    for (what, public, message, signature, expected) in SPECCHECK {
        assert_eq!(is_good(public, message, signature), expected, "{what}");
    }
}

#[test]
fn a_public_key_of_small_order_or_that_is_no_canonical_point_is_no_key() {
    for public in [
        // Points of order 1, 2, 4, 8.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        // y = p, p + 1, 2^255 - 1; and x = 0 with a sign.
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
        // No point of the curve.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ] {
        assert!(keyring("key", public).is_none(), "{public}");
    }
}

/// RFC 4231: HMAC-SHA256, test cases 3 and 4, whose keys are long enough here.
#[test]
fn the_vectors_of_rfc_4231_are_verified() {
    for (secret, message, mac) in [
        (
            &"aa".repeat(20),
            "dd".repeat(50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            &"0102030405060708090a0b0c0d0e0f10111213141516171819".to_owned(),
            "cd".repeat(50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
    ] {
        let key = Key::HmacSha256(secret_of_digits(secret).unwrap().into());
        assert!(key.is_good(&[&bytes(&message)], &bytes(mac)));
        assert!(!key.is_good(&[&bytes(&message), b"."], &bytes(mac)));
        assert!(!key.is_good(&[&bytes(&message)], &bytes(mac)[..31]));
    }
}

/// The vectors beside the standard (secure-systems-lab/dsse, testvectors), whose keys are those of RFC 8032.
#[test]
fn the_vectors_of_dsse_are_verified() {
    const STATEMENT: &str = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==";
    const SIGNATURE: &str =
        "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==";
    for (what, payload_type, payload, signature, expected) in [
        ("single-signature", "application/vnd.in-toto+json", STATEMENT, SIGNATURE, Verdict::Good),
        (
            "url-safe-base64",
            "application/vnd.in-toto+json",
            "-_-_Pj8=",
            "P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw==",
            Verdict::Good,
        ),
        ("payload-type-swapped", "application/vnd.example.other+json", STATEMENT, SIGNATURE, Verdict::Bad),
        (
            "non-ascii-payload-type",
            "application/vnd.exämple+json",
            STATEMENT,
            "xmSk/ug66ysT7ayhkCIjhAq42zgZXSsEWuzUaNL7w2eGAdF/NU6/fRXPtmfN+5DNSAs5/i2lUnHjbbjPsu0tAw==",
            Verdict::Good,
        ),
        (
            "empty-payload",
            "application/vnd.in-toto+json",
            "",
            "gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/jHfkkDqsj7CDbDg==",
            Verdict::Good,
        ),
    ] {
        let envelope = json!({"payloadType": payload_type, "payload": payload, "signatures": [{"keyid": "A", "sig": signature}]});
        let text = envelope.to_string();
        let mut errors = PolicyErrors::default();
        let mut at = At::new(Path::Root, &mut errors);
        let envelope = Envelope::read_any(&serde_json::from_str(&text).unwrap(), &mut at);
        assert!(errors.is_empty(), "{errors}");
        let keyring = keyring("A", RFC_8032[0][1]).unwrap();
        assert_eq!(keyring.verify(&envelope, &envelope.signatures()[0]), expected, "{what}");
    }
}

/// RFC 8032, 7.1: secret key, public key, message, signature. The 1023 bytes of TEST 1024 are left out.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

/// What is special, public key, message, signature; and whether it is good here, `None` where the key is not taken.
const SPECCHECK: [(&str, &str, &str, &str, Option<bool>); 10] = [
    (
        "S = 0, R and A of small order",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
        None,
    ),
    (
        "A of small order",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        None,
    ),
    (
        "R of small order",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
        Some(false),
    ),
    (
        "A and R of mixed order: good by either equation",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
        Some(true),
    ),
    (
        "the same: good by the cofactored equation alone, which RFC 8032 recommends",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
        Some(true),
    ),
    (
        "the same: good by it unless k is reduced first",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
        Some(true),
    ),
    (
        "S above the group order",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
        Some(false),
    ),
    (
        "S far above the group order",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
        Some(false),
    ),
    (
        "R of small order, not canonical",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "fdaebc429f4a735932a160da1301080c13280eea8bc280d1b392c6b9e6ba3a5a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f454d370c8d9fc323a41450f8d513eafeb5b0697390c1e505a0d4ddc71f566607",
        Some(false),
    ),
    (
        "the same, hashed as it stands",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "84b698d39be126ff55fe45079e6c8bf64a0d7db6994560b4e96b7021eb39c1a1",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f084d5b99c2a9463d9c8bd5026916996984eeec87ddf1d3be329006ace1b37b09",
        Some(false),
    ),
];
