//! The watch as a whole: a real etcd, a real Envoy with two workers, services behind it.
#![cfg(test)]

mod support;

/// Left out, and said so, where there is no etcd.
mod real_etcd {
    mod access;
    mod bounds;
    mod documents;
    mod faults;
    mod flips;
    mod follow;
    mod latency;
    mod members;
    mod scale;
    mod signed;
    mod slowest;
    mod stale;
    mod told;
}
