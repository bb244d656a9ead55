//! What is published in a real etcd, taken back, listed, and followed by a real Envoy.
#![cfg(test)]

mod ground;
mod publish;
mod rollback;
