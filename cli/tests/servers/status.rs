//! What `graylane status` tells beside etcd, and what `graylane publish` asks proxies before it writes.

mod real_etcd {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use graylane_etcd::Keys;
    use graylane_testbed::{Etcd, Result, block_on, root};
    use serde_json::{Value, json};

    use crate::ground::{Ground, SHOP};

    #[test]
    fn the_policy_in_a_file_for_envoy_is_told_beside_etcd() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let release = SHOP.trim_end().replace('\n', "\n  ");
            ground.write("policy.yaml", format!("language: 1\nversion: 3\nreleases:\n- {release}\n"));
            let render = ["render", "envoy", "policy.yaml", "--trust", "edge", "-o", "ecds.json"];
            assert_eq!(ground.bare(&render).code, Some(0));
            let checked_in = root().join("envoy/policy.yaml").display().to_string();
            let files = ["--file", "ecds.json", "--file", &checked_in];
            let ran = ground.run(&[&["status"], &files[..]].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.out.contains("ecds.json: version 3, releases: 1"), "{ran:?}");
            let ran = ground.run(&[&["status", "-o", "json"], &files[..]].concat());
            let found: Value = serde_json::from_str(&ran.out)?;
            assert_eq!(found["files"][0], json!({"file": "ecds.json", "version": 3, "releases": 1}));
            assert_eq!(found["files"][1]["file"], checked_in);
            assert_eq!(found["etcd"]["documents"], json!([]));

            let ran = ground.bare(&["status", "--file", "shop.yaml"]);
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(
                ran.told.contains("shop.yaml holds no policy as graylane render envoy writes it"),
                "{ran:?}"
            );
            Ok(())
        })
    }

    /// Answers one request as the admin interface of an Envoy would whose module is older than any that was released. Returns where.
    fn old_envoy() -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        std::thread::spawn(move || -> Result<()> {
            let (mut stream, _) = listener.accept()?;
            let lines = BufReader::new(stream.try_clone()?).lines();
            let _request = lines.map_while(std::io::Result::ok).take_while(|line| !line.is_empty()).count();
            let page = "wasmcustom.graylane.language.graylane: 0\n";
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}", page.len())?;
            Ok(())
        });
        Ok(url)
    }

    #[test]
    fn nothing_is_published_that_the_oldest_module_does_not_understand() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let url = old_envoy()?;
            let ran = ground.publish(&["shop.yaml", "--envoy", &url, "--yes"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            let told =
                format!("graylane of {url} speaks language 0, and the documents are of 1: update it first");
            assert!(ran.told.contains(&told), "{ran:?}");
            assert_eq!(etcd.client().await?.get(Keys::under("/")).await?.values, []);
            Ok(())
        })
    }
}
