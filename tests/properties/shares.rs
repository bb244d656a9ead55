//! Shares: what a percentage means for a population.

use graylane::bucket::{Bucket, COUNT};

const USERS: u32 = 100_000;
const SALTS: [&str; 4] = ["shop", "checkout-button-2026-11", "a", "user-svc"];

fn bucket(salt: &str, user: u32) -> u16 {
    Bucket::of(salt.as_bytes(), format!("user-{user}").as_bytes()).get()
}

/// Whether `count` of `of` is a share that chance explains: within five standard deviations, which chance misses once
/// in two million times. The population is fixed, so this either always holds or never does.
fn is_share(count: u32, of: u32, share: f64) -> bool {
    let (count, of) = (f64::from(count), f64::from(of));
    (count - of * share).abs() <= 5.0 * (of * share * (1.0 - share)).sqrt()
}

#[test]
fn a_percentage_holds_that_part_of_a_population() {
    for salt in SALTS {
        for percent in [0.01, 0.1, 1.0, 5.0, 20.0, 50.0, 99.0] {
            let share = percent / 100.0;
            let inside = |bucket: u16| f64::from(bucket) < share * f64::from(COUNT);
            let count = (0..USERS).filter(|user| inside(bucket(salt, *user))).count();
            let count = u32::try_from(count).expect("a count");
            assert!(is_share(count, USERS, share), "{salt}: {count} of {USERS} at {percent} %");
        }
    }
}

#[test]
fn every_part_of_the_buckets_is_filled_alike() {
    for salt in SALTS {
        let mut parts = [0_u32; 100];
        for user in 0..USERS {
            parts[usize::from(bucket(salt, user) / 100)] += 1;
        }
        for (part, count) in parts.into_iter().enumerate() {
            assert!(is_share(count, USERS, 0.01), "{salt}: {count} users in part {part}");
        }
    }
}

/// Whoever is in the canary of one release is in the test group of another as often as everybody else.
#[test]
fn releases_with_different_salts_do_not_share_their_users() {
    let (mut canary, mut both) = (0, 0);
    for user in 0..USERS {
        let in_canary = bucket("shop", user) < 2_000;
        canary += u32::from(in_canary);
        both += u32::from(in_canary && bucket("button", user) < 5_000);
    }
    assert!(is_share(both, canary, 0.5), "{both} of {canary}");
}
