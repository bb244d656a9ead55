//! What is published in a real etcd, taken back, listed, and kept as a folder or a real ZooKeeper says.
#![cfg(test)]

mod access;
mod ground;
mod publish;
mod rollback;
mod status;
mod sync;
