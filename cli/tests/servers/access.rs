//! An etcd that lets in nobody without a certificate and a password.

mod real_etcd {
    use graylane_testbed::{Authority, Etcd, Result, block_on};

    use crate::ground::Ground;

    const CERTIFICATES: [&str; 6] = ["--cacert", "ca.pem", "--cert", "own.pem", "--key-file", "own.key"];
    const USER: [&str; 4] = ["--user", "publisher", "--password-file", "password"];

    #[test]
    fn documents_are_published_and_told_by_tls_as_a_user() -> Result<()> {
        block_on(async {
            let authority = Authority::new()?;
            // What is beside the prefix belongs to the history.
            let users = Etcd::builder().writer("publisher", "hush-hush", "/policies");
            let etcd = users.tls(&authority)?.start().await?;
            let ground = Ground::of(&etcd);
            let own = authority.issue("a publisher's host")?;
            ground.write("ca.pem", authority.certificate());
            ground.write("own.pem", own.certificate);
            ground.write("own.key", own.key);
            ground.write("password", "hush-hush\n");
            let publish = |access: &[&str]| ground.publish(&[&["shop.yaml", "--yes"], access].concat());

            let nobody = publish(&CERTIFICATES);
            assert_eq!(nobody.code, Some(2), "a certificate alone lets nobody in: {nobody:?}");
            let bare = publish(&[&CERTIFICATES[..2], &USER].concat());
            assert_eq!(bare.code, Some(2), "nor does a password: {bare:?}");
            let strange = publish(&USER);
            assert_eq!(strange.code, Some(2), "who vouches for etcd is not known: {strange:?}");
            ground.write("password", "guessed");
            let guessed = publish(&[&CERTIFICATES[..], &USER].concat());
            assert_eq!(guessed.code, Some(2), "{guessed:?}");
            assert!(!guessed.told.contains("guessed"), "passwords are for nobody's terminal: {guessed:?}");

            ground.write("password", "hush-hush\n");
            let ran = publish(&[&CERTIFICATES[..], &USER].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.out.contains("releases/shop: version 1 is live"), "{ran:?}");
            let status = ["status", "--signers", "signers.yaml"];
            let told = ground.run(&[&status[..], &CERTIFICATES, &USER].concat());
            assert_eq!(told.code, Some(0), "{told:?}");
            assert!(told.out.contains("releases/shop        1  team-a"), "{told:?}");
            Ok(())
        })
    }
}
