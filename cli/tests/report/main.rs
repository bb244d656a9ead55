//! `graylane report` as people call it, and the statistics behind it.
#![cfg(test)]

mod ground;
mod join;
mod mistakes;
mod rows;
mod statistics;
